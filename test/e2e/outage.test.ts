import { readFile, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { createSharedLogin } from '../support/login.ts';

const PROCESSES = 100;

test('100 processes against an unreachable provider make at most two requests and exit 5', async () => {
  const login = await createSharedLogin();
  await login.importGrant('work', 0);
  await login.server.goOffline();
  const results = await login.runMany(PROCESSES, ['get', 'work']);
  expect(results.map(({ code }) => code)).toEqual(Array(PROCESSES).fill(5));
  expect(Math.max(...results.map(({ ms }) => ms))).toBeLessThan(30_000);
  // The audit counts what was tried: the server cannot see refused connections.
  const attempts = (await readFile(login.auditPath, 'utf8'))
    .split('\n')
    .filter((line) => line.includes('"attempt"'))
    .map((line) => JSON.parse(line));
  expect(attempts).toHaveLength(1);
  expect(attempts[0].requests).toBeLessThanOrEqual(2);
  expect(results[0]?.stderr).toContain('ECONNREFUSED');
});

test('100 processes against a provider that says 503 make at most two requests and exit 5', async () => {
  const login = await createSharedLogin();
  await login.importGrant('work', 0);
  login.server.setFault({ kind: 'status', status: 503 });
  const results = await login.runMany(PROCESSES, ['get', 'work']);
  expect(results.map(({ code }) => code)).toEqual(Array(PROCESSES).fill(5));
  expect(login.server.tokenRequests).toBeLessThanOrEqual(2);
});

test('when the provider is back, the login is as it was', async () => {
  const login = await createSharedLogin();
  await login.importGrant('work', 0);
  await login.server.goOffline();
  expect((await login.run(['get', 'work'])).code).toBe(5);
  await login.server.goOnline();
  const soon = await login.run(['get', 'work', '--force']);
  expect(soon).toMatchObject({ code: 0, stderr: '' });
  expect(login.server.reuseDetections).toBe(0);
});

test('Retry-After is respected by everybody, and --force overrides it', async () => {
  const login = await createSharedLogin();
  await login.importGrant('work', 0);
  login.server.setFault({ kind: 'status', status: 429, headers: { 'retry-after': '120' } });
  expect((await login.run(['get', 'work'])).code).toBe(5);
  login.server.setFault(null);
  expect((await login.run(['get', 'work'])).code).toBe(5);
  expect(login.server.tokenRequests).toBe(1);
  expect((await login.run(['get', 'work', '--force'])).code).toBe(0);
});

/** Moves the proactive point to the beginning: what is stored is due, and still good for long. */
const moveIntoWindow = async (recordPath: string): Promise<void> => {
  const record = await readFile(recordPath, 'utf8');
  await writeFile(recordPath, record.replace('"refresh_at":0.75', '"refresh_at":1e-9'));
};

test('in the window an outage is invisible, and tried once', async () => {
  const login = await createSharedLogin();
  const { access_token } = await login.importGrant('work', 3600);
  await moveIntoWindow(login.recordPath('work'));
  login.server.setFault({ kind: 'status', status: 503 });
  const results = await login.runMany(10, ['get', 'work']);
  expect(new Set(results.map(({ stdout }) => stdout.trim()))).toEqual(new Set([access_token]));
  expect(results.map(({ code, stderr }) => [code, stderr])).toEqual(Array(10).fill([0, '']));
  expect(login.server.tokenRequests).toBe(1);
});

test('in the window a busy sibling means the current token, at once', async () => {
  const login = await createSharedLogin({ latencyMs: 3_000 });
  const { access_token } = await login.importGrant('work', 3600);
  await moveIntoWindow(login.recordPath('work'));
  const refreshing = login.start(['get', 'work']);
  await new Promise<void>((resolve) => {
    login.server.onTokenRequest(() => resolve());
  });
  const meanwhile = await login.run(['get', 'work']);
  expect(meanwhile).toMatchObject({ code: 0, stdout: `${access_token}\n`, stderr: '' });
  expect(meanwhile.ms).toBeLessThan(2_000);
  expect((await refreshing.result).stdout).not.toBe(meanwhile.stdout);
  expect(login.server.tokenRequests).toBe(1);
});

test('in the window a dead refresh token is a warning until the access token expires', async () => {
  const login = await createSharedLogin();
  const { access_token } = await login.importGrant('work', 3600);
  await moveIntoWindow(login.recordPath('work'));
  login.server.revokeFamily(access_token);
  for (const _ of [1, 2]) {
    const result = await login.run(['get', 'work']);
    expect(result).toMatchObject({ code: 0, stdout: `${access_token}\n` });
    expect(result.stderr).toContain('login required soon');
  }
  expect(login.server.tokenRequests).toBe(1);
});

test('a dead refresh token is sent once, then answered 4 without a request', async () => {
  const login = await createSharedLogin();
  const { access_token } = await login.importGrant('work', 0);
  login.server.revokeFamily(access_token);
  const results = await login.runMany(20, ['get', 'work']);
  expect(results.map(({ code }) => code)).toEqual(Array(20).fill(4));
  expect(results[0]?.stderr).toContain('invalid_grant');
  expect((await login.run(['get', 'work'])).code).toBe(4);
  expect(login.server.tokenRequests).toBe(1);
});
