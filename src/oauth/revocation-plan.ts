import * as oauth from 'oauth4webapi';
import type { Client, Credential } from '../credential.ts';
import { freshness } from '../credential.ts';
import type { Moment } from '../platform/clock.ts';
import { type RevocationRequest, revocationWay, type TokenKind } from '../providers/revocation.ts';
import type { Secret } from '../secret.ts';
import { clientAuthentication } from './client-authentication.ts';
import { isLoopback, parseEndpoint } from './endpoint.ts';

/** One token, and what takes it back. */
export interface RevocationStep {
  readonly kind: TokenKind;
  readonly token: Secret;
  /** `unsupported`: nothing does. */
  readonly request: RevocationRequest | 'unsupported';
}

export type RevocationPlan =
  | { readonly kind: 'steps'; readonly steps: readonly RevocationStep[] }
  /** Nothing at all can be revoked there; `what` says why, `needs` what would help. */
  | { readonly kind: 'impossible'; readonly what: string; readonly needs?: 'fresh-token' };

/**
 * What must be sent so that no token of this record lives on: the refresh token first, for it could make
 * new ones, then the access token, for not every server ends it along with the other (RFC 7009 section 2.1).
 */
export const planRevocation = async (record: Credential, now: Moment): Promise<RevocationPlan> => {
  const { client, refreshToken, accessToken } = record;
  const live = accessToken !== null && freshness(record, now) !== 'expired' ? accessToken : null;
  const way = revocationWay(client.quirks);
  if (way?.byAccessToken && refreshToken !== null && live === null) {
    const what = 'an access token that is still valid is needed to revoke it, and there is none';
    return { kind: 'impossible', what, needs: 'fresh-token' };
  }
  const tokens = [
    { kind: 'refresh_token' as const, token: way?.byAccessToken ? null : refreshToken },
    { kind: 'access_token' as const, token: live },
  ].flatMap(({ kind, token }) => (token === null ? [] : [{ kind, token }]));
  const steps: RevocationStep[] = [];
  for (const { kind, token } of tokens) {
    const request = await requestFor(client, kind, token);
    if ('problem' in request) {
      return { kind: 'impossible', what: request.problem };
    }
    steps.push({ kind, token, request: request.request });
  }
  return { kind: 'steps', steps };
};

const requestFor = async (
  client: Client,
  kind: TokenKind,
  token: Secret,
): Promise<{ request: RevocationStep['request'] } | { problem: string }> => {
  const { revocationEndpoint: endpoint, clientId, clientSecret, quirks } = client;
  if (endpoint === null) {
    return { problem: 'its provider has no revocation endpoint, or none is known' };
  }
  if (clientId === null || clientId === '') {
    return { problem: 'no client id is known' };
  }
  const way = revocationWay(quirks)?.revocation({
    ...{ endpoint, clientId, kind, token: token.reveal() },
    clientSecret: clientSecret?.reveal() ?? null,
  });
  const request =
    way === undefined || way === 'standard'
      ? await standard(client, clientId, endpoint, kind, token)
      : way;
  if (request === 'unsupported' || 'problem' in request) {
    return request === 'unsupported' ? { request } : request;
  }
  const url = parseEndpoint(request.url);
  return 'problem' in url
    ? { problem: `the revocation endpoint is ${url.problem}` }
    : { request: { ...request, url: url.href } };
};

/** RFC 7009 section 2.1. oauth4webapi writes it; it is caught where the library would send it. */
const standard = async (
  client: Client,
  clientId: string,
  endpoint: string,
  kind: TokenKind,
  token: Secret,
): Promise<RevocationRequest | { problem: string }> => {
  const url = parseEndpoint(endpoint);
  if ('problem' in url) {
    return { problem: `the revocation endpoint is ${url.problem}` };
  }
  const authentication = await clientAuthentication(client);
  if ('problem' in authentication) {
    return authentication;
  }
  let request: RevocationRequest | undefined;
  await oauth.revocationRequest(
    { issuer: url.origin, revocation_endpoint: url.href },
    { client_id: clientId },
    authentication,
    token.reveal(),
    {
      additionalParameters: { token_type_hint: kind },
      [oauth.allowInsecureRequests]: isLoopback(url),
      [oauth.customFetch]: async (_, { headers, body }) => {
        request = { method: 'POST', url: url.href, headers, body: String(body) };
        return new Response();
      },
    },
  );
  return request ?? { problem: 'the request could not be built' };
};
