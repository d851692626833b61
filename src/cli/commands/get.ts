import { Command } from 'commander';
import type { GetOptions } from '../../create-token-manager.ts';
import { TokenctlError } from '../../errors.ts';
import type { Token } from '../../token.ts';
import { parseDuration } from '../duration.ts';
import { print } from '../io.ts';
import { asked, openLogin } from '../manager.ts';
import { rejectedToken } from '../rejected-token.ts';
import { reportError, reportWarnings } from '../report.ts';

interface Options {
  json?: true;
  header?: true;
  idToken?: true;
  minTtl?: string;
  force?: true;
  refresh: boolean;
  rejected?: string;
  timeout: string;
}

export const command = (): Command =>
  new Command('get')
    .summary('print an access token that is valid now')
    .description(
      'Print an access token that is valid now, renewed if need be: once, however many ask.',
    )
    .argument('<NAME>', 'the login')
    .option('--json', 'print login, access_token, token_type, expires_at and scope as JSON')
    .option('--header', 'print an Authorization header')
    .option('--id-token', 'print the OpenID Connect id token instead')
    .option('--min-ttl <DURATION>', 'renew if it is valid for less than this (90s, 10m, 2h)')
    .option('--force', 'renew even if it is fresh')
    .option('--no-refresh', 'never renew')
    .option(
      '--rejected <->',
      'a token that was rejected (401), on stdin: renew if it is still ours',
    )
    .option('--timeout <DURATION>', 'how long to wait for others', '30s')
    .addHelpText('after', HELP)
    .action(run);

const HELP = `
Examples:
  curl -H "$(tokenctl get github --header)" https://api.github.com/user
  TOKEN=$(tokenctl get work --min-ttl 10m) || exit
  printf %s "$TOKEN" | tokenctl get work --rejected -    # after a 401`;

const run = async (name: string, options: Options): Promise<void> => {
  requireOneForm(options);
  const { manager } = openLogin(name);
  const get: GetOptions = {
    asked: asked(),
    force: options.force,
    noRefresh: !options.refresh,
    minTtlMs: options.minTtl === undefined ? 0 : parseDuration(options.minTtl, '--min-ttl'),
    rejected: await rejectedToken(options.rejected),
    timeoutMs: parseDuration(options.timeout, '--timeout'),
  };
  let token = await manager.getValidToken(get);
  if (options.idToken && options.refresh && mayRenewIdToken(token)) {
    token = await manager.getValidToken({ ...get, force: true });
  }
  await print(`${format(token, options)}\n`);
  reportWarnings(name, token.warnings);
  if (!token.saved) {
    process.exitCode = reportError(
      new TokenctlError(
        'not_saved',
        'a new token was issued and could not be saved; it is on stdout',
        {
          login: name,
          hint:
            token.lifeboat === null
              ? `use it now; then tokenctl import ${name}`
              : `make the store writable: the next get takes what was saved in '${token.lifeboat}'`,
        },
      ),
      options.json ?? false,
    );
  }
};

const requireOneForm = ({ json, header, idToken, force, refresh }: Options): void => {
  if ([json, header, idToken].filter(Boolean).length > 1) {
    throw new TokenctlError('usage', '--json, --header and --id-token exclude each other');
  }
  if (force && !refresh) {
    throw new TokenctlError('usage', '--force and --no-refresh exclude each other');
  }
};

/** Not again where the last refresh brought none: some providers never do. */
const mayRenewIdToken = (token: Token): boolean =>
  idTokenIsDue(token) &&
  token.idTokenExpiresAt !== null &&
  token.issuedAt.getTime() < token.idTokenExpiresAt.getTime();

const idTokenIsDue = ({ idToken, idTokenExpiresAt }: Token): boolean =>
  idToken !== null && idTokenExpiresAt !== null && idTokenExpiresAt.getTime() <= Date.now();

const format = (token: Token, { json, header, idToken }: Options): string => {
  if (json) {
    return JSON.stringify({
      login: token.login,
      access_token: token.accessToken.reveal(),
      token_type: token.tokenType,
      expires_at: token.expiresAt?.toISOString() ?? null,
      scope: token.scope,
    });
  }
  if (idToken) {
    if (token.idToken === null || idTokenIsDue(token)) {
      throw new TokenctlError('refused', 'there is no valid id token', {
        login: token.login,
        hint: 'sign in with the scope openid',
      });
    }
    return token.idToken.reveal();
  }
  if (header && token.tokenType.toLowerCase() !== 'bearer') {
    throw new TokenctlError(
      'refused',
      `the access token is of type ${token.tokenType}: a header alone does not present it`,
      { login: token.login },
    );
  }
  return header
    ? `Authorization: Bearer ${token.accessToken.reveal()}`
    : token.accessToken.reveal();
};
