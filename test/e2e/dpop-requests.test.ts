import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { calculateJwkThumbprint, importJWK, jwtVerify } from 'jose';
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { createTokenManager, fileStore } from '../../src/index.ts';
import { type ResourceServer, type Seen, startResource } from '../fetch/servers.ts';
import { hasCurl } from '../support/curl.ts';
import { startFakeServer, TOKENS } from '../support/fake-server.ts';
import { need } from '../support/need.ts';
import { OIDC_CLIENTS, startOidcProvider } from '../support/oidc-provider.ts';
import { sha256 } from '../support/sha256.ts';
import { playPerson, startLogin } from '../support/sign-in.ts';
import { createHome } from '../support/tokenctl.ts';

const PASSPHRASE = 'of the key';

/** A login whose tokens are bound to a key, and a server that lets nobody in without a proof of it. */
const scene = async ({ wantsNonce = false, store = 'file' } = {}) => {
  const home = createHome();
  const passphrase = join(home.home, '..', 'passphrase');
  writeFileSync(passphrase, PASSPHRASE, { mode: 0o600 });
  const env = { TOKENCTL_PASSPHRASE_FILE: passphrase };
  const provider = await startFakeServer();
  const grant = (name: string) => ({ json: { ...TOKENS, access_token: name, token_type: 'DPoP' } });
  provider.answers = [grant('token-1'), grant('token-2'), grant('token-3')];
  let accepted = ['token-1', 'token-2', 'token-3'];
  let nonce = wantsNonce ? 'nonce-1' : undefined;
  const proofs: { jti: unknown; nonce: unknown; thumbprint: string }[] = [];
  const jtis = new Set<unknown>();
  const pending: Promise<unknown>[] = [];
  const api: ResourceServer = await startResource((seen, response) => {
    const judging = judge(seen).then(({ status, headers }) => {
      response.writeHead(status, headers).end(status === 200 ? 'let in\n' : 'kept out\n');
    });
    pending.push(judging);
    return 'answered';
  });
  const judge = async (seen: Seen) => {
    const proof = String(seen.headers.dpop);
    const header = JSON.parse(Buffer.from(proof.split('.')[0] ?? '', 'base64url').toString());
    const { payload } = await jwtVerify(proof, await importJWK(header.jwk, header.alg), {
      typ: 'dpop+jwt',
      maxTokenAge: 60,
    });
    const token = /^DPoP (.*)$/.exec(seen.authorization ?? '')?.[1] ?? '';
    proofs.push({
      ...{ jti: payload.jti, nonce: payload.nonce },
      thumbprint: await calculateJwkThumbprint(header.jwk),
    });
    // RFC 9449 section 4.3
    expect(payload).toMatchObject({
      htm: seen.method,
      htu: `${api.origin}${seen.url.split('?')[0]}`,
      ath: sha256(token),
    });
    expect(jtis.has(payload.jti)).toBe(false);
    jtis.add(payload.jti);
    if (payload.nonce !== nonce) {
      const challenge = 'DPoP error="use_dpop_nonce"';
      return { status: 401, headers: { 'www-authenticate': challenge, 'dpop-nonce': nonce } };
    }
    return accepted.includes(token)
      ? { status: 200, headers: {} }
      : { status: 401, headers: { 'www-authenticate': 'DPoP error="invalid_token"' } };
  };
  const login = await home.run(
    [
      ...['login', 'work', '--client-credentials', '--client-id', 'x', '--dpop', '--store', store],
      ...['--token-endpoint', `${provider.issuer}/token`, '--client-secret-stdin'],
    ],
    { input: 'secret', env },
  );
  expect([login.code, login.stderr]).toEqual([0, expect.anything()]);
  expect((await home.run(['hosts', 'work', 'add', api.host], { env })).code).toBe(0);
  const curl = (...args: string[]) =>
    home.run(['curl', 'work', `${api.origin}/a?b`, '--', '-sS', ...args], { env });
  return {
    ...{ home, api, proofs, curl, env },
    renewals: () => provider.asked().filter((what) => what === 'POST /token').length - 1,
    reject: (...tokens: string[]) => {
      accepted = accepted.filter((token) => !tokens.includes(token));
    },
    wantNonce: (wanted: string) => {
      nonce = wanted;
    },
  };
};

describe('curl with a token that is bound to a key', () => {
  beforeEach((context) => need(context, hasCurl, 'curl'));

  test.for([
    ['GET', []],
    ['POST', ['-d', 'x']],
    ['HEAD', ['-I']],
    ['DELETE', ['-X', 'DELETE']],
  ] as const)('proves its %s', async ([method, args]) => {
    const { curl, api } = await scene();
    expect((await curl(...args, '-w', '<%{http_code}>')).stdout).toContain('<200>');
    expect(api.seen).toMatchObject([{ method, url: '/a?b', authorization: 'DPoP token-1' }]);
  });

  test('takes the nonce that the server wants, and then a new token if the old one is rejected', async () => {
    const { curl, proofs, reject, renewals } = await scene({ wantsNonce: true });
    expect(await curl()).toMatchObject({ code: 0, stdout: 'let in\n', stderr: '' });
    expect(proofs.map(({ nonce }) => nonce)).toEqual([undefined, 'nonce-1']);
    expect(renewals()).toBe(0);
    reject('token-1');
    expect(await curl('-f')).toMatchObject({ code: 0, stdout: 'let in\n', stderr: '' });
    expect(proofs.slice(2).map(({ nonce }) => nonce)).toEqual([undefined, 'nonce-1', 'nonce-1']);
    expect(renewals()).toBe(1);
    expect(new Set(proofs.map(({ thumbprint }) => thumbprint)).size).toBe(1);
  });

  test('opens the key where it is kept apart', async () => {
    const { curl } = await scene({ store: 'encrypted' });
    expect(await curl()).toMatchObject({ code: 0, stdout: 'let in\n' });
  });

  test('shows neither the token nor the proof', async () => {
    const { curl } = await scene();
    const { stderr } = await curl('-v');
    expect(stderr).toContain('> Authorization: DPoP [redacted]');
    expect(stderr).toContain('> DPoP: [redacted]');
    expect(stderr).not.toContain('eyJ');
  });

  test.for([
    ['-L', []],
    ['--retry', ['3']],
  ] as const)('refuses %s: a proof is for one request', async ([option, more]) => {
    const { curl, api } = await scene();
    expect((await curl(option, ...more)).code).toBe(125);
    expect(api.seen).toEqual([]);
  });
});

test('the library proves its requests by the same key, and keeps the nonce for the next one', async () => {
  const { home, api, proofs, reject, renewals, wantNonce, env } = await scene({ wantsNonce: true });
  const store = fileStore('work', { TOKENCTL_HOME: home.home, ...env });
  const tokens = createTokenManager({ store });
  const get = async () => (await tokens.fetch(`${api.origin}/a?b#c`)).text();
  expect([await get(), await get()]).toEqual(['let in\n', 'let in\n']);
  wantNonce('nonce-2');
  reject('token-1');
  expect(await get()).toBe('let in\n');
  expect(proofs.map(({ nonce }) => nonce)).toEqual([
    ...[undefined, 'nonce-1', 'nonce-1', 'nonce-1', 'nonce-2', 'nonce-2'],
  ]);
  expect(renewals()).toBe(1);
});

test('a certified server (oidc-provider), which wants its nonce in each proof, lets curl and fetch in', async (context) => {
  need(context, hasCurl, 'curl');
  const nonces = { nonceSecret: Buffer.alloc(32, 1), requireNonce: () => true };
  const provider = await startOidcProvider({
    accessTokenLifetime: 60,
    features: { dPoP: { enabled: true, ...nonces } },
  });
  onTestFinished(() => provider.stop());
  const home = createHome();
  const login = startLogin(home, [
    ...['login', 'work', '--issuer', provider.issuer, '--scope', 'openid offline_access'],
    ...['--client-id', OIDC_CLIENTS.none.clientId, '--param', 'prompt=consent'],
    ...['--no-browser', '--dpop', '--host', new URL(provider.issuer).host],
  ]);
  await playPerson('alice', await login.url);
  expect(await login.result).toMatchObject({ code: 0 });
  expect(await home.run(['curl', 'work', provider.resource, '--', '-sSf'])).toMatchObject({
    ...{ code: 0, stdout: '{"sub":"alice"}', stderr: '' },
  });
  const manager = createTokenManager({ store: fileStore('work', { TOKENCTL_HOME: home.home }) });
  const response = await manager.fetch(provider.resource, { method: 'POST' });
  expect([response.status, await response.json()]).toEqual([200, { sub: 'alice' }]);
  // As a bearer token it is worth nothing.
  const { stdout: token } = await home.run(['get', 'work']);
  const headers = { authorization: `Bearer ${token.trim()}` };
  expect((await fetch(provider.resource, { headers })).status).toBe(401);
  expect(provider.count('refresh_token')).toBe(0);
});
