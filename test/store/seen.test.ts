import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fileSeen } from '../../src/store/seen.ts';
import { credentialOf } from '../support/records.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tokenctl-seen-test-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

describe('what has been seen of a grant', () => {
  it('is its last generation', async () => {
    const seen = fileSeen(join(directory, 'seen'));
    const record = credentialOf({ generation: 7 });
    expect(await seen.highest(record)).toBeNull();
    await seen.note(record);
    await seen.note({ ...record, generation: 8 });
    expect(await seen.highest(record)).toBe(8);
    await seen.forget(record);
    expect(readdirSync(join(directory, 'seen'))).toEqual([]);
  });

  it('is noted in the place of what a process left that died while it noted it', async () => {
    const seen = fileSeen(directory);
    const record = credentialOf({ generation: 7 });
    await seen.note(record);
    const [name = ''] = readdirSync(directory);
    writeFileSync(join(directory, `${name}.new`), '8');
    await seen.note({ ...record, generation: 9 });
    expect(await seen.highest(record)).toBe(9);
    expect(readdirSync(directory)).toEqual([name]);
  });
});
