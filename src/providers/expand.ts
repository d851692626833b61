import { TokenctlError } from '../errors.ts';
import { requireHostBinding } from '../hosts/binding.ts';
import type { Provider } from './providers.ts';

/**
 * The provider with its variables filled in: those that are given, else their defaults.
 *
 * @throws {TokenctlError} `usage`, naming what is missing or cannot be part of an address
 */
export const expandProvider = (
  provider: Provider,
  given: Readonly<Record<string, string>> = {},
): Provider => {
  const variables = provider.variables ?? {};
  const stray = Object.keys(given).find((name) => !Object.hasOwn(variables, name));
  if (stray !== undefined) {
    throw new TokenctlError('usage', 'this provider has no such variable', {
      hint:
        Object.keys(variables).length === 0
          ? 'it has none'
          : `it has ${Object.keys(variables).join(', ')}`,
    });
  }
  const values = Object.entries(variables).map(([name, { description, default: fallback }]) => {
    const value = (Object.hasOwn(given, name) ? given[name] : undefined) ?? fallback;
    if (value === undefined) {
      throw new TokenctlError('usage', `${name} is missing: ${description}`);
    }
    return [name, encoded(name, value)] as const;
  });
  const fill = (text: string) =>
    values.reduce((filled, [name, value]) => filled.replaceAll(`{${name}}`, value), text);
  const {
    tokenEndpoint,
    authorizationEndpoint,
    deviceAuthorizationEndpoint,
    revocationEndpoint,
    issuer,
  } = provider;
  return {
    ...provider,
    tokenEndpoint: fill(tokenEndpoint),
    ...(authorizationEndpoint && { authorizationEndpoint: fill(authorizationEndpoint) }),
    ...(deviceAuthorizationEndpoint && {
      deviceAuthorizationEndpoint: fill(deviceAuthorizationEndpoint),
    }),
    ...(revocationEndpoint && { revocationEndpoint: fill(revocationEndpoint) }),
    ...(issuer && { issuer: fill(issuer) }),
    hosts: provider.hosts.map((host) => requireHostBinding(fill(host))),
  };
};

/** Whether all that must be said has been. */
export const isComplete = (
  { variables = {} }: Provider,
  given: Readonly<Record<string, string>>,
): boolean =>
  Object.entries(variables).every(
    ([name, { default: fallback }]) => Object.hasOwn(given, name) || fallback !== undefined,
  );

/** A value must stay within its part of the address: no secret may go where the template does not say. */
const encoded = (name: string, value: string): string => {
  const fits = name === 'host' ? HOST.test(value) : SEGMENT.test(value) && !/^\.+$/.test(value);
  if (!fits) {
    throw new TokenctlError(
      'usage',
      name === 'host'
        ? 'host must be a host name, with a port if need be'
        : `${name} must be a name`,
    );
  }
  return name === 'host' ? value.toLowerCase() : encodeURIComponent(value);
};

const HOST = /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?(:\d{1,5})?$/;
const SEGMENT = /^[A-Za-z0-9][A-Za-z0-9 ._~-]{0,99}$/;
