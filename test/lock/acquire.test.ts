import { mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Acquisition, tryAcquire } from '../../src/lock/acquire.ts';
import { createJudge } from '../../src/lock/judge.ts';
import { Lease } from '../../src/lock/lease.ts';
import { type LeaseName, newLeaseName } from '../../src/lock/lease-name.ts';
import type { LockPlace } from '../../src/lock/place.ts';
import { type FileSystem, nodeFileSystem } from '../../src/platform/fs.ts';
import { currentProcess } from '../../src/platform/process-identity.ts';
import { deadOwner, foreignOwner, layLease } from '../support/lock-processes.ts';
import { systemError } from '../support/memory-fs.ts';

let directory: string;
let place: LockPlace;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tokenctl-acquire-'));
  place = { fs: nodeFileSystem, lockPath: join(directory, 'x.lock'), judge: createJudge() };
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const acquire = (fs: Partial<FileSystem> = {}): Promise<Acquisition> =>
  tryAcquire({ ...place, fs: { ...nodeFileSystem, ...fs } }, newName(), 'owner');
const newName = (): LeaseName => newLeaseName(currentProcess());
const inLock = (): Promise<string[]> => readdir(place.lockPath);
const inDirectory = (): Promise<string[]> => readdir(directory);

const hold = async () => {
  const acquired = await acquire();
  if (acquired.kind !== 'held') {
    throw new Error(`not held but ${acquired.kind}`);
  }
  return acquired;
};

describe('a lock that nobody holds', () => {
  it('is held by who comes, under a name of its own, and gone after the release', async () => {
    const { lease, evicted } = await hold();
    expect(await inLock()).toEqual([lease.name]);
    expect(await readdir(join(place.lockPath, lease.name))).toEqual(['owner.json']);
    expect(evicted).toEqual([]);
    await lease.release();
    expect(await inDirectory()).toEqual([]);
  });

  it('is held over the empty directory that proper-lockfile or a dead holder left', async () => {
    await mkdir(place.lockPath);
    const { lease } = await hold();
    expect(await inLock()).toEqual([lease.name]);
  });

  it.skipIf(process.platform === 'win32')('leaves nothing that others could read', async () => {
    const { lease } = await hold();
    const modes = [place.lockPath, join(place.lockPath, lease.name), lease.heartbeatPath];
    const masks = await Promise.all(modes.map(async (path) => (await stat(path)).mode & 0o777));
    expect(masks).toEqual([0o700, 0o700, 0o600]);
  });
});

describe('a lock that is held', () => {
  it('is busy for everybody else while its holder lives, who is named', async () => {
    const { lease } = await hold();
    expect(await acquire()).toEqual({ kind: 'busy', holder: lease.name });
    expect(await inDirectory()).toEqual(['x.lock']);
  });

  it('is busy while a holder on another machine is not silent for long enough', async () => {
    const name = await layLease(place.lockPath, foreignOwner());
    expect(await acquire()).toEqual({ kind: 'busy', holder: name });
  });

  it('is taken over at once when its holder is dead, whose lease is kept aside', async () => {
    const name = await layLease(place.lockPath, deadOwner(), { 'spent-1-1': '' });
    const { lease, evicted } = await hold();
    expect(evicted).toEqual([name]);
    expect(await inLock()).toEqual([lease.name]);
    expect(await inDirectory()).toContain(`x.lock.${name}.dead`);
  });

  it('goes to one of many that come at once, and to none of them when it is held', async () => {
    await layLease(place.lockPath, deadOwner());
    const all = await Promise.all(Array.from({ length: 20 }, () => acquire()));
    expect(all.filter(({ kind }) => kind === 'held')).toHaveLength(1);
    expect(all.filter(({ kind }) => kind === 'busy')).toHaveLength(19);
    expect((await inDirectory()).filter((name) => name.endsWith('.new'))).toEqual([]);
  });

  it.each(['release', 'leaveBehind'] as const)(
    'does not keep its holder out for good when it could not be given up (%s)',
    async (how) => {
      const broken = async () => {
        throw systemError('EIO');
      };
      const fs = { ...nodeFileSystem, rename: broken, unlink: broken, rmdir: broken };
      const { lease } = await hold();
      await new Lease({ ...place, fs }, lease.name)[how]();
      expect(await inLock()).toEqual([lease.name]);
      const next = await hold();
      expect(next.evicted).toEqual([lease.name]);
    },
  );

  it('is not released by a holder that lost it, but stays with its successor', async () => {
    const first = await hold();
    const evicting = await tryAcquire({ ...place, judge: async () => 'dead' }, newName(), '');
    expect(evicting.kind).toBe('held');
    await first.lease.release();
    expect(await inLock()).toEqual([evicting.kind === 'held' && evicting.lease.name]);
  });
});

describe('something that is not ours at the path of the lock', () => {
  const untouched = async (what: RegExp) => {
    const before = await inDirectory();
    const obstructed = await acquire();
    expect(obstructed).toEqual({ kind: 'obstructed', what: expect.stringMatching(what) });
    expect(await inDirectory()).toEqual(before);
  };

  it('a file is reported and stays (INCIDENTS 4)', async () => {
    await writeFile(place.lockPath, '');
    await untouched(/not a directory/);
  });

  it('a directory with unknown things in it is reported and stays (INCIDENTS 4)', async () => {
    await mkdir(join(place.lockPath, 'precious'), { recursive: true });
    await untouched(/it holds "precious"/);
    expect(await inLock()).toEqual(['precious']);
  });

  it('a lease with a stranger beside it is reported and stays', async () => {
    await layLease(place.lockPath, deadOwner());
    await writeFile(join(place.lockPath, 'stranger'), '');
    await untouched(/it holds/);
    expect(await inLock()).toHaveLength(2);
  });

  it.skipIf(process.platform === 'win32').each([
    ['to a directory', 'elsewhere'],
    ['to nothing', 'nowhere'],
  ])('a symbolic link %s is reported and stays', async (_to, target) => {
    await mkdir(join(directory, 'elsewhere'));
    await symlink(join(directory, target), place.lockPath);
    await untouched(/not a directory/);
  });

  it('files that NFS keeps while somebody has them open are waited for', async () => {
    await mkdir(place.lockPath);
    await writeFile(join(place.lockPath, '.nfs0001'), '');
    expect(await acquire()).toEqual({ kind: 'busy', holder: '.nfs0001' });
  });
});

describe('a fault on the way', () => {
  it.each(['ENOSPC', 'EROFS', 'EDQUOT'])(
    '%s is thrown, and nothing is left lying about',
    async (errno) => {
      const create = () => Promise.reject(systemError(errno));
      await expect(acquire({ create })).rejects.toMatchObject({ code: errno });
      expect(await inDirectory()).toEqual([]);
    },
  );

  it('that a dead holder cannot be moved aside is thrown', async () => {
    await layLease(place.lockPath, deadOwner());
    const rename = () => Promise.reject(systemError('EIO'));
    await expect(acquire({ rename })).rejects.toMatchObject({ code: 'EIO' });
    expect(await inDirectory()).toEqual(['x.lock']);
  });

  it('that the directory is missing is thrown', async () => {
    await rm(directory, { recursive: true });
    await expect(acquire()).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
