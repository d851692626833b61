import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import {
  OIDC_CLIENTS,
  signIn,
  startOidcProvider,
  type TestOidcProvider,
} from '../support/oidc-provider.ts';
import { createHome } from '../support/tokenctl.ts';

const PROCESSES = 50;
/** Long enough that a slow machine gets through 50 processes before three quarters of it. */
const LIFETIME_S = 16;

type Method = keyof typeof OIDC_CLIENTS;

/** A grant of a real authorization code exchange, taken over by `tokenctl import`. */
const signInAndImport = async ({
  method = 'none',
  lifetime = LIFETIME_S,
  expiresIn = lifetime,
}: {
  method?: Method;
  lifetime?: number;
  expiresIn?: number;
} = {}) => {
  const provider = await startOidcProvider({ accessTokenLifetime: lifetime });
  onTestFinished(() => provider.stop());
  const home = createHome();
  const { clientId, clientSecret } = OIDC_CLIENTS[method];
  const tokens = await signIn(provider, clientId);
  const imported = await home.run(['import', 'work'], {
    input: JSON.stringify({
      ...tokens,
      expires_in: expiresIn,
      issuer: provider.issuer,
      token_endpoint: provider.tokenEndpoint,
      client_id: clientId,
      client_secret: clientSecret,
      token_endpoint_auth_method: method,
    }),
  });
  expect(imported).toMatchObject({ code: 0, stderr: '' });
  return { provider, home, tokens };
};

const isLive = async ({ resource }: TestOidcProvider, token: string): Promise<boolean> =>
  (await fetch(resource, { headers: { authorization: `Bearer ${token}` } })).status === 200;

test('50 processes at expiry make one refresh and print one token, at the next expiry too', async () => {
  const { provider, home } = await signInAndImport({ expiresIn: 0 });
  for (const refreshes of [1, 2]) {
    const results = await home.runMany(PROCESSES, ['get', 'work']);
    expect(results.map(({ code, stderr }) => [code, stderr])).toEqual(
      Array(PROCESSES).fill([0, '']),
    );
    expect(new Set(results.map(({ stdout }) => stdout)).size).toBe(1);
    expect(provider.count('refresh_token')).toBe(refreshes);
    expect(provider.count('refresh_token', 200)).toBe(refreshes);
    expect(await isLive(provider, results[0]?.stdout.trim() ?? '')).toBe(true);
    await sleep(refreshes === 1 ? LIFETIME_S * 1000 : 0);
  }
});

test('a revoked grant is exit 4 after one request, and no more requests after that', async () => {
  const { provider, home, tokens } = await signInAndImport({ expiresIn: 0 });
  await provider.revokeGrant(tokens.refresh_token);
  const results = await home.runMany(10, ['get', 'work']);
  expect(results.map(({ code }) => code)).toEqual(Array(10).fill(4));
  expect((await home.run(['get', 'work'])).code).toBe(4);
  expect(provider.count('refresh_token')).toBe(1);
});

test('a stopped provider is exit 5, and the still valid token inside the proactive window', async () => {
  const { provider, home, tokens } = await signInAndImport({ lifetime: 8 });
  await provider.stop();
  expect((await home.run(['get', 'work'])).stdout.trim()).toBe(tokens.access_token);
  await sleep(6_100);
  const inWindow = await home.run(['get', 'work']);
  expect(inWindow).toMatchObject({ code: 0, stdout: `${tokens.access_token}\n`, stderr: '' });
  await sleep(1_500);
  expect(await home.run(['get', 'work'])).toMatchObject({ code: 5, stdout: '' });
  await provider.start();
  expect((await home.run(['get', 'work', '--force'])).code).toBe(0);
});

test.each<Method>(['client_secret_basic', 'client_secret_post', 'none'])(
  'refreshes as a client that authenticates by %s, again and again',
  async (method) => {
    const { provider, home } = await signInAndImport({ method, expiresIn: 0 });
    const first = await home.run(['get', 'work']);
    const second = await home.run(['get', 'work', '--force']);
    expect([first.code, second.code]).toEqual([0, 0]);
    expect(first.stdout).not.toBe(second.stdout);
    expect(await isLive(provider, second.stdout.trim())).toBe(true);
    expect(provider.count('refresh_token', 200)).toBe(2);
  },
);

test('the id token is renewed with the access token, and validated', async () => {
  const { home, tokens } = await signInAndImport({ expiresIn: 0 });
  // Two id tokens of the same second are the same to the byte.
  await sleep(1_100);
  await home.run(['get', 'work']);
  const idToken = await home.run(['get', 'work', '--id-token']);
  expect(idToken).toMatchObject({ code: 0, stderr: '' });
  expect(idToken.stdout.trim().split('.')).toHaveLength(3);
  expect(idToken.stdout.trim()).not.toBe(tokens.id_token);
});

test('a wrong client secret is exit 6, and the login is kept', async () => {
  const { provider, home, tokens } = await signInAndImport();
  await home.run(['import', 'work'], {
    input: JSON.stringify({
      ...tokens,
      expires_in: 0,
      token_endpoint: provider.tokenEndpoint,
      client_id: OIDC_CLIENTS.client_secret_basic.clientId,
      client_secret: 'wrong',
    }),
  });
  const refused = await home.run(['get', 'work']);
  expect(refused.code).toBe(6);
  expect(refused.stderr).toContain('invalid_client');
  expect((await home.run(['status', 'work', '--json'])).stdout).not.toContain('login required');
  const requests = provider.count('refresh_token');
  expect((await home.run(['get', 'work'])).code).toBe(6);
  expect(provider.count('refresh_token')).toBe(requests);
});
