import { isLoopbackHost } from '../hosts/authority.ts';

/** Why something cannot be used, safe to print. */
export interface Problem {
  readonly problem: string;
}

/**
 * The address of an endpoint, if secrets may be sent there: https, or http on this machine only
 * (RFC 6749 section 3.2, RFC 8252 section 7.3); else what it is instead.
 */
export const parseEndpoint = (address: string): URL | Problem => {
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    // The address itself is not repeated: it may hold a password.
    return { problem: 'not a URL' };
  }
  if (url.username !== '' || url.password !== '') {
    return { problem: 'a URL with a password in it' };
  }
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url))
    ? url
    : { problem: 'not https (http is for this machine only)' };
};

/** This machine only. */
export const isLoopback = ({ hostname }: URL): boolean => isLoopbackHost(hostname);
