import * as oauth from 'oauth4webapi';
import { TokenctlError } from '../errors.ts';
import { clientAuthentication } from '../oauth/client-authentication.ts';
import { keyPair } from '../oauth/keys.ts';
import type { Ties } from './authorization-code.ts';
import { through } from './discover.ts';
import type { Fetch } from './fetch.ts';
import { refusedBy } from './refused-by.ts';
import type { LoginSettings } from './settings.ts';

export const authorizationUrl = async (
  { server, client, scope, parameters, pkce }: LoginSettings,
  { state, verifier, nonce }: Ties,
  redirectUri: string,
  fetch: Fetch,
): Promise<URL> => {
  const url = new URL(server.authorizationEndpoint ?? '');
  const { dpopKey = null } = client.extras ?? {};
  const asked: [string, string][] = [
    ['response_type', 'code'],
    ['client_id', client.clientId ?? ''],
    ['redirect_uri', redirectUri],
    ...(scope === null ? [] : [['scope', scope] as [string, string]]),
    ['state', state],
    ...(nonce === null ? [] : [['nonce', nonce] as [string, string]]),
    ...(pkce
      ? ([
          ['code_challenge', await oauth.calculatePKCECodeChallenge(verifier.reveal())],
          ['code_challenge_method', 'S256'],
        ] as [string, string][])
      : []),
    ...(dpopKey === null
      ? []
      : [
          ['dpop_jkt', await oauth.DPoP({}, await keyPair(dpopKey)).calculateThumbprint()] as [
            string,
            string,
          ],
        ]),
    ...parameters.map(([name, value]) => [name, value] as [string, string]),
  ];
  const shown =
    server.pushEndpoint === null
      ? asked
      : await push(server.pushEndpoint, server.issuer, client, asked, fetch);
  for (const [name, value] of shown) {
    url.searchParams.append(name, value);
  }
  return url;
};

/** RFC 9126: the request goes to the server directly, and the browser only carries a reference. */
const push = async (
  endpoint: string,
  issuer: string | null,
  client: LoginSettings['client'],
  asked: readonly [string, string][],
  fetch: Fetch,
): Promise<[string, string][]> => {
  const server = {
    issuer: issuer ?? endpoint,
    pushed_authorization_request_endpoint: endpoint,
  };
  const clientId = client.clientId ?? '';
  const authentication = await clientAuthentication(client);
  if ('problem' in authentication) {
    throw new TokenctlError('refused', authentication.problem);
  }
  try {
    const response = await oauth.pushedAuthorizationRequest(
      server,
      { client_id: clientId },
      authentication,
      asked.map(([name, value]) => [name, value]),
      through(fetch),
    );
    const { request_uri } = await oauth.processPushedAuthorizationResponse(
      server,
      { client_id: clientId },
      response,
    );
    return [
      ['client_id', clientId],
      ['request_uri', request_uri],
    ];
  } catch (error) {
    throw refusedBy(error, 'the pushed request was refused', client);
  }
};
