import { chown, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { tryAcquire } from '../../src/lock/acquire.ts';
import { createJudge } from '../../src/lock/judge.ts';
import type { Lease } from '../../src/lock/lease.ts';
import { newLeaseName } from '../../src/lock/lease-name.ts';
import type { LockPlace } from '../../src/lock/place.ts';
import { type Remains, removeRemains } from '../../src/lock/remains.ts';
import { nodeFileSystem } from '../../src/platform/fs.ts';
import { currentProcess } from '../../src/platform/process-identity.ts';
import { deadOwner, foreignOwner, layLease } from '../support/lock-processes.ts';
import { need } from '../support/need.ts';

let directory: string;
let place: LockPlace;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tokenctl-remains-'));
  place = { fs: nodeFileSystem, lockPath: join(directory, 'x.lock'), judge: createJudge() };
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const hold = async (): Promise<Lease> => {
  const acquired = await tryAcquire(place, newLeaseName(currentProcess()), '');
  if (acquired.kind !== 'held') {
    throw new Error(`not held but ${acquired.kind}`);
  }
  return acquired.lease;
};

describe('what a dead holder left', () => {
  it('says whose it was, what it wrote and what it spent', async () => {
    const files = { 'next.json': '{}', 'spent-7-1': '', 'spent-7-2': '', 'next.json.new': '{' };
    const name = await layLease(place.lockPath, deadOwner(), files);
    const lease = await hold();
    const path = join(directory, `x.lock.${name}.dead`);
    const [remains, ...others] = await lease.remains();
    expect(others).toEqual([]);
    expect(remains).toMatchObject({ name, path, owner: 'dead', nextPath: join(path, 'next.json') });
    expect(remains?.spent.map(({ nth }) => nth).sort()).toEqual([1, 2]);
  });

  it('can be removed', async () => {
    await layLease(place.lockPath, deadOwner(), { 'next.json': '{}', 'spent-1-1': '' });
    const lease = await hold();
    for (const remains of await lease.remains()) {
      await removeRemains(place, remains);
    }
    expect(await readdir(directory)).toEqual(['x.lock']);
  });

  it('of another lock in the same directory is none of ours', async () => {
    await layLease(join(directory, 'y.lock'), deadOwner());
    const other = { ...place, lockPath: join(directory, 'y.lock') };
    await tryAcquire(other, newLeaseName(currentProcess()), '');
    const lease = await hold();
    expect(await lease.remains()).toEqual([]);
  });
});

describe('what only looks like that', () => {
  const plant = async (make: (path: string) => Promise<void>, kind: string): Promise<string> => {
    const path = join(directory, `x.lock.${newLeaseName(deadOwner())}.${kind}`);
    await make(path);
    return path;
  };
  const precious = async (): Promise<string> => {
    const elsewhere = await mkdtemp(join(tmpdir(), 'tokenctl-precious-'));
    onTestFinished(() => rm(elsewhere, { recursive: true, force: true }));
    await mkdir(join(elsewhere, 'deep'));
    await writeFile(join(elsewhere, 'deep', 'file'), 'precious');
    await writeFile(join(elsewhere, 'next.json'), '{}');
    return elsewhere;
  };

  it.each(['dead', 'new'])(
    'is a link: what it leads to is not ours to sweep (%s)',
    async (kind) => {
      const elsewhere = await precious();
      await plant((path) => symlink(elsewhere, path), kind);
      const lease = await hold();
      for (const remains of await lease.remains()) {
        expect(remains).toMatchObject({ nextPath: null, spent: [] });
        await removeRemains(place, remains);
      }
      expect(await readFile(join(elsewhere, 'deep', 'file'), 'utf8')).toBe('precious');
    },
  );

  it("is a link in a dead holder's lock: it goes, what it leads to stays", async () => {
    const elsewhere = await precious();
    const name = await layLease(place.lockPath, deadOwner());
    await symlink(elsewhere, join(place.lockPath, name, 'more'));
    const [remains] = await (await hold()).remains();
    await removeRemains(place, remains as Remains);
    expect(await readdir(directory)).toEqual(['x.lock']);
    expect(await readFile(join(elsewhere, 'deep', 'file'), 'utf8')).toBe('precious');
  });

  it("is another user's: nothing in it is believed, adopted or removed", async (context) => {
    need(context, process.geteuid?.() === 0, 'root');
    const path = await plant(async (made) => {
      await mkdir(made);
      await writeFile(join(made, 'next.json'), '{}');
      await writeFile(join(made, 'spent-1-1'), '');
      await chown(made, 12_345, 12_345);
    }, 'dead');
    const [remains] = await (await hold()).remains();
    expect(remains).toMatchObject({ nextPath: null, spent: [] });
    await removeRemains(place, remains as Remains);
    expect((await readdir(path)).sort()).toEqual(['next.json', 'spent-1-1']);
  });

  it('is a lock that is a link, or that another user made: refused', async (context) => {
    const elsewhere = await precious();
    const acquire = () => tryAcquire(place, newLeaseName(currentProcess()), '');
    const refused = { kind: 'obstructed', what: 'it is not a directory of ours' };
    await symlink(elsewhere, place.lockPath);
    expect(await acquire()).toEqual(refused);
    await rm(place.lockPath);
    need(context, process.geteuid?.() === 0, 'root');
    await mkdir(place.lockPath, { mode: 0o777 });
    await chown(place.lockPath, 12_345, 12_345);
    expect(await acquire()).toEqual(refused);
  });
});

describe('a lease that was prepared and never used', () => {
  const prepared = async (owner: ReturnType<typeof currentProcess>): Promise<string> => {
    const name = newLeaseName(owner);
    await layLease(join(directory, `x.lock.${name}.new`), owner, {}, name);
    return `x.lock.${name}.new`;
  };

  it('is swept if its owner is dead', async () => {
    await prepared(deadOwner());
    const lease = await hold();
    expect(await lease.remains()).toEqual([]);
    expect(await readdir(directory)).toEqual(['x.lock']);
  });

  it('stays if its owner lives, or may live', async () => {
    const living = [await prepared(currentProcess()), await prepared(foreignOwner())];
    const lease = await hold();
    expect(await lease.remains()).toEqual([]);
    expect(await readdir(directory)).toEqual(expect.arrayContaining(living));
  });

  it('is not confused with files that only look like it', async () => {
    const odd = ['x.lock.new', 'x.lock.notes.dead', 'x.json', 'x.lock.1.new'];
    await Promise.all(odd.map((name) => writeFile(join(directory, name), '')));
    const lease = await hold();
    expect(await lease.remains()).toEqual([]);
    expect(await readdir(directory)).toEqual(expect.arrayContaining(odd));
  });
});

describe('a holder', () => {
  it('commits by renaming what it wrote out of its lease', async () => {
    const record = join(directory, 'x.json');
    await writeFile(record, 'old');
    const lease = await hold();
    expect(await lease.reserve('reserved, and longer than what comes')).toBe('done');
    expect(await lease.gate(1, 1)).toBe('done');
    expect(lease.gated).toBe(true);
    expect(await lease.write('new')).toBe('done');
    expect(await readFile(record, 'utf8')).toBe('old');
    expect(await lease.commit(record)).toBe('done');
    expect(lease.gated).toBe(false);
    expect(await readFile(record, 'utf8')).toBe('new');
  });

  it('that was taken for dead can neither pass the gate nor commit', async () => {
    const record = join(directory, 'x.json');
    await writeFile(record, 'old');
    const lease = await hold();
    await lease.reserve('reserved');
    await tryAcquire({ ...place, judge: async () => 'dead' }, newLeaseName(currentProcess()), '');
    expect(await lease.gate(1, 1)).toBe('lost');
    expect(await lease.write('new')).toBe('lost');
    expect(await lease.commit(record)).toBe('lost');
    expect(await readFile(record, 'utf8')).toBe('old');
  });

  it('that takes the word of the gate back leaves none', async () => {
    const lease = await hold();
    await lease.gate(3, 1);
    await lease.ungate(3, 1);
    expect(lease.gated).toBe(false);
    expect(await readdir(join(place.lockPath, lease.name))).toEqual(['owner.json']);
  });

  it('that cannot put its result in place leaves it to the next one', async () => {
    const first = await hold();
    await first.reserve('');
    await first.gate(1, 1);
    await first.write('new');
    await first.leaveBehind();
    const [remains] = await (await hold()).remains();
    expect(remains?.name).toBe(first.name);
    expect(await readFile(remains?.nextPath ?? '', 'utf8')).toBe('new');
  });
});
