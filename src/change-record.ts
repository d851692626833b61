import { setTimeout as sleep } from 'node:timers/promises';
import type { Credential } from './credential.ts';
import { errnoOf, TokenctlError } from './errors.ts';
import { createJudge } from './lock/judge.ts';
import { describeHolder } from './messages.ts';
import type { Store, StoreLease } from './store/store.ts';

const PAUSE_MS = 30;

/**
 * Changes a record under its lock: import, invalidate and removal go through here, so that none
 * of them can happen while a refresh is under way.
 *
 * @param change gives the record to save, `remove`, or null to leave things as they are; it may be
 *   asked more than once.
 * @returns what `change` gave in the end.
 */
export const changeRecord = async <Change extends Credential | 'remove' | null>(
  store: Store,
  timeoutMs: number,
  change: (current: Credential | null) => Change,
  { ignoreCurrent = false } = {},
): Promise<Change> => {
  const judge = createJudge();
  const end = performance.now() + timeoutMs;
  for (;;) {
    const turn = await store.tryLease(judge);
    if (turn.kind === 'held') {
      const result = await changeUnder(turn.lease, store.login, change, ignoreCurrent);
      if (result !== 'lost') {
        return result.changed;
      }
    }
    if (performance.now() >= end) {
      const { who, hint } = describeHolder(turn.kind === 'busy' ? turn.holder : null);
      throw new TokenctlError('unavailable', `timed out waiting for ${who}`, {
        login: store.login,
        hint,
      });
    }
    await sleep(PAUSE_MS);
  }
};

const changeUnder = async <Change extends Credential | 'remove' | null>(
  lease: StoreLease,
  login: string,
  change: (current: Credential | null) => Change,
  ignoreCurrent: boolean,
): Promise<{ changed: Change } | 'lost'> => {
  try {
    if (ignoreCurrent) {
      const changed = change(null);
      await lease.remove();
      return { changed };
    }
    await lease.inherit(new Set());
    const current = (await lease.read())?.record ?? null;
    const changed = change(current);
    if (changed === 'remove') {
      await lease.remove();
    } else if (changed !== null) {
      const done =
        (await lease.reserve(current)) === 'done' &&
        (await lease.write(changed, current)) === 'done' &&
        (await lease.commit()) !== 'lost';
      return done ? { changed } : 'lost';
    }
    return { changed };
  } catch (error) {
    throw error instanceof TokenctlError
      ? error
      : new TokenctlError(
          'refused',
          `the credential could not be saved (${errnoOf(error) ?? 'unknown error'})`,
          {
            login,
            cause: error,
          },
        );
  } finally {
    await lease.release();
  }
};
