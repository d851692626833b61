import { readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { tryAcquireKept } from '../../src/lock/heartbeat.ts';
import { createJudge } from '../../src/lock/judge.ts';
import { newLeaseName } from '../../src/lock/lease-name.ts';
import { livingHolder } from '../../src/lock/place.ts';
import { nodeFileSystem } from '../../src/platform/fs.ts';
import { currentProcess } from '../../src/platform/process-identity.ts';
import { type Holders, prepareHolders, type Step } from '../support/lock-holders.ts';

/** "Well under a second", also on a machine that is busy with other tests. */
const SOON_MS = 700;

let holders: Holders;
beforeAll(async () => {
  holders = await prepareHolders();
});
afterAll(() => holders.stop());
beforeEach(async () => {
  await rm(holders.lockPath, { recursive: true, force: true });
  await writeFile(holders.recordPath, 'old');
});

const place = () => ({
  fs: nodeFileSystem,
  lockPath: holders.lockPath,
  judge: createJudge(),
});

/** Tries until it holds the lock, as one does who waits for it. */
const acquire = async () => {
  const { judge, ...where } = place();
  for (;;) {
    const name = newLeaseName(currentProcess());
    const acquired = await tryAcquireKept({ ...where, judge }, name, '{}\n');
    if (acquired.kind === 'held') {
      return acquired;
    }
    await sleep(5);
  }
};

describe('when a holder is killed', () => {
  interface Left {
    readonly died: Step;
    /** Whether there is something to look at, and what it says. */
    readonly remains: null | { readonly spent: number; readonly next: string | null };
    readonly record: 'old' | 'written';
  }
  const cases: Left[] = [
    { died: 'prepared', remains: null, record: 'old' },
    { died: 'acquired', remains: { spent: 0, next: null }, record: 'old' },
    { died: 'reserved', remains: { spent: 0, next: 'reserved' }, record: 'old' },
    { died: 'gated', remains: { spent: 1, next: 'reserved' }, record: 'old' },
    { died: 'written', remains: { spent: 1, next: 'written' }, record: 'old' },
    { died: 'committed', remains: { spent: 1, next: null }, record: 'written' },
    { died: 'released', remains: null, record: 'written' },
  ];

  it.each(cases)(
    'after it had $died, the next one holds the lock at once and finds what it left',
    async ({ died, remains, record }) => {
      const { child, ended } = await holders.start(died, 'wait');
      const killedAt = performance.now();
      child.kill('SIGKILL');
      const acquired = await acquire();
      expect(performance.now() - killedAt).toBeLessThan(SOON_MS);
      await ended;
      const found = await acquired.lease.remains();
      expect(
        await Promise.all(
          found.map(async ({ spent, nextPath, owner }) => ({
            owner,
            spent: spent.length,
            next: nextPath === null ? null : await readFile(nextPath, 'utf8'),
          })),
        ),
      ).toEqual(remains === null ? [] : [{ owner: 'dead', ...remains }]);
      expect(await readFile(holders.recordPath, 'utf8')).toBe(record);
      await acquired.release();
      await Promise.all(found.map(({ path }) => rm(path, { recursive: true })));
    },
  );
});

it.skipIf(process.platform === 'win32')(
  'a holder that is stopped keeps the lock, until it goes on or is ended',
  async () => {
    const { child, ended } = await holders.start('gated', 'wait');
    child.kill('SIGSTOP');
    await sleep(100);
    expect(await livingHolder(place())).toMatch(new RegExp(`^${child.pid}\\.`));
    child.kill('SIGKILL');
    await ended;
    expect(await livingHolder(place())).toBeNull();
  },
);
