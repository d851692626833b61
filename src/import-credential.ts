import { randomUUID } from 'node:crypto';
import {
  AUTH_METHODS,
  type AuthMethod,
  atInstance,
  type Client,
  type Credential,
  DEFAULT_REFRESH_AT,
} from './credential.ts';
import { TokenctlError } from './errors.ts';
import { MAX_BINDINGS, parseHostBinding, requireHostBinding } from './hosts/binding.ts';
import { parseEndpoint } from './oauth/endpoint.ts';
import type { Moment } from './platform/clock.ts';
import { instanceUrlOf, normaliseAnswer } from './providers/answers.ts';
import { expandProvider, isComplete } from './providers/expand.ts';
import { type Provider, providers } from './providers/providers.ts';
import { Secret } from './secret.ts';
import { checkTokenSet } from './token-set.ts';

/**
 * Makes a record of tokens that were issued elsewhere: a token response (RFC 6749 section 5.1) plus
 * where it belongs, either `provider` or explicit endpoints; explicit members win over the preset's.
 *
 * | member | |
 * |---|---|
 * | `access_token`, `refresh_token` | at least one |
 * | `expires_in`, `expires_at` | seconds from now; epoch seconds or RFC 3339 |
 * | `token_type`, `scope`, `id_token` | as in the response |
 * | `provider`, `variables` | a preset's name, and what it needs to know (`{"host": …}`) |
 * | `token_endpoint`, `revocation_endpoint`, `issuer` | https URLs |
 * | `client_id`, `client_secret`, `token_endpoint_auth_method` | RFC 7591 section 2 |
 * | `hosts` | who may be given the access token |
 *
 * @param known the providers that `provider` may name
 * @throws {TokenctlError} `usage`, naming the member that is wrong, never its value
 */
export const credentialFromImport = (
  json: unknown,
  now: Moment,
  known: Providers = providers,
): Credential => {
  const members = requireObject(json);
  const preset = presetOf(members, known);
  const quirks = preset?.quirks ?? [];
  const tokens = checkTokenSet(normaliseAnswer(members, quirks), now);
  const client = clientOf(members, preset);
  const instanceUrl = instanceUrlOf(members, quirks);
  const hosts = optionalList(members, 'hosts') ?? preset?.hosts ?? [];
  if (tokens.accessToken === null && tokens.refreshToken === undefined) {
    throw new TokenctlError('usage', 'access_token or refresh_token is missing');
  }
  if (tokens.refreshToken !== undefined) {
    requireRefreshable(client, known);
  }
  return {
    recordId: randomUUID(),
    generation: 1,
    accessToken: tokens.accessToken,
    tokenType: tokens.tokenType,
    issued: now,
    lifetime: tokens.lifetime,
    obtained: 'import',
    rejected: false,
    refreshAt: DEFAULT_REFRESH_AT,
    scope: tokens.scope ?? null,
    idToken: tokens.idToken ?? null,
    idTokenExpiresAt: null,
    refreshToken: tokens.refreshToken ?? null,
    client,
    provider: optionalText(members, 'provider'),
    hosts,
    ...(instanceUrl !== undefined && atInstance(hosts, instanceUrl)),
    state: { kind: 'active', reason: null, at: null },
    lastAttempt: null,
    origin: null,
    lifeboat: null,
    kept: null,
    unknown: {},
  };
};

export type Providers = Readonly<Record<string, Provider>>;

const presetOf = (members: Members, known: Providers): Provider | null => {
  const name = optionalText(members, 'provider');
  if (name === null) {
    return null;
  }
  const preset = Object.hasOwn(known, name) ? known[name] : undefined;
  const stated = endpoint(members, 'token_endpoint');
  if (preset === undefined && stated === null) {
    throw new TokenctlError('usage', 'provider is not a known one, and token_endpoint is missing', {
      hint: `known: ${Object.keys(known).join(', ')}`,
    });
  }
  if (preset === undefined) {
    return null;
  }
  const given = variablesOf(members);
  const there = stated === null || isComplete(preset, given) ? expandProvider(preset, given) : null;
  // Of a server of one's own only what is true of its kind is known: no token of it goes to another.
  return there !== null && (stated === null || isSameOrigin(stated, there.tokenEndpoint))
    ? there
    : kindOf(preset);
};

const isSameOrigin = (a: string, b: string): boolean => new URL(a).origin === new URL(b).origin;

const kindOf = ({ tokenEndpoint, quirks, authMethodWithSecret, documentation }: Provider) => ({
  ...{ tokenEndpoint, quirks, authMethodWithSecret, documentation },
  hosts: [],
});

const variablesOf = (members: Members): Readonly<Record<string, string>> => {
  const value = members.variables ?? {};
  if (
    typeof value !== 'object' ||
    Array.isArray(value) ||
    !Object.values(value).every((item) => typeof item === 'string')
  ) {
    throw new TokenctlError('usage', 'variables must be an object of strings');
  }
  return { ...value };
};

const clientOf = (members: Members, preset: Provider | null): Client => {
  const clientSecret = optionalText(members, 'client_secret');
  return {
    tokenEndpoint: endpoint(members, 'token_endpoint') ?? preset?.tokenEndpoint ?? null,
    revocationEndpoint:
      endpoint(members, 'revocation_endpoint') ?? preset?.revocationEndpoint ?? null,
    issuer: endpoint(members, 'issuer') ?? preset?.issuer ?? null,
    clientId: optionalText(members, 'client_id'),
    clientSecret: clientSecret === null ? null : new Secret(clientSecret),
    authMethod: authMethodOf(members, preset, clientSecret !== null),
    quirks: preset?.quirks ?? [],
  };
};

const authMethodOf = (
  members: Members,
  preset: Provider | null,
  hasSecret: boolean,
): AuthMethod => {
  const stated = optionalText(members, 'token_endpoint_auth_method');
  if (stated === null) {
    // RFC 7591 section 2: the default is client_secret_basic.
    return hasSecret ? (preset?.authMethodWithSecret ?? 'client_secret_basic') : 'none';
  }
  const method = AUTH_METHODS.find((known) => known === stated);
  if (method === undefined) {
    throw new TokenctlError(
      'usage',
      `token_endpoint_auth_method must be one of ${AUTH_METHODS.join(', ')}`,
    );
  }
  if ((method === 'none') === hasSecret) {
    throw new TokenctlError(
      'usage',
      hasSecret
        ? 'token_endpoint_auth_method is none, yet there is a client_secret'
        : `token_endpoint_auth_method ${method} needs a client_secret`,
    );
  }
  return method;
};

const requireRefreshable = ({ tokenEndpoint, clientId }: Client, known: Providers): void => {
  if (tokenEndpoint === null) {
    throw new TokenctlError(
      'usage',
      'token_endpoint is missing, so the refresh_token cannot be used',
      {
        hint: `add "token_endpoint", or "provider" (${Object.keys(known).join(', ')})`,
      },
    );
  }
  if (clientId === null) {
    throw new TokenctlError('usage', 'client_id is missing, so the refresh_token cannot be used');
  }
};

type Members = Readonly<Record<string, unknown>>;

const requireObject = (json: unknown): Members => {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new TokenctlError('usage', 'a JSON object is expected');
  }
  return json as Members;
};

const optionalText = (members: Members, name: string): string | null => {
  const value = members[name] ?? null;
  if (value === null) {
    return null;
  }
  if (
    typeof value !== 'string' ||
    value === '' ||
    value.length > 4096 ||
    /[\p{Cc}\p{Zl}\p{Zp}]/u.test(value)
  ) {
    throw new TokenctlError('usage', `${name} must be text on one line`);
  }
  return value;
};

const optionalList = (members: Members, name: string): string[] | null => {
  const value = members[name] ?? null;
  if (value === null) {
    return null;
  }
  if (!Array.isArray(value) || value.length > MAX_BINDINGS || !value.every(isHostBinding)) {
    throw new TokenctlError(
      'usage',
      `${name} must be a list of at most ${MAX_BINDINGS} hosts, [USERNAME@]HOST[:PORT][/PATH]`,
    );
  }
  return value.map(requireHostBinding);
};

const isHostBinding = (value: unknown): value is string =>
  typeof value === 'string' && !('problem' in parseHostBinding(value));

const endpoint = (members: Members, name: string): string | null => {
  const address = optionalText(members, name);
  if (address === null) {
    return null;
  }
  const parsed = parseEndpoint(address);
  if ('problem' in parsed) {
    throw new TokenctlError('usage', `${name} is ${parsed.problem}`);
  }
  return address;
};
