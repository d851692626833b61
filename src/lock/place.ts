import { join } from 'node:path';
import type { FileSystem } from '../platform/fs.ts';
import { entriesOf } from './directory.ts';
import type { Judge } from './judge.ts';
import { type LeaseName, parseLeaseName } from './lease-name.ts';

/**
 * The rename lock: a directory that holds at most one entry, the lease, under a name of its own.
 *
 * - Acquired by renaming a directory that is already complete onto it: rename(2) replaces only an
 *   absent or empty directory, so there is one winner.
 * - Taken over by moving *that name* aside: a late-comer gets ENOENT, never a successor's lease.
 * - The next record lives inside the lease, so the commit is a rename out of it: for an evicted
 *   holder that path is gone and it cannot overwrite a newer record.
 *
 * `test/lock/exploration.test.ts` explores every interleaving of this code.
 */
export interface LockPlace {
  readonly fs: FileSystem;
  /** The lock directory, `…/github.lock`, beside the record. */
  readonly lockPath: string;
  readonly judge: Judge;
}

/** In every lease: who holds it, for people; its modification time is the heartbeat. */
export const OWNER = 'owner.json';
/** In a lease while a record is being made: its successor. */
export const NEXT = 'next.json';
/**
 * In a lease past the gate: the refresh token of this generation goes out for the nth time. No more
 * digits than a record can count.
 */
export const SPENT = /^spent-(\d{1,15})-(\d{1,9})$/;

/** In remains whose owner lives, but has done with what it was doing there. */
export const CONCLUDED = 'concluded';

/** Whether the owner of the lease directory at `path` lives. */
export const judgeHolder = async (
  { fs, judge }: LockPlace,
  path: string,
  name: LeaseName,
): Promise<'alive' | 'dead'> => {
  const entries = await entriesOf(fs, path);
  const gated = entries !== 'not-a-directory' && entries.some((entry) => SPENT.test(entry));
  return judge(name, gated, async () => {
    try {
      return await fs.mtimeMs(join(path, OWNER));
    } catch {
      return null;
    }
  });
};

/** The living holder of the lock, asked without touching anything; null if there is none to wait for. */
export const livingHolder = async (place: LockPlace): Promise<LeaseName | null> => {
  const entries = await entriesOf(place.fs, place.lockPath);
  const [only] = entries;
  if (entries === 'not-a-directory' || only === undefined) {
    return null;
  }
  if (entries.length !== 1 || parseLeaseName(only) === null) {
    return null;
  }
  return (await judgeHolder(place, join(place.lockPath, only), only)) === 'alive' ? only : null;
};
