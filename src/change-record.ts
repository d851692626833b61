import { setTimeout as sleep } from 'node:timers/promises';
import type { Credential } from './credential.ts';
import { errnoOf, TokenctlError } from './errors.ts';
import { createJudge } from './lock/judge.ts';
import { describeHolder, noSuchLogin } from './messages.ts';
import { monotonicMs } from './platform/clock.ts';
import type { Store, StoreLease } from './store/store.ts';

/**
 * Changes a record under its lock: import and invalidate go through here, so that neither can
 * happen while a refresh is under way.
 *
 * @param change gives the record to save, or null to leave things as they are; it may be asked more
 *   than once.
 * @returns what `change` gave in the end.
 */
export const changeRecord = <Change extends Credential | null>(
  store: Store,
  timeoutMs: number,
  change: (current: Credential | null) => Change,
): Promise<Change> =>
  underLease(store, timeoutMs, async (lease) => {
    await lease.inherit(new Set());
    const current = (await lease.read())?.record ?? null;
    const changed = change(current);
    const done =
      changed === null ||
      ((await lease.reserve(current)) === 'done' &&
        (await lease.write(changed, current)) === 'done' &&
        (await lease.commit()) !== 'lost');
    return done ? { result: changed } : 'lost';
  });

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
    const done =
      (await lease.reserve(current)) === 'done' &&
      (await lease.write(current, current)) === 'done' &&
      (await lease.commit()) !== 'lost';
    return done ? { result: current } : 'lost';
  });
};

/** Forgets a record under its lock. Nothing of it is read: a damaged one must be removable too. */
export const removeRecord = (store: Store, timeoutMs: number): Promise<void> =>
  underLease(store, timeoutMs, async (lease) => ({ result: await lease.remove() }));

const PAUSE_MS = 30;

/** Runs it while the lease is ours, once more whenever it says that the lease was lost. */
export const underLease = async <Result>(
  store: Store,
  timeoutMs: number,
  action: (lease: StoreLease) => Promise<{ result: Result } | 'lost'>,
): Promise<Result> => {
  const judge = createJudge();
  const end = monotonicMs() + timeoutMs;
  for (;;) {
    const turn = await store.tryLease(judge);
    if (turn.kind === 'held') {
      const outcome = await holding(turn.lease, store.login, action);
      if (outcome !== 'lost') {
        return outcome.result;
      }
    }
    if (monotonicMs() >= end) {
      const { who, hint } = describeHolder(turn.kind === 'busy' ? turn.holder : null);
      const { login } = store;
      throw new TokenctlError('unavailable', `timed out waiting for ${who}`, { login, hint });
    }
    await sleep(PAUSE_MS);
  }
};

const holding = async <Result>(
  lease: StoreLease,
  login: string,
  action: (lease: StoreLease) => Promise<Result>,
): Promise<Result> => {
  try {
    return await action(lease);
  } catch (error) {
    if (error instanceof TokenctlError) {
      throw error;
    }
    const why = `the credential could not be saved (${errnoOf(error) ?? 'unknown error'})`;
    throw new TokenctlError('refused', why, { login, cause: error });
  } finally {
    await lease.release();
  }
};
