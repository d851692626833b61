import { join } from 'node:path';
import type { Acquisition } from '../../src/lock/acquire.ts';
import { attempt, removeTree } from '../../src/lock/directory.ts';
import { Lease } from '../../src/lock/lease.ts';
import type { LeaseName } from '../../src/lock/lease-name.ts';
import type { LockPlace } from '../../src/lock/place.ts';
import { REAL, type Variant } from './lock-contender.ts';

/** Ways to get the lock wrong that look right: the exploration must find each of them. */
export const FLAWED: Readonly<
  Record<'takeover by the shared path' | 'release by the shared path' | 'ungated recommit', Variant>
> = {
  'takeover by the shared path': {
    ...REAL,
    acquire: (place, name) => removeThenCreate(place, name),
  },
  'release by the shared path': {
    ...REAL,
    release: async (_, { fs, lockPath }) => {
      await removeTree(fs, lockPath);
    },
  },
  'ungated recommit': { ...REAL, recommit: 'ungated' },
};

/** What proper-lockfile does about a lock that has not been touched for long: stat, rmdir, mkdir. */
const removeThenCreate = async (place: LockPlace, name: LeaseName): Promise<Acquisition> => {
  const { fs, lockPath } = place;
  const busy: Acquisition = { kind: 'busy', holder: 'somebody' };
  if ((await attempt(() => fs.mkdir(lockPath))) !== 'done') {
    const mtimeMs = await fs.mtimeMs(lockPath).catch(() => null);
    // Only what an initial state put there is this old.
    if (mtimeMs !== 0) {
      return busy;
    }
    await attempt(() => fs.rmdir(lockPath));
    if ((await attempt(() => fs.mkdir(lockPath))) !== 'done') {
      return busy;
    }
  }
  const created = await attempt(() => fs.mkdir(join(lockPath, name)));
  return created === 'done' ? { kind: 'held', lease: new Lease(place, name), evicted: [] } : busy;
};
