import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openBurst, openLoop } from '../../bench/shell-loop.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tokenctl-bench-test-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

describe('a loop', () => {
  it('runs the command as often as it is told, with its arguments, input and environment', async () => {
    const stdin = join(directory, "it's in");
    const out = join(directory, 'out');
    writeFileSync(stdin, 'read\n');
    const script = 'read -r line; echo "$line $1 $NAME" >>"$OUT"';
    const loop = openLoop({
      argv: ['/bin/sh', '-c', script, 'sh', "it's"],
      env: { OUT: out, NAME: 'a value' },
      stdin,
    });
    expect((await loop.run(2)).failures).toBe(0);
    await loop.run(1);
    await loop.end();
    expect(readFileSync(out, 'utf8')).toBe("read it's a value\n".repeat(3));
  });

  it('counts the runs that fail', async () => {
    const loop = openLoop({ argv: ['/bin/sh', '-c', 'exit 3'] });
    expect((await loop.run(3)).failures).toBe(3);
    await loop.end();
  });
});

describe('a burst', () => {
  it('has all its processes alive at the same time, and waits for them', async () => {
    const meet = `
: >"$0.$$"; looks=0
while [ "$(echo "$0".* | wc -w)" -lt 5 ]; do
  looks=$((looks + 1)); [ "$looks" -lt 2000 ] || exit
done
echo met`;
    const out = join(directory, 'out');
    const burst = openBurst(
      { argv: ['/bin/sh', '-c', meet, join(directory, 'here')] },
      out,
      `${out}.err`,
    );
    await burst.run(5);
    await burst.end();
    expect(readFileSync(out, 'utf8')).toBe('met\n'.repeat(5));
  });
});
