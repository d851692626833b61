import * as oauth from 'oauth4webapi';
import { AUTH_METHODS } from '../credential.ts';
import { TokenctlError } from '../errors.ts';
import { Secret } from '../secret.ts';
import { through } from './discover.ts';
import type { Fetch } from './fetch.ts';
import { refusedBy } from './refused-by.ts';
import type { LoginSettings } from './settings.ts';

/** Becomes a client of a server that takes anybody (RFC 7591), for this login alone. */
export const registerClient = async (
  settings: LoginSettings,
  redirectUri: string | null,
  fetch: Fetch,
): Promise<LoginSettings> => {
  const { server, client, scope, flow, login } = settings;
  const endpoint = server.registrationEndpoint ?? '';
  try {
    const response = await oauth.dynamicClientRegistrationRequest(
      { issuer: server.issuer ?? endpoint, registration_endpoint: endpoint },
      {
        client_name: 'tokenctl',
        application_type: 'native',
        token_endpoint_auth_method: 'none',
        redirect_uris: redirectUri === null ? [] : [redirectUri],
        response_types: flow === 'code' ? ['code'] : [],
        grant_types: [
          flow === 'code' ? 'authorization_code' : 'urn:ietf:params:oauth:grant-type:device_code',
          'refresh_token',
        ],
        ...(scope === null ? {} : { scope }),
        ...(client.extras?.dpopKey == null ? {} : { dpop_bound_access_tokens: true }),
      },
      through(fetch),
    );
    const registered = await oauth.processDynamicClientRegistrationResponse(response);
    // What would manage the client (RFC 7592) is not kept: nothing here uses it, and whoever found it could.
    const { client_secret: secret } = registered;
    const method = AUTH_METHODS.find((each) => each === registered.token_endpoint_auth_method);
    if (method === undefined || (method !== 'none' && typeof secret !== 'string')) {
      throw new TokenctlError('refused', 'the server registers only clients that hold a key', {
        login,
        hint: 'register one yourself, and add --client-id and --client-key',
      });
    }
    return {
      ...settings,
      register: false,
      client: {
        ...client,
        clientId: registered.client_id,
        authMethod: method,
        clientSecret: method !== 'none' && typeof secret === 'string' ? new Secret(secret) : null,
      },
    };
  } catch (error) {
    throw refusedBy(error, 'the server did not register this client', client);
  }
};
