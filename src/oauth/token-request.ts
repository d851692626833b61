import * as oauth from 'oauth4webapi';
import type { Client } from '../credential.ts';
import { rewriteRequest } from '../providers/requests.ts';
import type { NameValues } from '../record-extras.ts';
import type { Secret } from '../secret.ts';
import { clientAuthentication } from './client-authentication.ts';
import { isLoopback, type Problem, parseEndpoint } from './endpoint.ts';

/** A token request, ready to be sent. */
export interface TokenRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface RefreshParameters {
  readonly scope?: string | undefined;
  /** RFC 8707. */
  readonly resource?: string | readonly string[] | undefined;
  readonly userAgent?: string | undefined;
}

/** What is asked of the token endpoint. */
export interface TokenGrant {
  /** `grant_type`. */
  readonly type: string;
  readonly parameters: NameValues;
}

/** Builds the request of RFC 6749 section 6. */
export const buildRefreshRequest = (
  client: Client,
  refreshToken: Secret,
  parameters: RefreshParameters,
): Promise<TokenRequest | Problem> =>
  buildTokenRequest(client, refreshGrant(refreshToken, parameters), parameters);

export const refreshGrant = (
  refreshToken: Secret,
  { scope, resource }: RefreshParameters,
): TokenGrant => ({
  type: 'refresh_token',
  parameters: [
    ['refresh_token', refreshToken.reveal()],
    ...(scope === undefined ? [] : [['scope', scope] as const]),
    ...[resource ?? []].flat().map((each) => ['resource', each] as const),
  ],
});

/**
 * Builds a token request. oauth4webapi writes it; it is caught where the library would send it, so
 * that nothing that fails in there can be mistaken for a failed attempt.
 *
 * @param nonce the server's, for the DPoP proof (RFC 9449 section 8)
 */
export const buildTokenRequest = async (
  client: Client,
  grant: TokenGrant,
  { userAgent, nonce }: { userAgent?: string | undefined; nonce?: string | undefined },
): Promise<TokenRequest | Problem> => {
  const { tokenEndpoint, clientId, extras } = client;
  if (tokenEndpoint === null) {
    return { problem: 'no token endpoint is known' };
  }
  const url = parseEndpoint(tokenEndpoint);
  if ('problem' in url) {
    return { problem: `the token endpoint is ${url.problem}` };
  }
  if (clientId === null || clientId === '') {
    return { problem: 'no client id is known' };
  }
  const authentication = await clientAuthentication(client);
  if ('problem' in authentication) {
    return authentication;
  }
  const DPoP = extras?.dpopKey == null ? undefined : await dpopHandle(extras.dpopKey);
  let request: TokenRequest | undefined;
  const build = () =>
    oauth.genericTokenEndpointRequest(
      // The request itself does not depend on the issuer; a client's assertion is made out to it.
      { issuer: client.issuer ?? url.href, token_endpoint: url.href },
      { client_id: clientId },
      authentication,
      grant.type,
      grant.parameters.map(([name, value]) => [name, value]),
      {
        headers: {
          // Answers are read as they come: nothing here could unpack them.
          'accept-encoding': 'identity',
          'user-agent': userAgent ?? 'tokenctl',
        },
        ...(DPoP === undefined ? {} : { DPoP }),
        [oauth.allowInsecureRequests]: isLoopback(url),
        [oauth.customFetch]: async (_, { headers, body }) => {
          request = { url, headers, body: String(body) };
          return new Response('', { headers: nonce === undefined ? {} : { 'dpop-nonce': nonce } });
        },
      },
    );
  await build();
  if (nonce !== undefined) {
    // The library takes a nonce from an answer only, and has now seen it in one.
    await build();
  }
  return request === undefined
    ? { problem: 'the request could not be built' }
    : { ...request, ...rewriteRequest(request, client.quirks) };
};

const dpopHandle = async (key: Secret): Promise<oauth.DPoPHandle> => {
  const { keyPair } = await import('./keys.ts');
  return oauth.DPoP({}, await keyPair(key));
};
