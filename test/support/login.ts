import { onTestFinished } from 'vitest';
import {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  startAuthorizationServer,
} from '../../src/demo/authorization-server.ts';
import { createHome, type Home } from './tokenctl.ts';

export interface SharedLogin extends Home {
  readonly server: AuthorizationServer;
  /** Takes over a grant whose first access token lives this long; its refresh token is new. */
  readonly importGrant: (name: string, lifetime?: number) => Promise<{ access_token: string }>;
}

/** A home and an authorization server, both for one test. */
export const createSharedLogin = async (
  options: AuthorizationServerOptions = {},
): Promise<SharedLogin> => {
  const server = await startAuthorizationServer(options);
  onTestFinished(() => server.close());
  const home = createHome();
  return {
    ...home,
    server,
    importGrant: async (name, lifetime) => {
      const tokens = server.grant({ lifetime });
      const imported = await home.run(['import', name], {
        input: JSON.stringify({
          ...tokens,
          token_endpoint: server.tokenEndpoint,
          revocation_endpoint: server.revocationEndpoint,
          client_id: server.clientId,
        }),
      });
      if (imported.code !== 0) {
        throw new Error(`import failed: ${imported.stderr}`);
      }
      return tokens;
    },
  };
};

/** Enough rounds to notice a slip in daily work; .ci/run asks for all of them. */
export const rounds = (few: number, all: number): number =>
  process.env.TOKENCTL_TEST_THOROUGH === undefined ? few : all;
