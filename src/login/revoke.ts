import * as oauth from 'oauth4webapi';
import type { Client } from '../credential.ts';
import { clientAuthentication } from '../oauth/client-authentication.ts';
import type { Secret } from '../secret.ts';
import { through } from './discover.ts';
import { createFetch } from './fetch.ts';

/** Revokes a token that nobody is going to keep (RFC 7009). False: it lives on. */
export const revoke = async (
  client: Client,
  token: Secret | null | undefined,
  env: NodeJS.ProcessEnv,
): Promise<boolean> => {
  const { revocationEndpoint, clientId, issuer, extras } = client;
  if (revocationEndpoint === null || token == null) {
    return false;
  }
  try {
    const authentication = await clientAuthentication(client);
    if ('problem' in authentication) {
      return false;
    }
    const response = await oauth.revocationRequest(
      { issuer: issuer ?? revocationEndpoint, revocation_endpoint: revocationEndpoint },
      { client_id: clientId ?? '' },
      authentication,
      token.reveal(),
      through(createFetch(env, extras?.tls ?? undefined)),
    );
    await oauth.processRevocationResponse(response);
    return true;
  } catch {
    return false;
  }
};
