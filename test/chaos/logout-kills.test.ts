import { existsSync } from 'node:fs';
import { expect, test } from 'vitest';
import { filesBelow, isLive } from '../support/expired-login.ts';
import { createSharedLogin, type SharedLogin } from '../support/login.ts';
import { need } from '../support/need.ts';
import { stepsAmong } from '../support/steps.ts';
import { canTrace, runTraced } from '../support/strace.ts';

/** Every how many steps one is tried. */
const STRIDE = Number(process.env.TOKENCTL_CHAOS_STEP ?? 1);

test('a logout that is killed at any system call leaves a login that the next one ends, or nothing that lives', async (context) => {
  need(context, await canTrace(), 'strace(1), and leave to attach it to a process');
  const login = await createSharedLogin();
  await login.importGrant('work', 3600);
  const steps = stepsAmong(login, await runTraced(login, ['logout', 'work']));
  expect(steps.some(({ what }) => what.startsWith('rename'))).toBe(true);
  const fates = { healthy: 0, marked: 0, gone: 0, survived: 0 };
  for (const step of steps.filter((_, index) => index % STRIDE === 0)) {
    const { access_token } = await login.importGrant('work', 3600);
    login.server.clearLog();
    const { result } = await runTraced(login, ['logout', 'work'], {
      thread: step.thread,
      injections: [{ name: step.name, effect: 'signal=KILL', when: `${step.nth}` }],
    });
    const at = `killed at ${step.what}`;
    const fate = result.signal === 'SIGKILL' ? await examine(login, access_token, at) : 'survived';
    fates[fate] += 1;
  }
  console.log(`a logout: ${steps.length} steps, every ${STRIDE}. tried: ${JSON.stringify(fates)}`);
  // A sweep that met no state but one proves nothing.
  expect(Math.min(fates.healthy, fates.marked)).toBeGreaterThan(0);
});

const examine = async (
  login: SharedLogin,
  token: string,
  at: string,
): Promise<'healthy' | 'marked' | 'gone'> => {
  const { server } = login;
  const lives = await isLive(login, token);
  if (!existsSync(login.recordPath('work'))) {
    // What it moved aside may still be in its lease, for the next lease to sweep: dead tokens.
    expect(lives, at).toBe(false);
    return 'gone';
  }
  const got = await login.run(['get', 'work']);
  const fate = got.code === 0 ? 'healthy' : 'marked';
  // What has been revoked must not pass for a login.
  expect([fate, lives], at).not.toEqual(['healthy', false]);
  expect([got.code, server.tokenRequests], at).toEqual([fate === 'healthy' ? 0 : 4, 0]);
  const again = await login.run(['logout', 'work']);
  expect([again.code, again.stderr], at).toEqual([0, '']);
  expect(await isLive(login, token), at).toBe(false);
  expect(existsSync(login.recordPath('work')), at).toBe(false);
  await expectNothingLeft(login, at);
  return fate;
};

/** No file has a token in it, whatever else a dead process left. */
const expectNothingLeft = async ({ home, server }: SharedLogin, at: string): Promise<void> => {
  for (const { path, text } of filesBelow(home)) {
    const leaks = server.everyIssuedSecret().some((secret) => text.includes(secret));
    expect([path, leaks], at).toEqual([path, false]);
  }
};
