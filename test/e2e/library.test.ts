import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import {
  createTokenManager,
  fileStore,
  importTokens,
  memoryStore,
  type Token,
  TokenctlError,
} from '../../src/index.ts';
import { createSharedLogin } from '../support/login.ts';
import { createHome } from '../support/tokenctl.ts';

const LIBRARY = resolve(import.meta.dirname, '../../dist/index.js');
const USER = resolve(import.meta.dirname, '../support/library-user.mjs');

test('a refresh function of the caller runs once for any number of processes', async () => {
  const { home } = createHome();
  const file = join(home, 'own.json');
  const log = join(home, '..', 'calls');
  const printed = await Promise.all(
    Array.from({ length: 20 }, async () => {
      const child = spawn(process.execPath, [USER, LIBRARY, file, log]);
      let text = '';
      child.stdout.on('data', (chunk) => {
        text += chunk;
      });
      const [code] = await once(child, 'close');
      return `${code} ${text.trim()}`;
    }),
  );
  expect(printed).toEqual(Array(20).fill('0 access-1'));
  expect(await readFile(log, 'utf8')).toBe('1\n');
});

test('within a process everybody who asks at once gets the same token of one refresh', async () => {
  let calls = 0;
  const tokens = createTokenManager({
    store: memoryStore(),
    refresh: async () => {
      calls += 1;
      await new Promise((done) => setTimeout(done, 20));
      return { access_token: `token-${calls}`, expires_in: 60 };
    },
  });
  const all = await Promise.all(Array.from({ length: 100 }, () => tokens.getValidToken()));
  expect(new Set(all.map(({ accessToken }) => accessToken.reveal()))).toEqual(new Set(['token-1']));
  // Other wishes do not share that promise, and still share the lease.
  const forced = await Promise.all([
    tokens.getValidToken({ force: true }),
    tokens.getValidToken({ force: true }),
  ]);
  expect(new Set(forced.map(({ accessToken }) => accessToken.reveal())).size).toBe(1);
  expect(calls).toBe(2);
});

test('onRefresh runs after the record is durable, and its failure is a warning', async () => {
  const { home } = createHome();
  const file = join(home, 'own.json');
  let stored = '';
  const tokens = createTokenManager({
    store: fileStore(file),
    refresh: async () => ({ access_token: 'new', expires_in: 60 }),
    onRefresh: async (token: Token) => {
      stored = await readFile(file, 'utf8');
      throw new Error(`with a token in it: ${token.accessToken.reveal()}`);
    },
  });
  const token = await tokens.getValidToken();
  expect(stored).toContain('"access_token":"new"');
  expect(token.warnings).toEqual(['onRefresh failed']);
  expect(inspect(token, { depth: 9 })).not.toContain('new');
});

test('what a refresh function throws decides what becomes of the login', async () => {
  const { home } = createHome();
  let failure: unknown = new Error('secret-in-message');
  const tokens = createTokenManager({
    store: fileStore(join(home, 'own.json')),
    refresh: async () => {
      throw failure;
    },
  });
  const first = await tokens.getValidToken().catch((error: unknown) => error);
  expect(first).toBeInstanceOf(TokenctlError);
  expect(first).toMatchObject({ code: 'unavailable' });
  expect(inspect(first, { depth: 9 })).not.toContain('secret-in-message');
  failure = new TokenctlError('login_required', 'revoked');
  await expect(tokens.getValidToken({ force: true })).rejects.toMatchObject({
    code: 'login_required',
  });
  // Dead: the function is not even asked.
  failure = new Error('must not be called');
  await expect(tokens.getValidToken()).rejects.toMatchObject({ code: 'login_required' });
});

test('the library and the command share one login', async () => {
  const login = await createSharedLogin();
  const { access_token } = await login.importGrant('work');
  const tokens = createTokenManager({ store: fileStore('work', { TOKENCTL_HOME: login.home }) });
  expect((await tokens.peek())?.freshness).toBe('fresh');
  expect((await tokens.getValidToken()).accessToken.reveal()).toBe(access_token);
  expect(await tokens.invalidate('another')).toBe(false);
  expect(await tokens.invalidate(access_token)).toBe(true);
  const renewed = await login.run(['get', 'work']);
  expect((await tokens.getValidToken()).accessToken.reveal()).toBe(renewed.stdout.trim());
  expect(login.server.tokenRequests).toBe(1);
});

test('a record in a memory store is renewed by OAuth too', async () => {
  const { server } = await createSharedLogin();
  const store = memoryStore();
  await importTokens(
    store,
    {
      ...server.grant({ lifetime: 0 }),
      token_endpoint: server.tokenEndpoint,
      client_id: server.clientId,
    },
    1_000,
  );
  const tokens = createTokenManager({ store });
  expect((await tokens.getValidToken()).expiresAt?.getTime()).toBeGreaterThan(Date.now());
  expect(server.rotations).toBe(1);
});

test('a token that another process rotates or rejects is noticed within a second', async () => {
  const login = await createSharedLogin();
  const { access_token } = await login.importGrant('work', 3600);
  const tokens = createTokenManager({ store: fileStore('work', { TOKENCTL_HOME: login.home }) });
  const value = async () => (await tokens.getValidToken()).accessToken.reveal();
  expect(await value()).toBe(access_token);
  expect((await login.run(['invalidate', 'work'])).code).toBe(0);
  await sleep(1_000);
  const renewed = await value();
  expect(renewed).not.toBe(access_token);
  const rotated = await login.run(['get', 'work', '--force']);
  await sleep(1_000);
  expect(await value()).toBe(rotated.stdout.trim());
  expect(login.server.tokenRequests).toBe(2);
});

test('a token that this process rejects is not handed out once more', async () => {
  const login = await createSharedLogin();
  await login.importGrant('work', 3600);
  const tokens = createTokenManager({ store: fileStore('work', { TOKENCTL_HOME: login.home }) });
  const first = await tokens.getValidToken();
  await tokens.invalidate();
  const second = await tokens.getValidToken();
  expect(second.accessToken.reveal()).not.toBe(first.accessToken.reveal());
  expect(second.refreshed).toBe(true);
  const third = await tokens.getValidToken();
  expect(third.accessToken.reveal()).toBe(second.accessToken.reveal());
  expect(third.refreshed).toBe(false);
});

test('a remembered token is not handed out when it is due', async () => {
  let calls = 0;
  const tokens = createTokenManager({
    store: memoryStore(),
    refresh: async () => {
      calls += 1;
      return { access_token: `token-${calls}`, expires_in: 0.2 };
    },
  });
  await tokens.getValidToken();
  await sleep(220);
  expect((await tokens.getValidToken()).accessToken.reveal()).toBe('token-2');
});
