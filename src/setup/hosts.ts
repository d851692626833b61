import type { HeldLogin } from '../bound-logins.ts';
import { abbreviated, TokenctlError } from '../errors.ts';
import {
  formatHostBinding,
  type HostBinding,
  isHostOf,
  parseHostBinding,
} from '../hosts/binding.ts';
import { chooseLogin } from '../hosts/choose.ts';
import { type Target, targetOfUrl } from '../hosts/target.ts';
import type { AskedHost } from './tool.ts';

/**
 * Which hosts to wire: those that are named, or all that the logins are bound to. Nothing is ever bound here:
 * where a token may go is said on purpose.
 *
 * @throws {TokenctlError} `refused` if no login is bound to one of them, `usage`
 */
export const hostsToWire = (
  named: readonly string[],
  logins: readonly HeldLogin[],
  login: string | undefined,
): AskedHost[] => {
  const bindings = logins.flatMap((one) => one.bindings);
  const all = named.length > 0 ? named.map(parseNamedHost) : unique(bindings.map(hostOf));
  if (all.length === 0) {
    throw new TokenctlError(
      'refused',
      login === undefined ? 'no login is bound to a host' : 'the login is bound to no host',
      { login, hint: `tokenctl hosts ${login ?? 'NAME'} add HOST` },
    );
  }
  return all.map((asked) => {
    const target = targetOf(asked);
    const bound = bindings.filter((binding) => isHostOf(binding, target));
    if (bound.length === 0) {
      const name = login ?? (logins.length === 1 ? logins[0]?.login : undefined) ?? 'NAME';
      const what =
        login === undefined
          ? `no login is bound to ${asked.host}`
          : `the login ${login} is not bound to ${asked.host}`;
      throw new TokenctlError('refused', what, {
        hint: `tokenctl hosts ${name} add ${asked.host}`,
      });
    }
    return { ...asked, hasPath: bound.some(({ path }) => path !== null) };
  });
};

/** Hosts for which none would answer, because nothing tells the logins apart. */
export const ambiguousHosts = (
  hosts: readonly AskedHost[],
  logins: readonly HeldLogin[],
): string[] =>
  hosts
    .filter((asked) => chooseLogin(targetOf(asked), logins).kind === 'ambiguous')
    .map(({ host }) => host);

export const parseNamedHost = (text: string): AskedHost => {
  const binding = parseHostBinding(text);
  if ('problem' in binding) {
    throw new TokenctlError('usage', `--host ${abbreviated(text)} is ${binding.problem}`, {
      hint: '--host HOST[:PORT]',
    });
  }
  if (binding.path !== null || binding.username !== null) {
    throw new TokenctlError('usage', '--host takes a host alone, without account and path', {
      hint: `--host ${hostOf(binding)}`,
    });
  }
  const [, scheme] = /^(https?):\/\//i.exec(text) ?? [];
  const said = scheme?.toLowerCase() as AskedHost['scheme'];
  return { host: hostOf(binding), scheme: said, hasPath: false };
};

const hostOf = (binding: HostBinding): string =>
  formatHostBinding({ ...binding, path: null, username: null });

const unique = (hosts: readonly string[]): AskedHost[] =>
  [...new Set(hosts)].map((host) => ({ host, scheme: undefined, hasPath: false }));

const targetOf = ({ host, scheme }: AskedHost): Target => {
  const target = targetOfUrl(`${scheme ?? 'https'}://${host}`);
  if (target === null) {
    throw new Error('a host that was checked is none');
  }
  return { ...target, path: null };
};
