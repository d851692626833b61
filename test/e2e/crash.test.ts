import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createSharedLogin, type SharedLogin } from '../support/login.ts';

/** Well under a second is the promise; it takes a third of one, Node's own start included. */
const RECOVERY_MS = 1_000;

/** Starts a get and signals it at the token endpoint: when its request arrived, or when it was rotated. */
const signalAt = async (
  login: SharedLogin,
  instant: 'onTokenRequest' | 'onRotated',
  signal: NodeJS.Signals,
) => {
  const running = login.start(['get', 'work']);
  await new Promise<void>((resolve) => {
    const subscription = login.server[instant](async () => {
      subscription();
      running.child.kill(signal);
      if (signal === 'SIGKILL') {
        await running.result;
      }
      resolve();
    });
  });
  return running;
};

const strayFiles = async ({ home }: SharedLogin): Promise<string[]> =>
  (await readdir(join(home, 'credentials'))).filter(
    (name) => !['work.json', 'work.herd', 'tokenctl-anchor'].includes(name),
  );

test('a holder that is killed before the server rotated costs one more request and no time-out', async () => {
  const login = await createSharedLogin();
  await login.importGrant('work', 0);
  login.server.clearLog();
  login.server.setFault({ kind: 'reset', after: 'before-rotation', times: 1 });
  const killed = await signalAt(login, 'onTokenRequest', 'SIGKILL');
  expect(await killed.result).toMatchObject({ signal: 'SIGKILL', stdout: '' });
  const next = await login.run(['get', 'work']);
  expect(next).toMatchObject({ code: 0, stderr: '' });
  expect(next.ms).toBeLessThan(RECOVERY_MS);
  expect(login.server.tokenRequests).toBe(2);
  expect(login.server.reuseDetections).toBe(0);
  expect(await strayFiles(login)).toEqual([]);
});

test('a holder that is killed after the server rotated is saved by the provider’s grace', async () => {
  const login = await createSharedLogin({ graceMs: 10_000 });
  await login.importGrant('work', 0);
  await signalAt(login, 'onRotated', 'SIGKILL');
  const results = await login.runMany(5, ['get', 'work']);
  expect(results.map(({ code }) => code)).toEqual(Array(5).fill(0));
  expect(login.server.tokenRequests).toBe(2);
});

test('without grace the loss is said honestly, and the token is not sent a third time', async () => {
  const login = await createSharedLogin();
  await login.importGrant('work', 0);
  await signalAt(login, 'onRotated', 'SIGKILL');
  const next = await login.run(['get', 'work']);
  expect(next.code).toBe(4);
  expect(next.stderr).toContain('invalid_grant');
  expect((await login.run(['get', 'work'])).code).toBe(4);
  expect(login.server.tokenRequests).toBe(2);
});

test('after two deaths at the token endpoint the token is sent again only by force', async () => {
  const login = await createSharedLogin();
  await login.importGrant('work', 0);
  login.server.setFault({ kind: 'reset', after: 'before-rotation', times: 2 });
  await signalAt(login, 'onTokenRequest', 'SIGKILL');
  await signalAt(login, 'onTokenRequest', 'SIGKILL');
  const refused = await login.run(['get', 'work']);
  // Nobody knows whether it is dead, so nobody says so.
  expect(refused.code).toBe(5);
  expect(refused.stderr).toContain('went out twice');
  expect(refused.stderr).toContain('tokenctl get work --force');
  expect(login.server.tokenRequests).toBe(2);
  expect(await login.run(['get', 'work', '--force'])).toMatchObject({ code: 0 });
  expect(login.server.reuseDetections).toBe(0);
  expect(await login.run(['get', 'work'])).toMatchObject({ code: 0, stderr: '' });
});

test('a stopped holder is never succeeded: waiters say who it is, and are served when it goes on', async () => {
  const login = await createSharedLogin({ latencyMs: 50 });
  await login.importGrant('work', 0);
  const holder = await signalAt(login, 'onTokenRequest', 'SIGSTOP');
  const impatient = await login.runMany(3, ['get', 'work', '--timeout', '1s']);
  for (const { code, stderr } of impatient) {
    expect(code).toBe(5);
    expect(stderr).toContain(`process ${holder.child.pid}`);
    expect(stderr).toContain(`kill -CONT ${holder.child.pid}`);
  }
  const patient = Array.from({ length: 3 }, () => login.start(['get', 'work']).result);
  await new Promise((resolve) => setTimeout(resolve, 300));
  holder.child.kill('SIGCONT');
  const results = await Promise.all([holder.result, ...patient]);
  expect(new Set(results.map(({ stdout }) => stdout)).size).toBe(1);
  expect(results.map(({ code }) => code)).toEqual(Array(4).fill(0));
  expect(login.server.tokenRequests).toBe(1);
});

/** Longer than an answer is waited for. */
const LONG_STOP_MS = 11_000;

test('a holder that was stopped for long reads the answer that came meanwhile, and sends nothing twice', async () => {
  const login = await createSharedLogin({ latencyMs: 50 });
  await login.importGrant('work', 0);
  const holder = await signalAt(login, 'onRotated', 'SIGSTOP');
  await new Promise((resolve) => setTimeout(resolve, LONG_STOP_MS));
  holder.child.kill('SIGCONT');
  expect(await holder.result).toMatchObject({ code: 0, stderr: '' });
  expect(login.server.tokenRequests).toBe(1);
});

test.each<NodeJS.Signals>(['SIGTERM', 'SIGINT', 'SIGHUP'])(
  '%s at the token endpoint waits until the new token is safe',
  async (signal) => {
    const login = await createSharedLogin({ latencyMs: 200 });
    await login.importGrant('work', 0);
    const running = await signalAt(login, 'onRotated', signal);
    expect(await running.result).toMatchObject({ code: null, signal });
    const next = await login.run(['get', 'work']);
    expect(next).toMatchObject({ code: 0, stderr: '' });
    expect(login.server.tokenRequests).toBe(1);
    expect(await strayFiles(login)).toEqual([]);
  },
);

test('a reader that goes away is not an error to talk about', async () => {
  const login = await createSharedLogin();
  await login.importGrant('work', 0);
  const running = login.start(['get', 'work']);
  running.child.stdout.destroy();
  expect(await running.result).toMatchObject({ code: 141, stderr: '' });
  expect(await login.run(['get', 'work'])).toMatchObject({ code: 0 });
  expect(login.server.tokenRequests).toBe(1);
});
