import { canonicalPath } from './path.ts';
import { decodedPath, defaultPort, type Target, targetOf } from './target.ts';

/**
 * Where an HTTP request goes. A path that a server may read in more than one way counts as any path of
 * the host: `/a%2Fb` is common in APIs, and for a login that is bound to whole hosts it is no question.
 */
export const targetOfRequest = (
  protocol: string,
  authority: string,
  path: string,
): Target | null => {
  const plain = decodedPath(path);
  const isClear = plain !== null && canonicalPath(plain) !== null;
  return targetOf({ protocol, authority, ...(isClear && { path: plain }) });
};

/** An address of a request as text, and where it goes. */
export interface RequestAddress {
  readonly target: Target;
  /** The same with a normal host, which every program reads alike; without a fragment. */
  readonly url: string;
}

/**
 * Null for what is no plain address, or never to be given a token. Without a scheme too: it is `http` to
 * some programs, and a token that strayed here is no host name to be repeated.
 */
export const readRequestAddress = (text: string): RequestAddress | null => {
  const [, scheme = '', authority = '', path = '/', query = ''] = ADDRESS.exec(text) ?? [];
  const target = targetOfRequest(scheme.toLowerCase(), authority, path);
  if (target === null) {
    return null;
  }
  const port = target.port === defaultPort(target.protocol) ? '' : `:${target.port}`;
  return { target, url: `${target.protocol}://${target.host}${port}${path}${query}` };
};

/** Spaces and control characters are what parsers strip, fold or stop at; a backslash is a slash to some. */
const ADDRESS =
  /^([A-Za-z]+):\/\/([^/?#\\\p{C}\p{Z}]+)(\/[^?#\\\p{C}\p{Z}]*)?(\?[^#\p{C}\p{Z}]*)?(?:#[^\p{C}\p{Z}]*)?$/u;
