import { join } from 'node:path';
import type { FileSystem } from '../platform/fs.ts';
import { attempt, entriesOf, removeTree } from './directory.ts';
import { Lease } from './lease.ts';
import { type LeaseName, parseLeaseName } from './lease-name.ts';
import { judgeHolder, type LockPlace, OWNER } from './place.ts';

export type Acquisition =
  | { readonly kind: 'held'; readonly lease: Lease; readonly evicted: readonly LeaseName[] }
  | { readonly kind: 'busy'; readonly holder: LeaseName }
  /** Something stands at the lock's path that is not ours to touch. */
  | { readonly kind: 'obstructed'; readonly what: string };

/** More rounds than this against holders that come and go within microseconds is not contention but a fault. */
const MAX_ROUNDS = 100;

/** Tries to become the holder. Never waits for one. `ownerText` is for people: who holds it and since when. */
export const tryAcquire = async (
  place: LockPlace,
  name: LeaseName,
  ownerText: string,
): Promise<Acquisition> => {
  const { fs, lockPath } = place;
  const prepared = `${lockPath}.${name}.new`;
  const evicted: LeaseName[] = [];
  let isPrepared = false;
  try {
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const entries = await entriesOf(fs, lockPath);
      if (entries === 'not-a-directory') {
        return { kind: 'obstructed', what: 'it is not a directory of ours' };
      }
      if (entries.length > 0) {
        const holder = holderAmong(entries);
        if (holder === null) {
          // NFS keeps a deleted file that is still open under such a name for a while.
          return entries.every((entry) => entry.startsWith('.nfs'))
            ? { kind: 'busy', holder: entries.join(' ') }
            : { kind: 'obstructed', what: `it holds ${JSON.stringify(entries[0])}` };
        }
        if ((await judgeHolder(place, join(lockPath, holder), holder)) === 'alive') {
          return { kind: 'busy', holder };
        }
        if (await evict(fs, lockPath, holder)) {
          evicted.push(holder);
        }
        continue;
      }
      if (!isPrepared) {
        const made = await attempt(() => prepare(fs, prepared, name, ownerText));
        if (made !== 'done') {
          await removeTree(fs, prepared);
          // A holder that cannot see us took us for dead and swept it up: start over.
          if (made === 'ENOENT' && round + 1 < MAX_ROUNDS) {
            continue;
          }
          throw cannot('create the lock', made);
        }
        isPrepared = true;
      }
      const renamed = await attempt(() => fs.rename(prepared, lockPath));
      if (renamed === 'done') {
        isPrepared = false;
        return { kind: 'held', lease: new Lease(place, name), evicted };
      }
      if (renamed === 'ENOENT') {
        isPrepared = false;
      } else if (renamed === 'ENOTDIR') {
        return { kind: 'obstructed', what: 'it is not a directory of ours' };
      } else if (!OCCUPIED.has(renamed)) {
        throw cannot('create the lock', renamed);
      } else {
        // Windows renames onto no directory at all, not even an empty one that a holder left behind.
        await attempt(() => fs.rmdir(lockPath));
      }
    }
    return { kind: 'busy', holder: 'many' };
  } finally {
    if (isPrepared) {
      await removeTree(fs, prepared);
    }
  }
};

/** What rename(2) onto a directory that is not empty says: POSIX the first two, Windows the others. */
const OCCUPIED: ReadonlySet<string> = new Set(['ENOTEMPTY', 'EEXIST', 'EPERM', 'EACCES']);

const prepare = async (
  fs: FileSystem,
  prepared: string,
  name: LeaseName,
  ownerText: string,
): Promise<void> => {
  await fs.mkdir(prepared);
  await fs.mkdir(join(prepared, name));
  await fs.create(join(prepared, name, OWNER), ownerText);
};

/** Moves a dead holder's lease aside. False if somebody else did. */
const evict = async (fs: FileSystem, lockPath: string, holder: LeaseName): Promise<boolean> => {
  const moved = await attempt(() =>
    fs.rename(join(lockPath, holder), `${lockPath}.${holder}.dead`),
  );
  if (moved !== 'done' && moved !== 'ENOENT') {
    throw cannot("move a dead holder's lease aside", moved);
  }
  await attempt(() => fs.rmdir(lockPath));
  return moved === 'done';
};

const holderAmong = (entries: readonly string[]): LeaseName | null => {
  const [only] = entries;
  return entries.length === 1 && only !== undefined && parseLeaseName(only) !== null ? only : null;
};

const cannot = (what: string, errno: string): Error =>
  Object.assign(new Error(`cannot ${what} (${errno})`), { code: errno });
