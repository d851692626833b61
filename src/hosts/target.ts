import { isLoopbackHost, parseAuthority } from './authority.ts';
import { canonicalPath } from './path.ts';

/** Where a program is about to send a token. */
export interface Target {
  readonly protocol: 'https' | 'http';
  readonly host: string;
  /** The scheme's own, if none is said. */
  readonly port: number;
  /** Null if the program does not say: it may be any path of the host. */
  readonly path: string | null;
  /** Whose account it wants to use; null if it does not say. */
  readonly username: string | null;
}

/** The parts of an address as a program has taken it apart; its path has no escapes any more. */
export interface Parts {
  readonly protocol: string;
  /** `host[:port]` */
  readonly authority: string;
  readonly path?: string | undefined;
  readonly username?: string | undefined;
}

/** Null where nothing is ever to be sent: neither https nor http on this machine, or no clear address. */
export const targetOf = ({ protocol, authority, path, username }: Parts): Target | null => {
  const where = parseAuthority(authority);
  const below = path === undefined ? null : canonicalPath(path);
  if (
    where === null ||
    (path !== undefined && below === null) ||
    (protocol !== 'https' && !(protocol === 'http' && isLoopbackHost(where.host)))
  ) {
    return null;
  }
  return {
    protocol,
    host: where.host,
    port: where.port ?? defaultPort(protocol),
    path: below,
    username: username === undefined || username === '' ? null : username,
  };
};

/** The same of an address in one piece; `https` if it has no scheme. Userinfo is refused. */
export const targetOfUrl = (address: string): Target | null => {
  const [, scheme = 'https', authority, path = '/'] = ADDRESS.exec(address) ?? [];
  const plain = decodedPath(path);
  return authority === undefined || plain === null
    ? null
    : targetOf({ protocol: scheme.toLowerCase(), authority, path: plain });
};

export const defaultPort = (protocol: 'https' | 'http'): number =>
  protocol === 'https' ? 443 : 80;

/** As a login is bound to it: the port is left out where it is the scheme's own. */
export const placeOf = ({ protocol, host, port }: Target): string =>
  port === defaultPort(protocol) ? host : `${host}:${port}`;

/** Nothing of it is read as a URL parser would, who strips, folds and repairs. */
const ADDRESS = /^(?:([A-Za-z]+):\/\/)?([^/?#\\]+)(\/[^?#\\]*)?$/;

/** Without escapes, or null if they hide something. */
export const decodedPath = (path: string): string | null => {
  try {
    // An escaped slash is no border between segments here, and one to whoever decodes first.
    return /%2f/i.test(path) ? null : decodeURIComponent(path);
  } catch {
    return null;
  }
};
