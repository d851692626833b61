import * as oauth from 'oauth4webapi';
import { printable, TokenctlError } from '../errors.ts';
import type { Fetch } from './fetch.ts';
import { checkMetadata } from './metadata.ts';

/**
 * The metadata of an authorization server: OpenID Connect Discovery, else RFC 8414. The issuer in it
 * must be the one that was asked; how it writes itself is what `iss` is compared with from then on.
 *
 * @throws {TokenctlError} `usage`, `unavailable`, `refused`
 */
export const discover = async (
  issuer: string,
  fetch: Fetch,
): Promise<oauth.AuthorizationServer> => {
  const address = new URL(issuer);
  let last: unknown;
  for (const algorithm of ['oidc', 'oauth2'] as const) {
    const response = await oauth.discoveryRequest(address, {
      algorithm,
      ...through(fetch),
    });
    try {
      const metadata = await oauth.processDiscoveryResponse(address, response);
      return checkMetadata(metadata, printable(address.host));
    } catch (error) {
      if (error instanceof TokenctlError) {
        throw error;
      }
      last = error;
      // Somebody answers for another issuer: no second opinion is asked for.
      if (response.status === 200 && codeOf(error) === oauth.JSON_ATTRIBUTE_COMPARISON) {
        break;
      }
    }
  }
  throw notDiscovered(issuer, last);
};

/** For all functions of the library. Where secrets may go is checked in `fetch.ts`. */
export const through = (fetch: Fetch) => ({
  [oauth.customFetch]: fetch as never,
  [oauth.allowInsecureRequests]: true,
});

const codeOf = (error: unknown): unknown => Object(error).code;

const notDiscovered = (issuer: string, error: unknown): TokenctlError => {
  if (error instanceof TokenctlError) {
    return error;
  }
  const host = printable(new URL(issuer).host);
  if (codeOf(error) === oauth.JSON_ATTRIBUTE_COMPARISON) {
    return new TokenctlError('refused', `the metadata at ${host} is that of another issuer`, {
      hint: 'give --issuer exactly as the server writes it',
    });
  }
  return new TokenctlError('refused', `no metadata of an authorization server at ${host}`, {
    hint: 'check --issuer; or give --authorization-endpoint and --token-endpoint',
    cause: error instanceof Error ? new Error(printable(error.message)) : undefined,
  });
};
