import { writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { PLANTED, pathological } from '../support/fuzz.ts';
import { createHome } from '../support/tokenctl.ts';

/** What Node.js itself takes to start, and sixty-four times the largest input. */
const ENV = { NODE_OPTIONS: '--max-old-space-size=128' };
const MIB = 2 ** 20;
/** Those that become most in memory. */
const HEAVY = [
  'one string',
  'digits',
  'deep lists',
  'open objects',
  'many empty lists',
  'many members',
];
const SHAPES = Object.entries(pathological(MIB - 1)).filter(([what]) => HEAVY.includes(what));

describe('a megabyte on stdin, in a small heap', () => {
  test.each(SHAPES)('%s: a usage error in one line', async (_what, input) => {
    const home = createHome();
    const result = await home.run(['import', 'work'], { input, env: ENV });
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  test('more than that is not read to its end', async () => {
    const home = createHome();
    const input = JSON.stringify({ access_token: PLANTED, more: 'x'.repeat(8 * MIB) });
    const result = await home.run(['import', 'work'], { input, env: ENV });
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toBe('tokenctl: stdin is larger than 1 MiB\n');
  });
});

describe('two megabytes in the place of a credential, in a small heap', () => {
  test.each(SHAPES)('%s: refused in one line', async (_what, text) => {
    const home = createHome();
    await home.run(['import', 'work'], { input: '{"access_token":"a"}' });
    await writeFile(home.recordPath('work'), `${text}${text}`);
    const result = await home.run(['get', 'work'], { env: ENV });
    expect(result).toMatchObject({ code: 6, stdout: '' });
    expect(result.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect(result.stderr.length).toBeLessThan(500);
  });
});
