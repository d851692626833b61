import { setTimeout as sleep } from 'node:timers/promises';
import { type Credential, tokenHash } from './credential.ts';
import { createJudge } from './lock/judge.ts';
import type { LeaseName } from './lock/lease-name.ts';
import { monotonicMs } from './platform/clock.ts';
import type { Store, StoreLease } from './store/store.ts';

/**
 * How long a holder that lost its lease tries to save what it got. Longer than any caller's patience:
 * it holds a rotated refresh token that nobody else has.
 */
const LIMIT_MS = 60_000;
const PAUSE_MS = 50;

/**
 * Saves the result of a refresh whose lease was taken away in the meantime, under a new lease, and
 * only if the record still holds the refresh token that was spent for it.
 */
export const recommit = async (
  store: Store,
  next: Credential,
  spent: Credential,
  lost: ReadonlySet<LeaseName>,
): Promise<'saved' | 'superseded' | 'busy'> => {
  const judge = createJudge();
  const end = monotonicMs() + LIMIT_MS;
  while (monotonicMs() < end) {
    const turn = await store.tryLease(judge);
    if (turn.kind === 'held') {
      const { lease } = turn;
      try {
        await lease.inherit(lost);
        const stored = await lease.read();
        if (stored === null || !isSame(stored.record, spent)) {
          return 'superseded';
        }
        if (
          (await lease.reserve(spent)) === 'done' &&
          // Nothing is sent here, but past the gate nobody takes this lease away for its silence.
          (await lease.gate(spent.generation, 1)) === 'done' &&
          (await lease.write(next, spent)) === 'done' &&
          (await commitOrLeave(lease)) !== 'lost'
        ) {
          return 'saved';
        }
      } finally {
        await lease.release();
      }
    }
    await sleep(PAUSE_MS);
  }
  return 'busy';
};

/** What is durable in the lease and cannot be put in its place is left there for the next holder. */
const commitOrLeave = async (lease: StoreLease): Promise<'done' | 'lost'> => {
  try {
    return (await lease.commit()) === 'lost' ? 'lost' : 'done';
  } catch {
    await lease.leaveBehind();
    return 'done';
  }
};

const isSame = (a: Credential, b: Credential): boolean =>
  a.recordId === b.recordId &&
  a.generation === b.generation &&
  tokenHash(a.refreshToken) === tokenHash(b.refreshToken);
