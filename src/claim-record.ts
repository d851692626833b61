import { save, underLease } from './change-record.ts';
import type { Credential } from './credential.ts';
import { KEYCHAIN_LIMIT_MS, saveIn } from './keep-apart.ts';
import { noSuchLogin } from './messages.ts';
import { faultError } from './store/kept-fault.ts';
import type { Store, StoreLease } from './store/store.ts';

/**
 * Brings a copied or restored record home, under its lock.
 *
 * @returns the record; null if it was at home already.
 * @throws {TokenctlError} `no_such_login`, `unavailable`, `refused`
 */
export const claimRecord = async (store: Store, timeoutMs: number): Promise<Credential | null> => {
  // No lock is made for a name that nothing is stored under: it may be a token, given by mistake.
  if ((await store.read()) === null) {
    throw noSuchLogin(store.login);
  }
  return underLease(store, timeoutMs, async (lease) => {
    await lease.inherit(new Set());
    const current = (await lease.read())?.record ?? null;
    if (current === null) {
      throw noSuchLogin(store.login);
    }
    if ((await store.whyForeign(current)) === null) {
      return { result: null };
    }
    lease.claim();
    const saved = await bringHome(store.login, lease, current);
    return saved === 'lost' ? 'lost' : { result: saved };
  });
};

/**
 * What is in the keychain moves to a slot of this directory's own: two homes never share one, and
 * where the record came from nobody can spend it any more.
 */
const bringHome = async (
  login: string,
  lease: StoreLease,
  current: Credential,
): Promise<Credential | 'lost'> => {
  const { kept } = current;
  if (kept?.place !== 'keychain' || !kept.stowed) {
    return (await save(lease, current, current)) === 'lost' ? 'lost' : current;
  }
  const opened = await lease.open(current, KEYCHAIN_LIMIT_MS);
  if (opened.kind === 'closed') {
    throw faultError(opened.fault, login);
  }
  const saved = await saveIn(lease, login, current, opened.record, kept.place);
  return saved === 'lost' ? 'lost' : saved.record;
};
