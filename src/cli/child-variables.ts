import { abbreviated, TokenctlError } from '../errors.ts';

/** A variable that the program is to have: the token of a login, or the path of a file with it. */
export interface Variable {
  readonly login: string;
  readonly variable: string;
  readonly as: 'token' | 'path';
}

/**
 * What `--env` and `--file` say. `NAME=VARIABLE` says it of that login. A variable alone is for the
 * logins in their order, those that a `NAME=` of the same option speaks of left out, and all of them for
 * a login that is alone.
 *
 * @throws {TokenctlError} `usage`
 */
export const bindVariables = (
  logins: readonly string[],
  { env, file }: { readonly env: readonly string[]; readonly file: readonly string[] },
): Variable[] => {
  const repeated = logins.find((login, index) => logins.indexOf(login) !== index);
  if (repeated !== undefined) {
    throw usage(`${abbreviated(repeated)} is named twice`);
  }
  return requireDistinct([
    ...bindOption('--env', logins, env).map((bound) => ({ ...bound, as: 'token' as const })),
    ...bindOption('--file', logins, file).map((bound) => ({ ...bound, as: 'path' as const })),
  ]);
};

/** @throws {TokenctlError} `usage` if one variable is to have two values, or one that nothing should set */
export const requireDistinct = (variables: readonly Variable[]): Variable[] => {
  for (const [index, { variable, login }] of variables.entries()) {
    requireVariable(variable);
    const other = variables.slice(0, index).find((each) => each.variable === variable);
    if (other !== undefined) {
      throw usage(
        other.login === login
          ? `${variable} is given twice for ${login}`
          : `${variable} would be for ${other.login} and for ${login}`,
        `say which is which: --env ${login}=${suggestedVariable(login)}`,
      );
    }
  }
  return [...variables];
};

/** What a person may call it where the provider's tools have no name for it. */
export const suggestedVariable = (login: string): string => {
  const name = `${login.toUpperCase().replace(/[^A-Z0-9]+/g, '_')}_TOKEN`.replace(/^(?=\d)/, '_');
  return isObeyed(name) ? `MY_${name}` : name;
};

const bindOption = (
  option: string,
  logins: readonly string[],
  given: readonly string[],
): Omit<Variable, 'as'>[] => {
  const named = given.filter((each) => each.includes('=')).map((each) => splitNamed(option, each));
  const stranger = named.find(({ login }) => !logins.includes(login));
  if (stranger !== undefined) {
    throw usage(`${option}: ${abbreviated(stranger.login)} is not among the logins that are named`);
  }
  const alone = given.filter((each) => !each.includes('='));
  const [only] = logins;
  if (logins.length === 1 && only !== undefined) {
    return [...named, ...alone.map((variable) => ({ login: only, variable }))];
  }
  const inTurn = logins.filter((login) => !named.some((each) => each.login === login));
  return [
    ...named,
    ...alone.map((variable, index) => {
      const login = inTurn[index];
      if (login === undefined) {
        throw usage(
          `${option}: there are more variables than logins`,
          `to give one login several: ${option} NAME=VARIABLE`,
        );
      }
      return { login, variable };
    }),
  ];
};

const splitNamed = (option: string, given: string): Omit<Variable, 'as'> => {
  const [login = '', variable = '', ...rest] = given.split('=');
  if (rest.length > 0) {
    throw usage(`${option} takes VARIABLE or NAME=VARIABLE`);
  }
  return { login, variable };
};

const requireVariable = (variable: string): void => {
  if (!/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(variable)) {
    throw usage(`${abbreviated(variable) || "''"} is no name of an environment variable`);
  }
  if (isObeyed(variable)) {
    throw usage(`${variable} decides what programs do: a token does not belong in it`);
  }
};

/** On Windows the names of variables have no case. */
const isObeyed = (variable: string): boolean =>
  OBEYED.test(variable) || (process.platform === 'win32' && OBEYED.test(variable.toUpperCase()));

/**
 * Variables that the system, shells, interpreters and common tools act on. The value comes from a
 * provider, and must not say what is loaded, run or trusted.
 */
const OBEYED = new RegExp(
  `^(?:${[
    'TOKENCTL_.*|LD_.*|DYLD_.*|LC_.*|XDG_.*|MALLOC_.*|GCONV_PATH|GLIBC_TUNABLES|LOCPATH|NLSPATH|HOSTALIASES',
    'PATH|HOME|SHELL|USER|LOGNAME|PWD|OLDPWD|TMPDIR|TMP|TEMP|TERM|TERMINFO|TERMCAP|TZ|LANG|LANGUAGE',
    'IFS|ENV|BASH_.*|SHELLOPTS|BASHOPTS|PS[0-9]|PROMPT_COMMAND|CDPATH|GLOBIGNORE|ZDOTDIR|FPATH',
    'EDITOR|VISUAL|PAGER|MANPAGER|BROWSER|LESSOPEN|LESSCLOSE|DISPLAY|HISTFILE',
    'MAKEFLAGS|GNUMAKEFLAGS|TAR_OPTIONS|RSYNC_RSH|SSLKEYLOGFILE|RUSTFLAGS|CARGO_HOME|CC|CXX',
    'NODE_(?:OPTIONS|PATH|EXTRA_CA_CERTS)|PYTHON[A-Z]+|PERL5?(?:LIB|OPT|DB)|RUBY(?:OPT|LIB)|LUA_.*',
    'JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|JDK_JAVA_OPTIONS|CLASSPATH|MAVEN_OPTS|GRADLE_OPTS',
    'GIT_(?:SSH|SSH_COMMAND|ASKPASS|EDITOR|SEQUENCE_EDITOR|PAGER|EXTERNAL_DIFF|PROXY_COMMAND|EXEC_PATH|DIR|CONFIG.*)',
    'SSH_ASKPASS|SSH_AUTH_SOCK|CURL_HOME|SSL_CERT_(?:FILE|DIR)|OPENSSL_CONF|OPENSSL_MODULES',
    '(?:HTTP|HTTPS|FTP|ALL|NO)_PROXY|(?:http|https|ftp|all|no)_proxy',
  ].join('|')})$`,
);

const usage = (message: string, hint = 'tokenctl exec --help'): TokenctlError =>
  new TokenctlError('usage', message, { hint });
