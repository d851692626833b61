import * as oauth from 'oauth4webapi';
import type { Client } from '../credential.ts';
import { rewriteRequest } from '../providers/requests.ts';
import type { Secret } from '../secret.ts';
import { isLoopback, parseEndpoint } from './endpoint.ts';

/** A refresh request, ready to be sent. */
export interface TokenRequest {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface RefreshParameters {
  readonly scope?: string | undefined;
  /** RFC 8707. */
  readonly resource?: string | undefined;
  readonly userAgent?: string | undefined;
}

/**
 * Builds the request of RFC 6749 section 6. oauth4webapi writes it; it is caught where the library
 * would send it, so that nothing that fails in there can be mistaken for a failed attempt.
 */
export const buildRefreshRequest = async (
  client: Client,
  refreshToken: Secret,
  parameters: RefreshParameters,
): Promise<TokenRequest | { readonly problem: string }> => {
  const { tokenEndpoint, clientId } = client;
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
  const authentication = clientAuthentication(client);
  if ('problem' in authentication) {
    return authentication;
  }
  let request: TokenRequest | undefined;
  await oauth.refreshTokenGrantRequest(
    // The request does not depend on the issuer, but the library wants one.
    { issuer: url.origin, token_endpoint: url.href },
    { client_id: clientId },
    authentication,
    refreshToken.reveal(),
    {
      additionalParameters: given({ scope: parameters.scope, resource: parameters.resource }),
      headers: {
        // Answers are read as they come: nothing here could unpack them.
        'accept-encoding': 'identity',
        'user-agent': parameters.userAgent ?? 'tokenctl',
      },
      [oauth.allowInsecureRequests]: isLoopback(url),
      [oauth.customFetch]: async (_, { headers, body }) => {
        request = { url, headers, body: String(body) };
        return new Response();
      },
    },
  );
  return request === undefined
    ? { problem: 'the request could not be built' }
    : { ...request, ...rewriteRequest(request, client.quirks) };
};

/** How this client says who it is, at any endpoint that wants to know. */
export const clientAuthentication = ({
  authMethod,
  clientSecret,
}: Client): oauth.ClientAuth | { readonly problem: string } => {
  if (authMethod === 'none') {
    return oauth.None();
  }
  const secret = clientSecret?.reveal();
  if (secret === undefined || secret === '') {
    return { problem: `no client secret is known, and ${authMethod} needs one` };
  }
  return authMethod === 'client_secret_post' ? oauth.ClientSecretPost(secret) : basic(secret);
};

/**
 * RFC 6749 section 2.3.1. `oauth.ClientSecretBasic` also escapes `-`, `_` and `.`, which breaks
 * ordinary client ids (UUIDs, `*.apps.googleusercontent.com`) at the many servers that do not decode
 * them (https://github.com/panva/oauth4webapi/issues/148, /199). The form encoding of `URLSearchParams`
 * leaves these alone and decodes to the same.
 */
const basic =
  (secret: string): oauth.ClientAuth =>
  (_server, { client_id }, _body, headers) => {
    const credentials = `${formEncode(client_id)}:${formEncode(secret)}`;
    headers.set('authorization', `Basic ${Buffer.from(credentials).toString('base64')}`);
  };

const formEncode = (value: string): string => new URLSearchParams({ v: value }).toString().slice(2);

const given = (parameters: Record<string, string | undefined>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(parameters).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
