import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { newLeaseName } from '../../src/lock/lease-name.ts';
import { currentProcess } from '../../src/platform/process-identity.ts';
import { startContenders } from '../support/contenders.ts';

const ROUNDS = Number(process.env.TOKENCTL_CHAOS_ROUNDS ?? 500);
const CONTENDERS = 12;

/** The lease of a process that was here and is gone: our own pid, at another time. */
const leaveDeadLease = async (lockPath: string, gated: boolean): Promise<void> => {
  const lease = join(lockPath, newLeaseName({ ...currentProcess(), startTime: '1' }));
  await mkdir(lease, { recursive: true });
  if (gated) {
    await mkdir(join(lease, 'spent-1-1'));
  }
};

const PLACES = [
  ['in memory', '/dev/shm'],
  ['on disk', tmpdir()],
] as const;

test.each(PLACES.filter(([, parent]) => existsSync(parent)))(
  `${CONTENDERS} processes over a dead holder's lease never hold it two at a time (%s)`,
  async (_what, parent) => {
    const contenders = await startContenders('ours', CONTENDERS, parent);
    try {
      let overlaps = 0;
      let slowest = 0;
      for (let round = 0; round < ROUNDS; round += 1) {
        const lockPath = join(contenders.directory, 'work.lock');
        await leaveDeadLease(lockPath, round % 2 === 0);
        const result = await contenders.round(lockPath, 1);
        expect(result.held).toBe(CONTENDERS);
        overlaps += result.overlaps;
        slowest = Math.max(slowest, result.firstHeldMs);
      }
      console.log(
        `${ROUNDS} rounds, ${CONTENDERS} contenders: ${overlaps} overlaps; a dead holder was succeeded within ${slowest} ms`,
      );
      expect(overlaps).toBe(0);
      expect(slowest).toBeLessThan(1_000);
    } finally {
      await contenders.stop();
    }
  },
);

test('nor when holders are killed in the middle of it', async () => {
  const contenders = await startContenders('ours', CONTENDERS);
  try {
    let overlaps = 0;
    let kills = 0;
    for (let round = 0; round < ROUNDS; round += 1) {
      const lockPath = join(contenders.directory, 'work.lock');
      const killing = setTimeout(
        () => {
          contenders.kill();
          kills += 1;
        },
        10 + Math.random() * 40,
      );
      overlaps += (await contenders.round(lockPath, 2)).overlaps;
      clearTimeout(killing);
    }
    console.log(`${ROUNDS} rounds with ${kills} kills: ${overlaps} overlaps`);
    expect(overlaps).toBe(0);
    expect(kills).toBeGreaterThan(0);
  } finally {
    await contenders.stop();
  }
});
