import type { Credential } from './credential.ts';
import { TokenctlError } from './errors.ts';
import { type HostBinding, parseHostBinding } from './hosts/binding.ts';
import type { BoundLogin } from './hosts/choose.ts';
import { noSuchLogin } from './messages.ts';
import { findPaths } from './paths.ts';
import { listLogins, loginStore } from './store/file.ts';

/** A login that can be read, with its record as it was then. */
export interface HeldLogin extends BoundLogin {
  readonly record: Credential;
}

/**
 * All logins, or the one that is named, with where their tokens may go. One that cannot be read is told
 * of and left out: it must not keep the others from answering.
 *
 * @throws {TokenctlError} `no_such_login` if one is named
 */
export const readBoundLogins = async (
  only: string | undefined,
  onFault: (error: TokenctlError) => void,
): Promise<HeldLogin[]> => {
  const names = only === undefined ? await listLogins(findPaths().credentials) : [only];
  const held: HeldLogin[] = [];
  for (const login of names) {
    try {
      const stored = await loginStore(login).read();
      if (stored !== null) {
        held.push({ login, record: stored.record, bindings: bindingsOf(stored.record) });
      } else if (only !== undefined) {
        throw noSuchLogin(login);
      }
    } catch (error) {
      if (only !== undefined || !(error instanceof TokenctlError)) {
        throw error;
      }
      onFault(error);
    }
  }
  return held;
};

/** What is no binding to this version binds to nothing. */
export const bindingsOf = ({ hosts }: Pick<Credential, 'hosts'>): HostBinding[] =>
  hosts.map(parseHostBinding).filter((parsed): parsed is HostBinding => !('problem' in parsed));
