import { underLease } from '../change-record.ts';
import type { Credential } from '../credential.ts';
import { TokenctlError } from '../errors.ts';
import { KEYCHAIN_LIMIT_MS } from '../keep-apart.ts';
import type { Secret } from '../secret.ts';
import { faultError } from '../store/kept-fault.ts';
import type { Store } from '../store/store.ts';

/**
 * The key that the login's access tokens are bound to (RFC 9449), opened if it is kept apart from the
 * record.
 *
 * @throws {TokenctlError} `refused` if there is none here; `unavailable`
 */
export const openDpopKey = async (
  store: Store,
  record: Credential,
  timeoutMs: number,
): Promise<Secret> => {
  const { login } = store;
  const key = record.client.extras?.dpopKey ?? null;
  if (key === null) {
    throw new TokenctlError('refused', 'the access token is bound to a key that is not here', {
      login,
      hint: `sign in here: tokenctl login ${login} --dpop`,
    });
  }
  return key.isElsewhere ? openApart(store, timeoutMs) : key;
};

/** Under the lease, as whoever opens what is kept apart may find there what the record does not know yet. */
const openApart = async (store: Store, timeoutMs: number): Promise<Secret> => {
  const { login } = store;
  const key = await underLease<Secret | null>(store, timeoutMs, async (lease) => {
    const record = (await lease.read())?.record ?? null;
    if (record === null) {
      return { result: null };
    }
    const foreign = await store.whyForeign(record);
    if (foreign !== null) {
      throw new TokenctlError('refused', foreign, { login, hint: `tokenctl adopt ${login}` });
    }
    const opened = await lease.open(record, KEYCHAIN_LIMIT_MS);
    if (opened.kind === 'closed') {
      throw faultError(opened.fault, login);
    }
    return { result: opened.record.client.extras?.dpopKey ?? null };
  });
  if (key === null) {
    throw new TokenctlError('unavailable', 'the login has become another one', {
      login,
      hint: 'try again',
    });
  }
  return key;
};
