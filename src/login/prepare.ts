import { abbreviated, TokenctlError } from '../errors.ts';
import { expandProvider, isComplete } from '../providers/expand.ts';
import { type Provider, providers } from '../providers/providers.ts';
import { clientOf, withGrant } from './client.ts';
import type { Fetch } from './fetch.ts';
import { parametersOf } from './parameters.ts';
import { chooseRedirect } from './redirect.ts';
import { type Server, serverOf } from './server.ts';
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
  const hasSecret =
    (request.client.clientSecret ??
      (asked === request ? null : (before?.client.clientSecret ?? null))) !== null;
  const needsDevice = preset?.clientSecret === 'device' && !hasSecret;
  const flow = request.flow ?? chooseFlow(request, server.facts, needsDevice || !hasDisplay(env));
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
    flow,
  );
  const registers =
    client.clientId === null && flow !== 'machine' && server.facts.registrationEndpoint !== null;
  if (client.clientId === null && !registers) {
    throw noClientId(login, preset);
  }
  const scope = separated(request.scope, preset) ?? scopeOf(preset, flow);
  return {
    login,
    provider: name,
    flow,
    server: server.facts,
    client: withGrant(client, request, flow, scope, preset),
    scope,
    parameters: parametersOf(request, preset),
    ...chooseRedirect(request, preset, remembered, { registers, flow }),
    pkce: preset?.pkce !== 'none',
    hosts: request.hosts ?? filledIn(preset?.hosts) ?? before?.hosts ?? [],
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

/** As the last time: neither the server nor the client is said. */
export const namesNothing = ({
  provider,
  issuer,
  tokenEndpoint,
  clientId,
}: LoginRequest): boolean =>
  [provider, issuer, tokenEndpoint, clientId].every((each) => each === undefined);

/** The same as the last time, save for what is said now. */
const again = (
  asked: LoginRequest,
  { client, provider, signIn, hosts, scope }: Before,
): LoginRequest => ({
  ...asked,
  provider:
    provider !== null && Object.hasOwn(asked.known ?? providers, provider) ? provider : undefined,
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
  const { provider, issuer, tokenEndpoint, known = providers, variables = {} } = request;
  const elsewhere = issuer !== undefined || tokenEndpoint !== undefined;
  const name = provider ?? (elsewhere || !Object.hasOwn(known, login) ? null : login);
  if (name === null) {
    if (!elsewhere) {
      throw new TokenctlError('usage', 'it is not said where to sign in', {
        login: abbreviated(login) === login ? login : undefined,
        hint: `add --provider (${Object.keys(known).join(', ')}), --issuer URL, or --authorization-endpoint and --token-endpoint`,
      });
    }
    return { name, preset: null };
  }
  const preset = Object.hasOwn(known, name) ? known[name] : undefined;
  if (preset === undefined) {
    throw new TokenctlError('usage', `there is no provider ${abbreviated(name)}`, {
      login,
      hint: `known: ${Object.keys(known).join(', ')}; any other works by --issuer URL`,
    });
  }
  return { name, preset: ofServer(filled(login, preset, variables), tokenEndpoint) };
};

/**
 * Of a server of the same kind at another place only the kind is known: none of its tokens goes to an
 * address of the preset's.
 */
const ofServer = (preset: Provider, tokenEndpoint: string | undefined): Provider => {
  const isThere =
    tokenEndpoint === undefined ||
    !URL.canParse(tokenEndpoint) ||
    // Which it is has not been said, and whatever is missing says so.
    preset.tokenEndpoint.includes('{') ||
    new URL(tokenEndpoint).origin === new URL(preset.tokenEndpoint).origin;
  if (isThere) {
    return preset;
  }
  const {
    authorizationEndpoint: _,
    deviceAuthorizationEndpoint: __,
    revocationEndpoint: ___,
    issuer: ____,
    ...kind
  } = preset;
  return { ...kind, hosts: [] };
};

/** Where a part was not said, whatever address it is missing from says so. */
const filled = (
  login: string,
  preset: Provider,
  variables: Readonly<Record<string, string>>,
): Provider => {
  try {
    return isComplete(preset, variables) ? expandProvider(preset, variables) : preset;
  } catch (error) {
    const { code, message, hint } = error as TokenctlError;
    throw error instanceof TokenctlError
      ? new TokenctlError(code, message, {
          login,
          hint: hint ?? `correct --var ${Object.keys(variables).join('=… or --var ')}=…`,
        })
      : error;
  }
};

/**
 * The device flow where no browser can be, or the other one wants a secret that there is not, if there
 * is one; else the code flow, which anybody can finish by hand.
 */
const chooseFlow = (
  request: LoginRequest,
  { authorizationEndpoint, deviceAuthorizationEndpoint }: ServerFacts,
  ratherDevice: boolean,
): LoginSettings['flow'] => {
  const { browser, redirectUri, port } = request;
  const wantsBrowser = browser != null || redirectUri !== undefined || port !== undefined;
  const device =
    deviceAuthorizationEndpoint !== null &&
    (authorizationEndpoint === null || (!wantsBrowser && ratherDevice));
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

const noClientId = (login: string, preset: Provider | null): TokenctlError =>
  new TokenctlError('usage', 'no client id is known, and the server registers none by itself', {
    login,
    hint: `add --client-id ID${preset?.registration === undefined ? '' : `; get one at ${preset.registration}`}`,
  });

/** Not those of which a part was not said. */
const filledIn = (hosts: readonly string[] | undefined): readonly string[] | undefined =>
  hosts?.filter((host) => !host.includes('{'));

/** As this provider wants them: most take spaces, which is how people write them. */
const separated = (scope: string | undefined, preset: Provider | null): string | undefined =>
  preset?.scopeSeparator === undefined
    ? scope
    : scope?.split(/[ ,]+/).filter(Boolean).join(preset.scopeSeparator);

const scopeOf = (preset: Provider | null, flow: LoginSettings['flow']): string | null =>
  flow === 'machine' || preset?.scopes === undefined
    ? null
    : preset.scopes.join(preset.scopeSeparator ?? ' ');
