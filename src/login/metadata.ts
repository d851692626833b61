import type * as oauth from 'oauth4webapi';
import { printable, TokenctlError } from '../errors.ts';
import { parseEndpoint } from '../oauth/endpoint.ts';

/** Without which there is no sign-in, or which a browser is sent to. */
const NEEDED = ['authorization_endpoint', 'token_endpoint'] as const;
const OPTIONAL = [
  'device_authorization_endpoint',
  'registration_endpoint',
  'revocation_endpoint',
  'pushed_authorization_request_endpoint',
] as const;
const LISTS = [
  'code_challenge_methods_supported',
  'token_endpoint_auth_methods_supported',
] as const;

/**
 * What a server says of itself, as far as it is what RFC 8414 section 2 says it is. A browser is started
 * with one of these addresses, and the record holds others: a web address and nothing else.
 *
 * @throws {TokenctlError} `refused`
 */
export const checkMetadata = (
  metadata: oauth.AuthorizationServer,
  host: string,
): oauth.AuthorizationServer => {
  for (const name of NEEDED) {
    const problem = problemOf(metadata[name]);
    if (metadata[name] != null && problem !== null) {
      throw new TokenctlError('refused', `the ${name} in the metadata at ${host} is ${problem}`, {
        hint: 'ask its operator; or give --authorization-endpoint and --token-endpoint',
      });
    }
  }
  const isOf = ([name, value]: [string, unknown]): boolean =>
    value === null
      ? false
      : isIn(OPTIONAL, name)
        ? problemOf(value) === null
        : !isIn(LISTS, name) || isList(value);
  const { mtls_endpoint_aliases: aliases, ...rest } = metadata;
  return {
    ...Object.fromEntries(Object.entries(rest).filter(isOf)),
    ...(aliases != null && { mtls_endpoint_aliases: endpointsIn(aliases) }),
  } as unknown as oauth.AuthorizationServer;
};

/** RFC 8705 section 5 */
const endpointsIn = (aliases: unknown): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(Object(aliases)).filter(([, address]) => problemOf(address) === null),
  );

const problemOf = (value: unknown): string | null => {
  const parsed = typeof value === 'string' ? parseEndpoint(value) : { problem: 'no text' };
  return 'problem' in parsed ? printable(parsed.problem) : null;
};

const isList = (value: unknown): boolean =>
  Array.isArray(value) && value.every((item) => typeof item === 'string');

const isIn = (names: readonly string[], name: string): boolean => names.includes(name);
