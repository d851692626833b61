import type { GetOptions, TokenManager } from '../create-token-manager.ts';
import { TokenctlError } from '../errors.ts';
import type { Secret } from '../secret.ts';
import type { Token } from '../token.ts';
import { parseDuration } from './duration.ts';
import type { GetArguments } from './get-options.ts';
import { releaseHerd } from './herd.ts';
import { print } from './io.ts';
import { useLightFetchTypes } from './light-fetch.ts';
import { asked, openLogin } from './manager.ts';
import { rejectedToken } from './rejected-token.ts';
import { reportError, reportWarnings } from './report.ts';

/**
 * Prints an access token that is valid now. Gives whether it had to be refreshed.
 *
 * @param open what `--login`, `--scope` and `--resource` bring with them is no part of a plain get
 */
export const get = async (
  name: string,
  options: GetArguments,
  open: Open = openPlainly,
): Promise<boolean> => {
  requireOneForm(options);
  const manager = await open(name, options);
  const request: GetOptions = {
    asked: asked(),
    force: options.force,
    noRefresh: !options.refresh,
    minTtlMs: options.minTtl === undefined ? 0 : parseDuration(options.minTtl, '--min-ttl'),
    rejected: await rejectedToken(options.rejected),
    timeoutMs: parseDuration(options.timeout, '--timeout'),
  };
  let token = await manager.getValidToken(request);
  if (options.idToken && options.refresh && mayRenewIdToken(token)) {
    token = await manager.getValidToken({ ...request, force: true });
  }
  releaseHerd();
  await print(`${format(token, options)}\n`, name);
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
              ? `use it now; then sign in again: tokenctl login ${name}`
              : `make the store writable: the next get takes what was saved in '${token.lifeboat}'`,
        },
      ),
      options.json ?? false,
    );
  }
  return token.refreshed;
};

export type Open = (
  name: string,
  options: GetArguments,
) => Pick<TokenManager, 'getValidToken'> | Promise<Pick<TokenManager, 'getValidToken'>>;

export const openPlainly: Open = (name) => {
  useLightFetchTypes();
  return openLogin(name).manager;
};

const requireOneForm = (options: GetArguments): void => {
  const { json, header, idToken, force, refresh } = options;
  if (options.login && (options.scope !== undefined || options.resource !== undefined)) {
    throw new TokenctlError('usage', '--login and --scope or --resource exclude each other');
  }
  if ([json, header, idToken].filter(Boolean).length > 1) {
    throw new TokenctlError('usage', '--json, --header and --id-token exclude each other');
  }
  if (force && !refresh) {
    throw new TokenctlError('usage', '--force and --no-refresh exclude each other');
  }
};

/** Not again where the last refresh brought none: some providers never do. */
export const mayRenewIdToken = (token: Token): boolean =>
  idTokenIsDue(token) &&
  token.idTokenExpiresAt !== null &&
  token.issuedAt.getTime() < token.idTokenExpiresAt.getTime();

const idTokenIsDue = ({ idToken, idTokenExpiresAt }: Token): boolean =>
  idToken !== null && idTokenExpiresAt !== null && idTokenExpiresAt.getTime() <= Date.now();

/** @throws {TokenctlError} `refused` if there is none */
export const validIdToken = (token: Token): Secret => {
  if (token.idToken === null || idTokenIsDue(token)) {
    throw new TokenctlError('refused', 'there is no valid id token', {
      login: token.login,
      hint: 'sign in with the scope openid',
    });
  }
  return token.idToken;
};

const format = (token: Token, { json, header, idToken }: GetArguments): string => {
  if (json) {
    return JSON.stringify({
      login: token.login,
      access_token: token.accessToken.reveal(),
      token_type: token.tokenType,
      expires_at: token.expiresAt?.toISOString() ?? null,
      scope: token.scope,
      // Only of providers that say so: without it nobody knows where to use the token.
      ...(token.instanceUrl !== undefined && { instance_url: token.instanceUrl }),
    });
  }
  if (idToken) {
    return validIdToken(token).reveal();
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
