import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { expect, it, onTestFinished } from 'vitest';
import { LAUNCHER } from '../launcher/driver.ts';
import { argsOf, arrange, isClear, situations } from '../launcher/situations.ts';
import { rounds } from '../support/login.ts';

const NODE = process.env.TOKENCTL_TEST_NODE ?? process.execPath;

it('says what Node.js says, whoever answers', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tokenctl-launcher-test-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const env = { PATH: `${dirname(NODE)}:/usr/bin:/bin`, HOME: '/nonexistent', LC_ALL: 'C.UTF-8' };
  let answered = 0;
  // What is over in seconds may be over between the two.
  const lasting = situations.filter(({ record: { lifetime } }) => (lifetime ?? 3600) >= 3600);
  for (const [index, situation] of fc.sample(lasting, rounds(200, 400)).entries()) {
    const home = join(directory, `${index}`);
    const record = await arrange(home, situation);
    const run = (command: string, ...before: string[]) => {
      const { status, stdout, stderr } = spawnSync(command, [...before, ...argsOf(situation)], {
        env: { ...env, TOKENCTL_HOME: home },
        cwd: directory,
        input: '',
        encoding: 'utf8',
      });
      return { status, stdout, stderr };
    };
    const clear = isClear(situation, record);
    const byLauncher = run(LAUNCHER);
    const byNode = run(NODE, join(dirname(LAUNCHER), 'tokenctl.js'));
    answered += clear ? 1 : 0;
    expect({ args: argsOf(situation), ...byLauncher }).toEqual({
      args: argsOf(situation),
      ...withoutTime(byNode, byLauncher),
    });
  }
  expect(answered).toBeGreaterThan(0);
});

/** A warning tells how many seconds are left, and the one was asked after the other. */
function withoutTime<T extends { stderr: string }>(later: T, earlier: T): T {
  const seconds = (text: string) => Number(/valid for (\d+) s/.exec(text)?.[1] ?? Number.NaN);
  const close = Math.abs(seconds(later.stderr) - seconds(earlier.stderr)) <= 3;
  return close ? { ...later, stderr: earlier.stderr } : later;
}
