import type * as oauth from 'oauth4webapi';
import type { Client } from '../credential.ts';
import { TokenctlError } from '../errors.ts';
import { parseEndpoint } from '../oauth/endpoint.ts';
import type { Provider } from '../providers/providers.ts';
import { discover } from './discover.ts';
import type { Fetch } from './fetch.ts';
import type { LoginRequest, ServerFacts } from './settings.ts';

export interface Server {
  readonly facts: ServerFacts;
  readonly client: Pick<Client, 'tokenEndpoint' | 'revocationEndpoint' | 'issuer'>;
  readonly authMethods: readonly string[] | null;
}

export const serverOf = async (
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
  const found =
    issuer === null || (preset !== null && complete && !request.par)
      ? null
      : await discoverIf(issuer, fetch, complete);
  requireS256(login, found);
  // Who shows a certificate may have to do that elsewhere (RFC 8705 section 5).
  const aliases = request.client.tls == null ? undefined : found?.mtls_endpoint_aliases;
  const offered = found === null ? null : { ...found, ...aliases };
  const revocation = said(
    '--revocation-endpoint',
    request.revocationEndpoint,
    preset?.revocationEndpoint,
  );
  return {
    facts: {
      issuer: found?.issuer ?? issuer,
      authorizationEndpoint: authorization ?? found?.authorization_endpoint ?? null,
      deviceAuthorizationEndpoint: device ?? offered?.device_authorization_endpoint ?? null,
      registrationEndpoint: found?.registration_endpoint ?? null,
      pushEndpoint: pushEndpoint(login, request, offered),
      saysIssuer: found?.authorization_response_iss_parameter_supported === true,
    },
    client: {
      tokenEndpoint: token ?? offered?.token_endpoint ?? null,
      revocationEndpoint: revocation ?? offered?.revocation_endpoint ?? null,
      issuer: found?.issuer ?? issuer,
    },
    authMethods: found?.token_endpoint_auth_methods_supported ?? null,
  };
};

/** With all endpoints at hand, a server that says nothing of itself will do. */
const discoverIf = async (
  issuer: string,
  fetch: Fetch,
  complete: boolean,
): Promise<oauth.AuthorizationServer | null> => {
  try {
    return await discover(issuer, fetch);
  } catch (error) {
    if (complete && error instanceof TokenctlError && error.code === 'refused') {
      return null;
    }
    throw error;
  }
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
    address.replace(/\{([\w-]+)\}/g, (template, name: string) => {
      if (name === 'client_id') {
        // Filled in when it is used: the client may not be known yet.
        return template;
      }
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
