import { execFileSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { createTokenManager, fileStore, memoryStore, TokenctlError } from '../../src/index.ts';
import { createSharedLogin } from '../support/login.ts';
import { createHome } from '../support/tokenctl.ts';

describe('a provider that hangs', () => {
  test('does not cost the login when callers lose patience and interrupt', async () => {
    const login = await createSharedLogin();
    await login.importGrant('work', 0);
    login.server.setFault({ kind: 'reset', after: 'before-rotation', times: 2 });
    for (const _ of [1, 2]) {
      const running = login.start(['get', 'work', '--force']);
      await new Promise<void>((resolve) => {
        const subscription = login.server.onTokenRequest(() => {
          subscription();
          running.child.kill('SIGINT');
          resolve();
        });
      });
      expect((await running.result).signal).toBe('SIGINT');
    }
    const next = await login.run(['get', 'work', '--force']);
    expect(next).toMatchObject({ code: 0, stderr: '' });
    expect(login.server.reuseDetections).toBe(0);
  });

  test('an interrupted holder puts its failure down before it goes', async () => {
    const login = await createSharedLogin({ latencyBeforeMs: 50 });
    await login.importGrant('work', 0);
    login.server.setFault({ kind: 'status', status: 503 });
    const running = login.start(['get', 'work']);
    await new Promise<void>((resolve) => {
      login.server.onTokenRequest(() => {
        running.child.kill('SIGTERM');
        resolve();
      });
    });
    expect((await running.result).signal).toBe('SIGTERM');
    expect((await login.run(['get', 'work'])).code).toBe(5);
    expect(login.server.tokenRequests).toBe(1);
  });
});

describe('an answer that is meant to hurt', () => {
  test.each([
    ['an object where a number should be', { error_codes: [{ toString: 1 }] }],
    ['a list within a list', { error_codes: [[[[[]]]]] }],
  ])('%s is not a bug of ours', async (_what, more) => {
    const login = await createSharedLogin();
    await login.importGrant('work', 0);
    const body = JSON.stringify({ error: 'invalid_grant', ...more });
    login.server.setFault({ kind: 'status', status: 400, body });
    expect((await login.run(['get', 'work'])).code).toBe(4);
  });

  test('a rejected token is not handed out again because the next one is unusable', async () => {
    const login = await createSharedLogin();
    const { access_token } = await login.importGrant('work');
    login.server.setFault({
      kind: 'rewrite',
      edit: (json) => ({ ...json, token_type: 'mac' }),
    });
    const rejected = await login.run(['get', 'work', '--rejected', '-'], { input: access_token });
    expect(rejected.code).toBe(6);
    const plain = await login.run(['get', 'work']);
    expect(plain).toMatchObject({ code: 6, stdout: '' });
    login.server.setFault(null);
    // The rotation was kept all the same.
    expect((await login.run(['get', 'work', '--force'])).code).toBe(0);
    expect(login.server.reuseDetections).toBe(0);
  });

  test('control characters never reach the terminal', async () => {
    const login = await createSharedLogin();
    await login.importGrant('work', 0);
    const description = '\u001b]0;title\u0007\r\nforged line\u009b31m';
    const body = JSON.stringify({ error: 'invalid_grant', error_description: description });
    login.server.setFault({ kind: 'status', status: 400, body });
    const results = [await login.run(['get', 'work']), await login.run(['status'])];
    for (const { stdout, stderr } of results) {
      expect(stdout + stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
      expect(stderr.split('\n').length).toBeLessThanOrEqual(2);
    }
  });
});

describe('one caller’s circumstances', () => {
  test('a holder with hardly any time left does not fail the patient ones', async () => {
    const login = await createSharedLogin({ latencyMs: 300 });
    await login.importGrant('work', 0);
    const hasty = login.run(['get', 'work', '--timeout', '10ms']);
    const patient = await login.runMany(5, ['get', 'work']);
    await hasty;
    expect(patient.map(({ code }) => code)).toEqual(Array(5).fill(0));
  });

  test('an unusable proxy setting is said, and nobody else hears of it', async () => {
    const login = await createSharedLogin();
    await login.importGrant('work', 0);
    const env = { HTTP_PROXY: 'socks5://127.0.0.1:1' };
    const refused = await login.run(['get', 'work'], { env });
    expect(refused.code).toBe(6);
    expect(await login.run(['get', 'work'])).toMatchObject({ code: 0, stderr: '' });
  });

  test('NODE_DEBUG does not print a client secret', async () => {
    const secret = 'a-client-secret-nobody-may-see';
    const login = await createSharedLogin({
      clients: [{ clientId: 'c', clientSecret: secret, authMethod: 'client_secret_basic' }],
    });
    const imported = await login.run(['import', 'work'], {
      input: JSON.stringify({
        ...login.server.grant(),
        token_endpoint: login.server.tokenEndpoint,
        client_id: 'c',
        client_secret: secret,
        token_endpoint_auth_method: 'client_secret_basic',
      }),
    });
    expect(imported.code).toBe(0);
    const { code, stderr } = await login.run(['get', 'work', '--force'], {
      env: { NODE_DEBUG: '*', DEBUG: '*' },
    });
    expect(code).toBe(0);
    const basic = Buffer.from(`c:${secret}`).toString('base64');
    const shown = [secret, basic, ...login.server.everyIssuedSecret()].filter((value) =>
      stderr.includes(value),
    );
    expect(shown).toEqual([]);
  });
});

describe('a refresh function of the caller', () => {
  test('that hangs does not hold the lease and the signals for ever', async () => {
    const tokens = createTokenManager({
      store: memoryStore(),
      refresh: () => new Promise(() => {}),
      refreshTimeoutMs: 50,
    });
    await expect(tokens.getValidToken()).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('without a refresh token can be killed any number of times', async () => {
    const home = createHome();
    const file = join(home.home, 'session.json');
    const script = (refresh: string) =>
      `import { createTokenManager, fileStore } from ${JSON.stringify(
        join(import.meta.dirname, '../../dist/index.js'),
      )};
       const tokens = createTokenManager({ store: fileStore(${JSON.stringify(file)}), refresh: ${refresh} });
       await tokens.getValidToken();`;
    const run = (refresh: string) =>
      execFileSync(process.execPath, ['--input-type=module', '-e', script(refresh)], {
        stdio: 'pipe',
      });
    for (const _ of [1, 2, 3]) {
      expect(() => run(`async () => process.kill(process.pid, 'SIGKILL')`)).toThrow();
    }
    expect(() => run(`async () => ({ access_token: 'ok', expires_in: 60 })`)).not.toThrow();
  });

  test('cannot smuggle control characters into status', async () => {
    const home = createHome();
    const tokens = createTokenManager({
      store: fileStore('work', { TOKENCTL_HOME: home.home }),
      refresh: async () => {
        throw new TokenctlError('login_required', 'x\u001b]0;title\u0007\nforged');
      },
    });
    await expect(tokens.getValidToken()).rejects.toThrow();
    const { stdout } = await home.run(['status']);
    expect(stdout).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
    expect(stdout.trimEnd().split('\n')).toHaveLength(2);
  });

  test('is not spoiled by the command, which cannot renew what it does not know how to', async () => {
    const home = createHome();
    const store = fileStore('work', { TOKENCTL_HOME: home.home });
    let calls = 0;
    const tokens = createTokenManager({
      store,
      refresh: async () => {
        calls += 1;
        return { access_token: `t${calls}`, refresh_token: 'r', expires_in: 0 };
      },
    });
    await tokens.getValidToken();
    expect((await home.run(['get', 'work'])).code).toBe(4);
    expect((await tokens.getValidToken()).accessToken.reveal()).toBe('t2');
  });
});

test('two stores whose names differ in .json only do not share a lock', async () => {
  const { home } = createHome();
  const refresh = (name: string) => async () => {
    await sleep(100);
    return { access_token: name, expires_in: 60 };
  };
  const one = createTokenManager({
    store: fileStore(join(home, 'session')),
    refresh: refresh('a'),
  });
  const two = createTokenManager({
    store: fileStore(join(home, 'session.json')),
    refresh: refresh('b'),
  });
  const both = await Promise.all([one.getValidToken(), two.getValidToken()]);
  expect(both.map(({ accessToken }) => accessToken.reveal())).toEqual(['a', 'b']);
  expect((await readdir(home)).sort()).toEqual(['session', 'session.json', 'tokenctl-anchor']);
});

test('--id-token is not asked for again where the provider gives none', async () => {
  const login = await createSharedLogin();
  const claims = { aud: login.server.clientId, exp: Math.floor(Date.now() / 1000) - 60 };
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  await login.run(['import', 'work'], {
    input: JSON.stringify({
      ...login.server.grant(),
      id_token: `${part({ alg: 'RS256' })}.${part(claims)}.c2ln`,
      token_endpoint: login.server.tokenEndpoint,
      client_id: login.server.clientId,
    }),
  });
  for (const _ of [1, 2, 3]) {
    expect((await login.run(['get', 'work', '--id-token'])).code).toBe(6);
  }
  expect(login.server.tokenRequests).toBeLessThanOrEqual(1);
});

test('the audit says what happened and holds no token', async () => {
  const login = await createSharedLogin();
  await login.importGrant('work', 0);
  await login.run(['get', 'work']);
  await login.run(['invalidate', 'work']);
  const audit = await readFile(login.auditPath, 'utf8');
  const events = audit
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).event);
  expect(events).toEqual(['import', 'attempt', 'invalidate']);
  expect(login.server.everyIssuedSecret().filter((secret) => audit.includes(secret))).toEqual([]);
});
