import { mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { type KeptAcquisition, tryAcquireKept } from '../../src/lock/heartbeat.ts';
import { createJudge } from '../../src/lock/judge.ts';
import { newLeaseName } from '../../src/lock/lease-name.ts';
import { type FileSystem, nodeFileSystem } from '../../src/platform/fs.ts';
import { currentProcess } from '../../src/platform/process-identity.ts';
import { type Holders, prepareHolders, type Step } from '../support/lock-holders.ts';
import { layLease } from '../support/lock-processes.ts';

let directory: string;
let lockPath: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tokenctl-heartbeat-'));
  lockPath = join(directory, 'x.lock');
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const acquire = (fs: Partial<FileSystem> = {}): Promise<KeptAcquisition> =>
  tryAcquireKept(
    { fs: { ...nodeFileSystem, ...fs }, lockPath, judge: createJudge() },
    newLeaseName(currentProcess()),
    '{}\n',
  );

const hold = async () => {
  const acquired = await acquire();
  if (acquired.kind !== 'held') {
    throw new Error(`not held but ${acquired.kind}`);
  }
  return acquired;
};

describe('a lease that proper-lockfile carries', () => {
  it('beats in its own file, and stops when it is released', async () => {
    const { lease, release, uncompromised } = await hold();
    let last = (await stat(lease.heartbeatPath)).mtimeMs;
    for (let beats = 0; beats < 2; beats += 1) {
      await vi.waitFor(
        async () => expect((await stat(lease.heartbeatPath)).mtimeMs).not.toBe(last),
        { timeout: 10_000 },
      );
      last = (await stat(lease.heartbeatPath)).mtimeMs;
    }
    expect(uncompromised()).toBe(true);
    await release();
    expect(await readdir(directory)).toEqual([]);
  });

  it('is not compromised by what its holder does inside', async () => {
    const { lease, release, uncompromised } = await hold();
    await lease.reserve('reserved');
    await lease.gate(1, 1);
    await sleep(2_500);
    expect(uncompromised()).toBe(true);
    await release();
    expect(await readdir(directory)).toEqual([]);
  });

  it('can be held again and again, and several at once', async () => {
    for (let count = 0; count < 5; count += 1) {
      const { release } = await hold();
      await release();
    }
    const first = await hold();
    expect(await acquire()).toEqual({ kind: 'busy', holder: first.lease.name });
    lockPath = join(directory, 'y.lock');
    const second = await hold();
    await Promise.all([first.release(), second.release()]);
    expect(await readdir(directory)).toEqual([]);
  });

  it('can be released twice, and does not take a successor with it', async () => {
    const first = await hold();
    await first.release();
    const second = await hold();
    await first.release();
    await first.leaveBehind();
    expect(await readdir(lockPath)).toEqual([second.lease.name]);
    await second.release();
  });

  it('is left behind under its name, with what it holds', async () => {
    const { lease, leaveBehind } = await hold();
    await lease.reserve('next');
    await leaveBehind();
    expect(await readdir(directory)).toEqual([`x.lock.${lease.name}.dead`]);
  });
});

describe('a lease that was taken from a holder that lives', () => {
  // Vitest fails on whatever is thrown from a timer or rejected without anybody listening.
  it('is noticed with the next heartbeat, and nothing is thrown', async () => {
    const { lease, release, uncompromised } = await hold();
    await rename(join(lockPath, lease.name), join(directory, 'aside'));
    await vi.waitFor(() => expect(uncompromised()).toBe(false), { timeout: 10_000 });
    await release();
    expect(await readdir(directory)).toEqual(['aside']);
  });

  it('is noticed when somebody else beats in its file', async () => {
    const { lease, release, uncompromised } = await hold();
    await nodeFileSystem.setMtime(lease.heartbeatPath, 1_000_000);
    await vi.waitFor(() => expect(uncompromised()).toBe(false), { timeout: 10_000 });
    await release();
    expect(await readdir(directory)).toEqual([]);
  });

  it('before its first heartbeat is as if the lock had been busy', async () => {
    const setMtime: FileSystem['setMtime'] = async (path, mtimeMs) => {
      await rm(lockPath, { recursive: true });
      await nodeFileSystem.setMtime(path, mtimeMs);
    };
    expect(await acquire({ setMtime })).toMatchObject({ kind: 'busy' });
    expect(await readdir(directory)).toEqual([]);
  });
});

describe('what acquiring comes to', () => {
  it('is told as it is: busy, obstructed or a fault', async () => {
    const name = await layLease(lockPath, currentProcess());
    expect(await acquire()).toEqual({ kind: 'busy', holder: name });
    await rm(lockPath, { recursive: true });
    await nodeFileSystem.create(lockPath, '');
    expect(await acquire()).toMatchObject({ kind: 'obstructed' });
    await rm(directory, { recursive: true });
    await expect(acquire()).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('when its process ends', () => {
  let holders: Holders;
  beforeAll(async () => {
    holders = await prepareHolders();
  });
  afterAll(() => holders.stop());
  afterEach(() => rm(holders.lockPath, { recursive: true, force: true }));

  const locks = async (): Promise<string[]> =>
    (await readdir(holders.directory)).filter((name) => name.startsWith('x.lock'));
  const BEFORE_THE_GATE: Step[] = ['acquired', 'reserved', 'committed'];
  const PAST_THE_GATE: Step[] = ['gated', 'written'];

  it.each(BEFORE_THE_GATE)('with exit(), the lease of one that has %s is removed', async (step) => {
    const { ended } = await holders.start(step, 'exit');
    expect(await ended).toEqual({ code: 0, signal: null, said: '' });
    expect(await locks()).toEqual([]);
  });

  it.each(PAST_THE_GATE)('with exit(), the lease of one that has %s stays', async (step) => {
    const { ended } = await holders.start(step, 'exit');
    expect(await ended).toEqual({ code: 0, signal: null, said: '' });
    expect(await locks()).toEqual(['x.lock']);
  });

  it.skipIf(process.platform === 'win32')('with SIGTERM, it is the same', async () => {
    for (const [step, left] of [
      ['reserved', []],
      ['gated', ['x.lock']],
    ] as const) {
      const { child, ended } = await holders.start(step, 'wait');
      child.kill('SIGTERM');
      expect(await ended).toEqual({ code: null, signal: 'SIGTERM', said: '' });
      expect(await locks()).toEqual(left);
    }
  });

  it('the heartbeat does not keep it from ending', async () => {
    const { ended } = await holders.start('acquired', 'idle');
    expect(await ended).toMatchObject({ signal: null });
    expect(await locks()).toEqual([]);
  });
});
