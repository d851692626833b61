import { setTimeout as sleep } from 'node:timers/promises';
import type { Credential } from './credential.ts';
import { errnoOf, TokenctlError } from './errors.ts';
import { createJudge } from './lock/judge.ts';
import type { LeaseStep } from './lock/lease.ts';
import { describeHolder } from './messages.ts';
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
    const step = changed === null ? 'done' : await save(lease, changed, current);
    return step === 'lost' ? step : { result: changed };
  });

/** Makes `next` the record, in the place of `previous`. */
export const save = async (
  lease: StoreLease,
  next: Credential,
  previous: Credential | null,
): Promise<LeaseStep | 'unsynced'> => {
  const ready =
    (await lease.reserve(previous)) === 'done' && (await lease.write(next, previous)) === 'done';
  return ready ? lease.commit() : 'lost';
};

/**
 * Forgets a record under its lock. Nothing of it is needed: a damaged one must be removable too.
 *
 * @returns what could not be removed with it, one line each.
 */
export const removeRecord = (store: Store, timeoutMs: number): Promise<readonly string[]> =>
  underLease(store, timeoutMs, async (lease) => {
    await lease.remove();
    return { result: lease.warnings() };
  });

const PAUSE_MS = 30;

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
