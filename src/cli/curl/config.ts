import { TokenctlError } from '../../errors.ts';
import type { CurlRequest } from './request.ts';

export interface CurlConfig {
  /** Sent with the request, `NAME: VALUE`. */
  readonly headers: readonly string[];
  /** Where curl writes the headers of the answer. */
  readonly dumpHeader: string;
  /** A person reads stdout as it comes. */
  readonly toTerminal: boolean;
}

/**
 * What curl is told before the user's arguments, none of which can take it back. The token is in a custom
 * header, which curl keeps from other hosts, ports and protocols (https://curl.se/docs/CVE-2022-27776.html),
 * where `oauth2-bearer` is the password of an account to it.
 */
export const configText = (
  { address, output, direct }: CurlRequest,
  { headers, dumpHeader, toTerminal }: CurlConfig,
): string =>
  [
    ...headers.map((header) => `header = ${quoted(header)}`),
    'globoff',
    `proto = "=${address.target.protocol}"`,
    // Never from https to anything else.
    `proto-redir = "=${address.target.protocol === 'https' ? 'https' : 'http,https'}"`,
    `dump-header = ${quoted(dumpHeader)}`,
    // A proxy that answers CONNECT with 401 says nothing of the token.
    'suppress-connect-headers',
    ...(direct ? ['noproxy = "*"'] : []),
    ...(toTerminal ? ['no-buffer'] : []),
    // On a terminal curl itself would show no progress between the lines of the answer.
    ...(toTerminal && output === null ? ['silent', 'show-error'] : []),
    `url = ${quoted(address.url)}`,
    '',
  ].join('\n');

/** https://curl.se/docs/manpage.html#-K */
const quoted = (text: string): string => {
  if (/[\x00-\x1f\x7f]/.test(text)) {
    throw new TokenctlError('refused', 'the access token has control characters in it');
  }
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
};
