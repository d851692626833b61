/** What `get` can be asked for. One table for --help and for the way that does without commander. */
export const GET_OPTIONS = {
  '--json': ['json', '', 'print login, access_token, token_type, expires_at and scope as JSON'],
  '--header': ['header', '', 'print an Authorization header'],
  '--id-token': ['idToken', '', 'print the OpenID Connect id token instead'],
  '--min-ttl': ['minTtl', '<DURATION>', 'renew if it is valid for less than this (90s, 10m, 2h)'],
  '--force': ['force', '', 'renew even if it is fresh'],
  '--no-refresh': ['refresh', '', 'never renew'],
  '--login': ['login', '', 'sign in if a person is needed; on a terminal only'],
  '--rejected': [
    'rejected',
    '<->',
    'a token that was rejected (401), on stdin: renew if it is still ours',
  ],
  '--scope': ['scope', '<SCOPE>', 'another access token, for less than all that was granted'],
  '--resource': ['resource', '<URI>', 'another access token, for this resource (RFC 8707)'],
  '--timeout': ['timeout', '<DURATION>', 'how long to wait for others'],
} as const satisfies Record<string, readonly [member: keyof GetArguments, value: string, string]>;

export interface GetArguments {
  json?: true;
  header?: true;
  idToken?: true;
  minTtl?: string;
  force?: true;
  login?: true;
  refresh: boolean;
  rejected?: string;
  scope?: string;
  resource?: string;
  timeout: string;
}

export const GET_DEFAULTS = { refresh: true, timeout: '30s' } as const;

/** These bring more with them than a plain `get` has. */
const NOT_PLAIN: ReadonlySet<string> = new Set(['--login', '--scope', '--resource']);

/**
 * The arguments of a plain `get`, read without commander, which takes a tenth of a Node.js start to
 * load. null for all that is not plainly one name and known options: help, mistakes, `--option=value`, signing in.
 */
export const parseGetArguments = (
  args: readonly string[],
): { name: string; options: GetArguments } | null => {
  const options: Record<string, string | boolean> = { ...GET_DEFAULTS };
  const names: string[] = [];
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index] ?? '';
    if (!arg.startsWith('-')) {
      names.push(arg);
      continue;
    }
    if (!Object.hasOwn(GET_OPTIONS, arg) || NOT_PLAIN.has(arg)) {
      return null;
    }
    const [member, value] = GET_OPTIONS[arg as keyof typeof GET_OPTIONS];
    if (value === '') {
      options[member] = !arg.startsWith('--no-');
      continue;
    }
    index += 1;
    const given = args[index];
    if (given === undefined || (given.startsWith('-') && given !== '-')) {
      return null;
    }
    options[member] = given;
  }
  const [name] = names;
  return names.length === 1 && name !== undefined && name !== ''
    ? { name, options: options as unknown as GetArguments }
    : null;
};
