import { expect, test } from 'vitest';
import { createSharedLogin } from '../support/login.ts';
import { createHome } from '../support/tokenctl.ts';

const DEBUG = { TOKENCTL_DEBUG: '1' };

/** The steps that were told, without process id, time and details. */
const steps = (stderr: string): string[] =>
  stderr
    .trimEnd()
    .split('\n')
    .map(
      (line) => line.replace(/^tokenctl: debug: \d+ \+\d+ms (work: )?/, '').split(/ \w+=/)[0] ?? '',
    );

test('TOKENCTL_DEBUG tells each step of a refresh: what was decided, sent, answered and saved', async () => {
  const login = await createSharedLogin();
  await login.importGrant('work', 0);
  const { code, stdout, stderr } = await login.run(['get', 'work'], { env: DEBUG });
  expect(code).toBe(0);
  expect(stdout).toMatch(/^[0-9a-f]{40}\n$/);
  const at = `POST ${login.server.tokenEndpoint}:`;
  expect(steps(stderr)).toEqual([
    ...['tokenctl', 'record read', 'lease held', 'record read under the lease'],
    ...['decided: refresh', 'space reserved', `${at} connecting`, `${at} connected`],
    ...['gate passed', `${at} sending the refresh token`, `${at} answered`, `${at} granted`],
    ...['next record durable', 'next record in its place', 'lease released', 'token', 'exit'],
  ]);
  expect(stderr).toMatch(/decided: refresh reason=expired/);
  expect(stderr).toMatch(/answered status=200/);
});

test('it tells what the provider said, and why nothing comes of it', async () => {
  const login = await createSharedLogin();
  await login.importGrant('work', 0);
  login.server.setFault({ kind: 'status', status: 400, body: { error: 'invalid_grant' } });
  const { code, stderr } = await login.run(['get', 'work', '--debug']);
  expect(code).toBe(4);
  expect(stderr).toMatch(/rejected verdict=dead error=invalid_grant/);
  expect(stderr).toMatch(/decided: fail code=login_required/);
  expect(stderr).toMatch(/exit code=4\n$/);
});

test('a waiter tells whom it waits for, once', async () => {
  const login = await createSharedLogin({ latencyMs: 600 });
  await login.importGrant('work', 0);
  const holder = login.start(['get', 'work']);
  await new Promise<void>((resolve) => {
    login.server.onTokenRequest(() => resolve());
  });
  const { stderr } = await login.run(['get', 'work'], { env: DEBUG });
  await holder.result;
  expect(stderr.match(/lease busy holder="process \d+, which is refreshing"/g)).toHaveLength(1);
  expect(stderr).toContain('decided: serve generation=2');
});

test('--debug may stand anywhere, and every command knows it', async () => {
  const home = createHome();
  for (const args of [
    ['--debug', 'status'],
    ['status', '--debug'],
    ['list', '--debug', '--json'],
  ]) {
    const { code, stderr } = await home.run(args);
    expect([args, code]).toEqual([args, 0]);
    expect(stderr).toMatch(/^tokenctl: debug: \d+ \+\d+ms tokenctl version=\S+ command=status /);
  }
});

test.each(['', '0', undefined])('TOKENCTL_DEBUG=%s tells nothing', async (value) => {
  const login = await createSharedLogin();
  await login.importGrant('work', 0);
  const result = await login.run(['get', 'work'], { env: { TOKENCTL_DEBUG: value } });
  expect(result).toMatchObject({ code: 0, stderr: '' });
});

test('what the system said is told too, after which comes the one line', async () => {
  const home = createHome();
  const { code, stderr } = await home.run(['import', 'work'], {
    input: '{"access_token":"a"}',
    env: { ...DEBUG, TOKENCTL_HOME: '/proc/nowhere' },
  });
  expect(code).toBe(6);
  expect(stderr).toMatch(/debug: caused by .*ENOENT.*\/proc\/nowhere/);
  expect(stderr).toMatch(/^tokenctl: work: cannot lock the credential \(ENOENT\)/m);
});
