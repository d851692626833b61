import { mkdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startContenders } from '../support/contenders.ts';

/** About every third round shows it; so many without would be a miracle (0.7 ^ 200). */
const MAX_ROUNDS = 200;
const CONTENDERS = 12;

test('plain proper-lockfile lets two contenders in over the lock of a dead holder', async () => {
  const contenders = await startContenders('plain', CONTENDERS);
  try {
    let rounds = 0;
    let overlaps = 0;
    while (overlaps === 0 && rounds < MAX_ROUNDS) {
      const lockPath = join(contenders.directory, `${rounds}.lock`);
      await mkdir(lockPath);
      const longAgo = new Date(Date.now() - 60_000);
      await utimes(lockPath, longAgo, longAgo);
      ({ overlaps } = await contenders.round(lockPath, 5));
      rounds += 1;
    }
    console.log(`plain proper-lockfile: two holders in round ${rounds}`);
    expect(overlaps).toBeGreaterThan(0);
  } finally {
    await contenders.stop();
  }
});
