import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoOf, TokenctlError } from '../errors.ts';
import { tryAcquireKept } from '../lock/heartbeat.ts';
import { createJudge } from '../lock/judge.ts';
import { newLeaseName } from '../lock/lease-name.ts';
import { findRemains, removeRemains } from '../lock/remains.ts';
import { monotonicMs } from '../platform/clock.ts';
import { nodeFileSystem } from '../platform/fs.ts';
import { makeDirectory } from '../platform/make-directory.ts';
import { currentProcess } from '../platform/process-identity.ts';

const PAUSE_MS = 20;

/** One setup at a time: two would each lose what the other one wrote down. */
export const withSetupLock = async <T>(
  recordPath: string,
  timeoutMs: number,
  action: () => Promise<T>,
): Promise<T> => {
  const release = await acquire(recordPath.replace(/\.json$/, '.lock'), timeoutMs);
  try {
    return await action();
  } finally {
    await release();
  }
};

const acquire = async (lockPath: string, timeoutMs: number): Promise<() => Promise<void>> => {
  const place = { fs: nodeFileSystem, lockPath, judge: createJudge() };
  const self = currentProcess();
  const { pid, machine } = self;
  const owner = `${JSON.stringify({ pid, machine, since: new Date().toISOString() })}\n`;
  const end = monotonicMs() + timeoutMs;
  try {
    await makeDirectory(dirname(lockPath));
    for (;;) {
      const acquired = await tryAcquireKept(place, newLeaseName(self), owner);
      if (acquired.kind === 'held') {
        for (const remains of await findRemains(place)) {
          await removeRemains(place, remains);
        }
        return acquired.release;
      }
      if (acquired.kind === 'obstructed') {
        throw new TokenctlError('refused', `the lock is unusable: ${acquired.what}`, {
          hint: `mv '${lockPath}' '${lockPath}.away'`,
        });
      }
      if (monotonicMs() >= end) {
        throw new TokenctlError('unavailable', 'another tokenctl setup is still running', {
          hint: 'try again, or with a longer --timeout',
        });
      }
      await sleep(PAUSE_MS);
    }
  } catch (error) {
    throw error instanceof TokenctlError
      ? error
      : new TokenctlError('refused', `cannot lock ${lockPath} (${errnoOf(error) ?? 'unknown'})`, {
          hint: `its directory must be writable: ls -ld '${dirname(lockPath)}'`,
        });
  }
};
