import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createProvider, type KoaContext, type ProviderSetup } from './oidc-instance.ts';

export { OIDC_CLIENTS, type OidcClientId } from './oidc-clients.ts';
export { type SignedIn, signIn } from './oidc-sign-in.ts';

export interface TokenEndpointRequest {
  readonly grantType: string | null;
  readonly clientId: string | null;
  readonly status: number;
  /** The OAuth error code of the answer, if it was one. */
  readonly error: string | null;
}

export interface TestOidcProvider {
  readonly issuer: string;
  readonly tokenEndpoint: string;
  readonly revocationEndpoint: string;
  /** The userinfo endpoint: 200 with a live access token, else 401. */
  readonly resource: string;
  /** Answered requests to the token endpoint, in order. */
  readonly requests: readonly TokenEndpointRequest[];
  /** How many of them had this grant type, and this status if one is given. */
  count(grantType: string, status?: number): number;
  /** Ends the grant that this refresh token, spent or not, came of. */
  revokeGrant(refreshToken: string): Promise<void>;
  /** An outage: connections are refused, the state is kept. */
  stop(): Promise<void>;
  /** The end of the outage, on the same port. */
  start(): Promise<void>;
}

/**
 * A certified authorization server (oidc-provider) on loopback, with rotation always on. A spent
 * refresh token revokes the whole grant there. Lifetimes are whole seconds.
 */
export const startOidcProvider = async ({
  accessTokenLifetime = 3,
  ...setup
}: {
  accessTokenLifetime?: number;
} & ProviderSetup = {}): Promise<TestOidcProvider> => {
  // The port must be known before the provider is made, because it is part of the issuer.
  let handle: RequestListener = (_, response) => response.writeHead(503).end();
  const http = createServer((request, response) => handle(request, response));
  await listen(0);
  const { port } = http.address() as AddressInfo;
  const issuer = `http://127.0.0.1:${port}`;
  const requests: TokenEndpointRequest[] = [];
  const provider = await createProvider(issuer, accessTokenLifetime, setup);
  provider.use(recordTokenRequests(requests));
  handle = provider.callback();

  function listen(wantedPort: number): Promise<void> {
    return new Promise((resolve, reject) => {
      http.once('error', reject);
      http.listen({ port: wantedPort, host: '127.0.0.1', backlog: 1024 }, () => {
        http.off('error', reject);
        resolve();
      });
    });
  }

  return {
    issuer,
    tokenEndpoint: `${issuer}/token`,
    revocationEndpoint: `${issuer}/token/revocation`,
    resource: `${issuer}/me`,
    requests,
    count: (grantType, status) =>
      requests.filter(
        (request) =>
          request.grantType === grantType && (status === undefined || request.status === status),
      ).length,
    revokeGrant: async (refreshToken) => {
      const found = await provider.RefreshToken.find(refreshToken, { ignoreExpiration: true });
      if (found === undefined) {
        throw new Error('the provider does not know this refresh token');
      }
      await provider.RefreshToken.revokeByGrantId(found.grantId);
      await provider.AccessToken.revokeByGrantId(found.grantId);
      await (await provider.Grant.find(found.grantId))?.destroy();
    },
    stop: () =>
      new Promise((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
      }),
    start: () => listen(port),
  };
};

const recordTokenRequests =
  (requests: TokenEndpointRequest[]) =>
  async (context: KoaContext, next: () => Promise<void>): Promise<void> => {
    await next();
    if (context.path === '/token' && context.method === 'POST') {
      const { error } = Object(context.body) as { error?: string };
      requests.push({
        grantType: context.oidc?.body?.grant_type ?? null,
        clientId: context.oidc?.client?.clientId ?? null,
        status: context.status,
        error: error ?? null,
      });
    }
  };
