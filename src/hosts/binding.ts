import { abbreviated, TokenctlError } from '../errors.ts';
import { isLoopbackHost, parseAuthority } from './authority.ts';
import { canonicalPath } from './path.ts';
import { defaultPort, type Target } from './target.ts';

/**
 * Where a login's token may be sent: one exact host, and maybe only below a path or for one account.
 * https; on this machine http too. There are no wildcards: what `*.example.com` covers is decided by
 * whoever can make a name there, and that list changes without us.
 */
export interface HostBinding {
  readonly host: string;
  /** Null: the scheme's own. */
  readonly port: number | null;
  /** `/one/two`: this and all below it. */
  readonly path: string | null;
  readonly username: string | null;
}

/** `[https://][USERNAME@]HOST[:PORT][/PATH]`; else why it is none, safe to print. */
export const parseHostBinding = (text: string): HostBinding | { readonly problem: string } => {
  if (text.length > MAX_LENGTH) {
    return { problem: 'too long' };
  }
  const [, scheme, rest = ''] = /^(?:([A-Za-z][A-Za-z0-9+.-]*):\/\/)?(.*)$/s.exec(text) ?? [];
  const [, userinfo, authority = '', path = ''] = /^(?:([^@/]*)@)?([^/]*)(.*)$/s.exec(rest) ?? [];
  const protocol = scheme?.toLowerCase() ?? 'https';
  if (authority.includes('*')) {
    return { problem: 'a wildcard; name each host' };
  }
  const where = parseAuthority(authority);
  if (where === null) {
    return { problem: 'not a host name, with a port and a path if need be' };
  }
  if (protocol !== 'https' && !(protocol === 'http' && isLoopbackHost(where.host))) {
    return { problem: 'not https (http is for this machine only)' };
  }
  const username = userinfo === undefined ? null : decodedUsername(userinfo);
  if (username === undefined) {
    return { problem: 'not USERNAME@HOST (no password; an @ in the name is written %40)' };
  }
  const below = canonicalPath(path);
  if (below === null) {
    return { problem: 'a path that is not plain (no dots, escapes, ? or #)' };
  }
  return {
    host: where.host,
    port: !isLoopbackHost(where.host) && where.port === defaultPort('https') ? null : where.port,
    path: below === '' ? null : below,
    username,
  };
};

const MAX_LENGTH = 512;

/**
 * The same in the form that is stored.
 *
 * @throws {TokenctlError} `usage`
 */
export const requireHostBinding = (text: string): string => {
  const binding = parseHostBinding(text);
  if ('problem' in binding) {
    throw new TokenctlError('usage', `the host '${abbreviated(text)}' is ${binding.problem}`, {
      hint: '[USERNAME@]HOST[:PORT][/PATH]',
    });
  }
  return formatHostBinding(binding);
};

/** More would be a mistake, and much more a record too large to be read back. */
export const MAX_BINDINGS = 100;

/** As it is stored, and read again by {@link parseHostBinding}. */
export const formatHostBinding = ({ host, port, path, username }: HostBinding): string =>
  [
    username === null ? '' : `${encodeURIComponent(username)}@`,
    host,
    port === null ? '' : `:${port}`,
    path ?? '',
  ].join('');

/** The token of a login with this binding may go there. */
export const covers = (binding: HostBinding, target: Target): boolean =>
  isHostOf(binding, target) && coversPath(binding, target) && coversUsername(binding, target);

/** The same but for path and account, which tell logins apart. */
export const isHostOf = ({ host, port }: HostBinding, target: Target): boolean =>
  host === target.host && (port ?? defaultPort(target.protocol)) === target.port;

const coversPath = ({ path }: HostBinding, target: Target): boolean =>
  path === null || target.path === path || (target.path?.startsWith(`${path}/`) ?? false);

export const coversUsername = ({ username }: HostBinding, target: Target): boolean =>
  username === null || target.username === null || target.username === username;

const decodedUsername = (userinfo: string): string | undefined => {
  try {
    const username = decodeURIComponent(userinfo);
    return username === '' ||
      /[:\\?#]/.test(userinfo) ||
      /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u.test(username)
      ? undefined
      : username;
  } catch {
    return undefined;
  }
};
