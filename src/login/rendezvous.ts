import { setTimeout as sleep } from 'node:timers/promises';
import { TokenctlError } from '../errors.ts';
import { createJudge } from '../lock/judge.ts';
import { describeHolder } from '../messages.ts';
import { monotonicMs } from '../platform/clock.ts';
import type { Store } from '../store/store.ts';
import type { Person } from './person.ts';

const PAUSE_MS = 200;

/** One sign-in at a time under a name: two would make two grants, and one of them would be lost. */
export const rendezvous = async (
  store: Store,
  person: Person,
  end: number,
): Promise<{ release: () => Promise<void> }> => {
  const judge = createJudge();
  for (let waited = false; ; waited = true) {
    const turn = await store.tryLoginLock?.(judge);
    if (turn === undefined || turn.kind === 'held') {
      return { release: async () => turn?.release() };
    }
    const { who, hint } = describeHolder(turn.holder, 'signing in');
    if (monotonicMs() >= end) {
      throw new TokenctlError('unavailable', `timed out waiting for ${who}`, {
        login: store.login,
        hint,
      });
    }
    if (!waited) {
      person.say(`Waiting for ${who} to ${store.login}; finish it there (${hint}).`);
    }
    await sleep(PAUSE_MS);
  }
};
