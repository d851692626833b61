import type * as oauth from 'oauth4webapi';
import type { AuthMethod, Client } from '../credential.ts';
import { abbreviated, TokenctlError } from '../errors.ts';
import { parseEndpoint } from '../oauth/endpoint.ts';
import { newDpopKey } from '../oauth/keys.ts';
import { type Provider, providers } from '../providers/providers.ts';
import { type ClientExtras, type NameValues, NO_EXTRAS } from '../record-extras.ts';
import { Secret } from '../secret.ts';
import { discover } from './discover.ts';
import type { Fetch } from './fetch.ts';
import { chooseRedirect } from './redirect.ts';
import type { Before, LoginRequest, LoginSettings, ServerFacts } from './settings.ts';
import { hasDisplay } from './surroundings.ts';

/**
 * Settles what to do before anything is done: what is said now wins over the preset, the preset over
 * what the server says of itself, and where nothing is said all is as at the last login.
 *
 * @throws {TokenctlError} `usage`, `refused`, `unavailable`
 */
export const prepare = async (
  login: string,
  asked: LoginRequest,
  before: Before | null,
  { fetch, env }: { fetch: Fetch; env: NodeJS.ProcessEnv },
): Promise<LoginSettings> => {
  const request = namesNothing(asked) && before !== null ? again(asked, before) : asked;
  const { name, preset } = presetOf(login, request);
  const server = await serverOf(login, request, preset, fetch);
  const flow = request.flow ?? chooseFlow(request, server.facts, env);
  requireEndpoints(login, flow, server);
  const remembered = before !== null && isSameServer(before, server.client) ? before : null;
  const clientId =
    request.clientId ?? (asked === request ? null : (remembered?.client.clientId ?? null));
  const client = clientOf(
    login,
    { ...request, clientId },
    server,
    preset,
    remembered,
    asked !== request,
  );
  const registers =
    client.clientId === null && flow !== 'machine' && server.facts.registrationEndpoint !== null;
  if (client.clientId === null && !registers) {
    throw noClientId(login, preset);
  }
  const scope = request.scope ?? scopeOf(preset, flow);
  return {
    login,
    provider: name,
    flow,
    server: server.facts,
    client: withGrant(client, request, flow, scope, preset),
    scope,
    parameters: parametersOf(request, preset),
    ...chooseRedirect(request, preset, remembered, registers),
    pkce: preset?.pkce !== 'none',
    hosts: request.hosts ?? preset?.hosts ?? before?.hosts ?? [],
    registration: asked === request ? null : (remembered?.signIn?.registration ?? null),
    register: registers,
  };
};

/**
 * Whether it is said where to sign in: asked before so much as a lock is made for a name, for it may be
 * a token, given by mistake.
 *
 * @throws {TokenctlError} `usage`
 */
export const requirePlace = (login: string, asked: LoginRequest, before: Before | null): void => {
  presetOf(login, namesNothing(asked) && before !== null ? again(asked, before) : asked);
};

const namesNothing = ({ provider, issuer, tokenEndpoint, clientId }: LoginRequest): boolean =>
  [provider, issuer, tokenEndpoint, clientId].every((each) => each === undefined);

/** The same as the last time, save for what is said now. */
const again = (
  asked: LoginRequest,
  { client, provider, signIn, hosts, scope }: Before,
): LoginRequest => ({
  ...asked,
  provider: provider !== null && Object.hasOwn(providers, provider) ? provider : undefined,
  issuer: client.issuer ?? undefined,
  authorizationEndpoint: asked.authorizationEndpoint ?? signIn?.authorizationEndpoint ?? undefined,
  deviceAuthorizationEndpoint:
    asked.deviceAuthorizationEndpoint ?? signIn?.deviceAuthorizationEndpoint ?? undefined,
  tokenEndpoint: client.tokenEndpoint ?? undefined,
  revocationEndpoint: asked.revocationEndpoint ?? client.revocationEndpoint ?? undefined,
  clientId: client.clientId ?? undefined,
  scope: asked.scope ?? (signIn === undefined ? scope : signIn.scope) ?? undefined,
  parameters: asked.parameters.length > 0 ? asked.parameters : (signIn?.parameters ?? []),
  // A way that was chosen for where one was may not fit where one is now.
  flow: asked.flow ?? (signIn?.flow === 'machine' ? 'machine' : undefined),
  redirectUri: asked.redirectUri ?? signIn?.redirectUri ?? undefined,
  assertion: asked.assertion ?? client.extras?.assertion ?? undefined,
  dpop: asked.dpop || client.extras?.dpopKey != null,
  hosts: asked.hosts ?? hosts,
});

/** The preset that is named, or whose name the login has, if nothing else says where to go. */
const presetOf = (
  login: string,
  request: LoginRequest,
): { name: string | null; preset: Provider | null } => {
  const { provider, issuer, tokenEndpoint } = request;
  const elsewhere = issuer !== undefined || tokenEndpoint !== undefined;
  const name = provider ?? (elsewhere || !Object.hasOwn(providers, login) ? null : login);
  if (name === null) {
    if (!elsewhere) {
      throw new TokenctlError('usage', 'it is not said where to sign in', {
        login: abbreviated(login) === login ? login : undefined,
        hint: `add --provider (${Object.keys(providers).join(', ')}), --issuer URL, or --authorization-endpoint and --token-endpoint`,
      });
    }
    return { name, preset: null };
  }
  const preset = Object.hasOwn(providers, name) ? providers[name] : undefined;
  if (preset === undefined) {
    throw new TokenctlError('usage', `there is no provider ${abbreviated(name)}`, {
      login,
      hint: `known: ${Object.keys(providers).join(', ')}; any other works by --issuer URL`,
    });
  }
  return { name, preset };
};

interface Server {
  readonly facts: ServerFacts;
  readonly client: Pick<Client, 'tokenEndpoint' | 'revocationEndpoint' | 'issuer'>;
  readonly authMethods: readonly string[] | null;
}

const serverOf = async (
  login: string,
  request: LoginRequest,
  preset: Provider | null,
  fetch: Fetch,
): Promise<Server> => {
  const fill = variables(login, preset, request.variables ?? {});
  const said = (name: string, own: string | undefined, known: string | undefined) =>
    own === undefined ? (known === undefined ? null : fill(known)) : checked(login, name, own);
  const issuer = said('--issuer', request.issuer, preset?.issuer);
  const authorization = said(
    '--authorization-endpoint',
    request.authorizationEndpoint,
    preset?.authorizationEndpoint,
  );
  const token = said('--token-endpoint', request.tokenEndpoint, preset?.tokenEndpoint);
  const device = said(
    '--device-authorization-endpoint',
    request.deviceAuthorizationEndpoint,
    preset?.deviceAuthorizationEndpoint,
  );
  const complete =
    token !== null &&
    (request.flow === 'machine' || (request.flow === 'device' ? device : authorization) !== null);
  // A preset is complete in itself, and so is what is given in full.
  const found =
    issuer === null ||
    (complete && !request.par && (request.clientId !== undefined || preset !== null))
      ? null
      : await discover(issuer, fetch);
  requireS256(login, found);
  const revocation = said(
    '--revocation-endpoint',
    request.revocationEndpoint,
    preset?.revocationEndpoint,
  );
  return {
    facts: {
      issuer: found?.issuer ?? issuer,
      authorizationEndpoint: authorization ?? found?.authorization_endpoint ?? null,
      deviceAuthorizationEndpoint: device ?? found?.device_authorization_endpoint ?? null,
      registrationEndpoint: found?.registration_endpoint ?? null,
      pushEndpoint: pushEndpoint(login, request, found),
      saysIssuer: found?.authorization_response_iss_parameter_supported === true,
    },
    client: {
      tokenEndpoint: token ?? found?.token_endpoint ?? null,
      revocationEndpoint: revocation ?? found?.revocation_endpoint ?? null,
      issuer: found?.issuer ?? issuer,
    },
    authMethods: found?.token_endpoint_auth_methods_supported ?? null,
  };
};

const checked = (login: string, option: string, address: string): string => {
  const parsed = parseEndpoint(address);
  if ('problem' in parsed) {
    throw new TokenctlError('usage', `${option} is ${parsed.problem}`, { login });
  }
  return address;
};

/** Puts what was said in the place of `{host}` and the like. */
const variables =
  (login: string, preset: Provider | null, given: Readonly<Record<string, string>>) =>
  (address: string): string =>
    address.replace(/\{([\w-]+)\}/g, (_, name: string) => {
      const variable = preset?.variables?.[name];
      const value = given[name] ?? variable?.default;
      if (value === undefined || !/^[A-Za-z0-9][A-Za-z0-9._:-]*$/.test(value)) {
        throw new TokenctlError(
          'usage',
          value === undefined
            ? `${name} must be said (${variable?.description ?? 'part of the address'})`
            : `${name} has characters that no address has`,
          { login, hint: `add --var ${name}=…` },
        );
      }
      return value;
    });

/** Without it, who steals the code on its way has the tokens (RFC 9700 section 2.1.1). */
const requireS256 = (login: string, server: oauth.AuthorizationServer | null): void => {
  const methods = server?.code_challenge_methods_supported;
  if (methods !== undefined && !methods.includes('S256')) {
    throw new TokenctlError('refused', 'the server offers PKCE without S256, which is not safe', {
      login,
      hint: 'ask its operator for S256; or sign in with --device',
    });
  }
};

const pushEndpoint = (
  login: string,
  { par }: LoginRequest,
  server: oauth.AuthorizationServer | null,
): string | null => {
  const endpoint = server?.pushed_authorization_request_endpoint;
  if (endpoint === undefined && (par || server?.require_pushed_authorization_requests === true)) {
    throw new TokenctlError('refused', 'the server names no endpoint for pushed requests', {
      login,
      hint: par ? 'leave --par out' : 'check --issuer',
    });
  }
  return endpoint !== undefined && (par || server?.require_pushed_authorization_requests === true)
    ? endpoint
    : null;
};

/** The device flow where no browser can be, if there is one; else the code flow, which anybody can finish by hand. */
const chooseFlow = (
  request: LoginRequest,
  { authorizationEndpoint, deviceAuthorizationEndpoint }: ServerFacts,
  env: NodeJS.ProcessEnv,
): LoginSettings['flow'] => {
  const { browser, redirectUri, port } = request;
  const wantsBrowser = browser != null || redirectUri !== undefined || port !== undefined;
  const device =
    deviceAuthorizationEndpoint !== null &&
    (authorizationEndpoint === null || (!wantsBrowser && !hasDisplay(env)));
  return device ? 'device' : 'code';
};

const requireEndpoints = (
  login: string,
  flow: LoginSettings['flow'],
  { facts, client }: Server,
): void => {
  const missing =
    client.tokenEndpoint === null
      ? '--token-endpoint'
      : flow === 'code' && facts.authorizationEndpoint === null
        ? '--authorization-endpoint'
        : flow === 'device' && facts.deviceAuthorizationEndpoint === null
          ? '--device-authorization-endpoint'
          : null;
  if (missing !== null) {
    throw new TokenctlError(
      'usage',
      missing === '--device-authorization-endpoint'
        ? 'no device authorization is known of this provider'
        : `${missing} is missing`,
      {
        login,
        hint: missing.startsWith('--device')
          ? `leave --device out, or add ${missing} URL`
          : `add ${missing} URL, or --issuer URL`,
      },
    );
  }
};

const isSameServer = (before: Before, server: Server['client']): boolean =>
  before.client.tokenEndpoint === server.tokenEndpoint;

const clientOf = (
  login: string,
  request: Omit<LoginRequest, 'clientId'> & { clientId: string | null },
  server: Server,
  preset: Provider | null,
  remembered: Before | null,
  sameAgain: boolean,
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
  requireWhatItNeeds(login, authMethod, { clientSecret, clientKey, tls }, preset);
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
  preset: Provider | null,
): void => {
  const missing =
    method.startsWith('client_secret') && clientSecret === null
      ? ['a client secret', '--client-secret-stdin or --client-secret-file FILE']
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
  if (preset?.clientSecret === 'required' && method === 'none') {
    throw new TokenctlError('usage', 'clients of this provider have a secret', {
      login,
      hint: 'add --client-secret-stdin or --client-secret-file FILE',
    });
  }
};

const noClientId = (login: string, preset: Provider | null): TokenctlError =>
  new TokenctlError('usage', 'no client id is known, and the server registers none by itself', {
    login,
    hint: `add --client-id ID${preset?.registration === undefined ? '' : `; get one at ${preset.registration}`}`,
  });

const scopeOf = (preset: Provider | null, flow: LoginSettings['flow']): string | null =>
  flow === 'machine' || preset?.scopes === undefined
    ? null
    : preset.scopes.join(preset.scopeSeparator ?? ' ');

/** What renewing needs besides the client; a key of its own for DPoP. */
const withGrant = (
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

/** Those that are ours to set: a stray `redirect_uri` or `state` would undo what protects the sign-in. */
const RESERVED: ReadonlySet<string> = new Set([
  ...['client_id', 'client_secret', 'client_assertion', 'client_assertion_type', 'code'],
  ...['code_challenge', 'code_challenge_method', 'code_verifier', 'device_code', 'dpop_jkt'],
  ...['grant_type', 'id_token_hint', 'nonce', 'redirect_uri', 'refresh_token', 'request'],
  ...['request_uri', 'response_mode', 'response_type', 'scope', 'state', 'assertion'],
]);

const parametersOf = (request: LoginRequest, preset: Provider | null): NameValues => {
  const reserved = request.parameters.find(([name]) => RESERVED.has(name));
  if (reserved !== undefined) {
    throw new TokenctlError('usage', `--param ${reserved[0]} is for tokenctl to set`, {
      hint: reserved[0] === 'scope' ? 'use --scope' : 'leave it out',
    });
  }
  const own: NameValues = [
    ...request.resources.map((resource) => ['resource', resource] as const),
    ...(request.audience === undefined ? [] : [['audience', request.audience] as const]),
    ...request.parameters,
  ];
  const said = new Set(own.map(([name]) => name));
  const usual = Object.entries(preset?.authorizationParameters ?? {});
  return [...(request.flow === 'machine' ? [] : usual.filter(([name]) => !said.has(name))), ...own];
};

/** A client secret that a person typed or a file held. */
export const secretOf = (text: string): Secret => new Secret(text.replace(/\r?\n$/, ''));
