import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { link, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { removeLeaseSync } from '../../src/platform/remove-sync.ts';

it('removes a lease in which calls are still under way', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tokenctl-remove-'));
  const lock = join(directory, 'x.lock');
  const inside = (name: string) => join(lock, 'lease', name);
  await writeFile(join(directory, 'x.json'), '');
  try {
    for (let round = 0; round < 300; round += 1) {
      mkdirSync(inside(''), { recursive: true });
      // They go on in libuv's threads while this one removes, and would exit.
      const underWay = [
        writeFile(inside('owner'), ''),
        link(join(directory, 'x.json'), inside('probe')),
        writeFile(inside('next'), ''),
      ].map((call) => call.catch(() => {}));
      removeLeaseSync(lock, 'lease');
      await Promise.all(underWay);
      expect([round, readdirSync(directory)]).toEqual([round, ['x.json']]);
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});
