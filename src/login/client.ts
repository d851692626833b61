import type { AuthMethod, Client } from '../credential.ts';
import { TokenctlError } from '../errors.ts';
import { newDpopKey } from '../oauth/keys.ts';
import type { Provider } from '../providers/providers.ts';
import { type ClientExtras, NO_EXTRAS } from '../record-extras.ts';
import { parametersOf } from './parameters.ts';
import type { Server } from './server.ts';
import type { Before, LoginRequest, LoginSettings } from './settings.ts';

export const clientOf = (
  login: string,
  request: Omit<LoginRequest, 'clientId'> & { clientId: string | null },
  server: Server,
  preset: Provider | null,
  remembered: Before | null,
  sameAgain: boolean,
  flow: LoginSettings['flow'],
): Client => {
  const said = request.client;
  const sameClient = remembered !== null && sameAgain ? remembered.client : null;
  const clientSecret = said.clientSecret ?? sameClient?.clientSecret ?? null;
  const clientKey = said.clientKey ?? sameClient?.extras?.clientKey ?? null;
  const tls = said.tls ?? sameClient?.extras?.tls ?? null;
  const authMethod =
    said.authMethod ??
    (said.clientSecret == null && said.clientKey == null && said.tls == null
      ? sameClient?.authMethod
      : undefined) ??
    methodFor({ clientSecret, clientKey, tls }, server, preset);
  requireWhatItNeeds(login, authMethod, { clientSecret, clientKey, tls });
  requireSecret(login, authMethod, preset, flow);
  return {
    ...server.client,
    clientId:
      request.clientId ?? request.assertion?.claims.find(([name]) => name === 'iss')?.[1] ?? null,
    clientSecret: authMethod.startsWith('client_secret') ? clientSecret : null,
    authMethod,
    quirks: preset?.quirks ?? remembered?.client.quirks ?? [],
    ...(clientKey === null && tls === null ? {} : { extras: { ...NO_EXTRAS, clientKey, tls } }),
  };
};

type Held = Pick<ClientExtras, 'clientKey' | 'tls'> & Pick<Client, 'clientSecret'>;

const methodFor = (
  { clientSecret, clientKey, tls }: Held,
  { authMethods }: Server,
  preset: Provider | null,
): AuthMethod => {
  if (clientKey !== null) {
    return 'private_key_jwt';
  }
  if (tls !== null) {
    return 'tls_client_auth';
  }
  if (clientSecret === null) {
    return 'none';
  }
  const offered = authMethods ?? ['client_secret_basic'];
  return (
    preset?.authMethodWithSecret ??
    (offered.includes('client_secret_basic') || !offered.includes('client_secret_post')
      ? 'client_secret_basic'
      : 'client_secret_post')
  );
};

const requireWhatItNeeds = (
  login: string,
  method: AuthMethod,
  { clientSecret, clientKey, tls }: Held,
): void => {
  const missing =
    method.startsWith('client_secret') && clientSecret === null
      ? ['a client secret', SECRET]
      : method === 'private_key_jwt' && clientKey === null
        ? ['a private key', '--client-key FILE']
        : method.endsWith('tls_client_auth') && tls === null
          ? ['a certificate', '--client-certificate FILE --client-certificate-key FILE']
          : null;
  if (missing !== null) {
    throw new TokenctlError('usage', `${method} needs ${missing[0]}`, {
      login,
      hint: `add ${missing[1]}`,
    });
  }
};

const requireSecret = (
  login: string,
  method: AuthMethod,
  preset: Provider | null,
  flow: LoginSettings['flow'],
): void => {
  const rule = preset?.clientSecret;
  if (method === 'none' && (rule === 'required' || (rule === 'device' && flow !== 'device'))) {
    throw new TokenctlError('usage', 'clients of this provider have a secret', {
      login,
      hint: `add ${SECRET}${rule === 'device' ? '; or sign in with --device, which needs none' : ''}`,
    });
  }
};

const SECRET = '--client-secret-stdin, --client-secret-file FILE or --client-secret-prompt';

/** What renewing needs besides the client; a key of its own for DPoP. */
export const withGrant = (
  client: Client,
  request: LoginRequest,
  flow: LoginSettings['flow'],
  scope: string | null,
  preset: Provider | null,
): Client => {
  if (flow !== 'machine' && !request.dpop) {
    return client;
  }
  const { extras = NO_EXTRAS } = client;
  const dpopKey = request.dpop ? newDpopKey() : null;
  if (flow !== 'machine') {
    return { ...client, extras: { ...extras, dpopKey } };
  }
  return {
    ...client,
    extras: {
      ...extras,
      dpopKey,
      grant:
        request.assertion === undefined
          ? 'client_credentials'
          : 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      assertion: request.assertion ?? null,
      parameters: [
        ...(scope === null ? [] : [['scope', scope] as const]),
        ...parametersOf(request, preset),
      ],
    },
  };
};
