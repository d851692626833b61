import { generateKeyPairSync } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createTokenManager } from '../../src/create-token-manager.ts';
import type { LoginRequest } from '../../src/login/settings.ts';
import { signIn } from '../../src/login/sign-in.ts';
import { readPrivateKey } from '../../src/oauth/keys.ts';
import { Secret } from '../../src/secret.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { withAuthority } from '../oauth/certificates.ts';
import { startFakeServer, TOKENS } from '../support/fake-server.ts';
import { createPerson } from '../support/person.ts';

const REQUEST: LoginRequest = {
  client: {},
  resources: [],
  parameters: [],
  par: false,
  dpop: false,
  replace: false,
  flow: 'machine',
  timeoutMs: 10_000,
};

const keyOf = (text: string, id: string | null = null): Secret => {
  const key = readPrivateKey(text, id);
  if ('problem' in key) {
    throw new Error(key.problem);
  }
  return key;
};

const pemOf = (pair: ReturnType<typeof generateKeyPairSync>): string =>
  String(
    (pair.privateKey as { export(options: object): unknown }).export({
      type: 'pkcs8',
      format: 'pem',
    }),
  );

describe('a signed assertion (RFC 7523)', () => {
  test.each([
    ['RS256', () => generateKeyPairSync('rsa', { modulusLength: 2048 })],
    ['ES256', () => generateKeyPairSync('ec', { namedCurve: 'P-256' })],
    ['EdDSA', () => generateKeyPairSync('ed25519')],
  ] as const)('is made anew for each access token (%s)', async (alg, generate) => {
    const server = await startFakeServer();
    const pair = generate() as ReturnType<typeof generateKeyPairSync>;
    const store = memoryStore(null, 'ci');
    await signIn(
      store,
      {
        ...REQUEST,
        issuer: server.issuer,
        scope: 'deploy',
        assertion: {
          key: keyOf(pemOf(pair), 'key-1'),
          claims: [
            ['iss', 'robot@example.com'],
            ['sub', 'alice@example.com'],
          ],
        },
      },
      createPerson(),
    );
    await createTokenManager({ store }).getValidToken({ force: true });
    const forms = server.requests.filter(({ what }) => what === 'POST /token');
    const jwk = (pair.publicKey as { export(options: object): object }).export({ format: 'jwk' });
    const keys = createLocalJWKSet({ keys: [{ ...jwk, kid: 'key-1', alg }] as never });
    const ids = [];
    for (const { form } of forms) {
      expect(form.get('grant_type')).toBe('urn:ietf:params:oauth:grant-type:jwt-bearer');
      expect(form.get('scope')).toBe('deploy');
      const { payload, protectedHeader } = await jwtVerify(form.get('assertion') ?? '', keys, {
        issuer: 'robot@example.com',
        subject: 'alice@example.com',
        audience: server.issuer,
        maxTokenAge: 10,
      });
      expect(protectedHeader).toEqual({ alg, typ: 'JWT', kid: 'key-1' });
      ids.push(payload.jti);
    }
    expect(new Set(ids).size).toBe(2);
    // What the server gives beside it is not kept: there is nothing to spend twice.
    expect((await store.read())?.record.refreshToken).toBeNull();
  });
});

describe('a client certificate (RFC 8705)', () => {
  const authority = withAuthority();

  test('is shown to the server, at the first request and at each renewal', async () => {
    const { key, cert } = authority().issue('DNS:robot');
    const seen: (string | undefined)[] = [];
    const server = await startFakeServer(
      { ...authority().issue('DNS:localhost'), requestCert: true, rejectUnauthorized: false },
      (request) => seen.push((request.socket as TLSSocket).getPeerCertificate().subjectaltname),
    );
    const store = memoryStore(null, 'ci');
    const env = { SSL_CERT_FILE: authority().file };
    const tls = { certificate: cert, key: new Secret(key) };
    await signIn(
      store,
      { ...REQUEST, issuer: server.issuer, clientId: 'robot', client: { tls } },
      createPerson(env),
    );
    vi.stubEnv('SSL_CERT_FILE', authority().file);
    onTestFinished(() => void vi.unstubAllEnvs());
    await createTokenManager({ store }).getValidToken({ force: true });
    expect(seen).toEqual(Array(3).fill('DNS:robot'));
    const { form } = server.requests.at(-1) ?? { form: new URLSearchParams() };
    expect(Object.fromEntries(form)).toEqual({
      client_id: 'robot',
      grant_type: 'client_credentials',
    });
    expect((await store.read())?.record.client).toMatchObject({
      authMethod: 'tls_client_auth',
      extras: { grant: 'client_credentials' },
    });
  });

  test('is shown where the server wants to see it, and without one nobody is sent there', async () => {
    const { key, cert } = authority().issue('DNS:robot');
    const server = await startFakeServer(authority().issue('DNS:localhost'));
    const alias = await startFakeServer({
      ...authority().issue('DNS:localhost'),
      requestCert: true,
      rejectUnauthorized: false,
    });
    const token_endpoint = `${alias.issuer}/token`;
    server.metadata.mtls_endpoint_aliases = { token_endpoint, revocation_endpoint: 'nonsense' };
    const sign = async (client: LoginRequest['client']) => {
      const store = memoryStore(null, 'ci');
      const env = { SSL_CERT_FILE: authority().file };
      const request = { ...REQUEST, issuer: server.issuer, clientId: 'robot', client };
      await signIn(store, request, createPerson(env));
      return (await store.read())?.record.client;
    };
    const tls = { certificate: cert, key: new Secret(key) };
    expect(await sign({ tls })).toMatchObject({ tokenEndpoint: token_endpoint });
    expect([alias.asked(), server.requests.length]).toEqual([['POST /token'], 1]);
    const secret = await sign({ clientSecret: new Secret('of the robot') });
    expect(secret).toMatchObject({ tokenEndpoint: `${server.issuer}/token` });
    expect(alias.requests).toHaveLength(1);
  });

  test('that is none is refused before anything is sent', async () => {
    const server = await startFakeServer(authority().issue('DNS:localhost'));
    const tls = { certificate: 'none', key: new Secret('a-key-that-is-none') };
    const error = await signIn(
      memoryStore(null, 'ci'),
      { ...REQUEST, issuer: server.issuer, clientId: 'robot', client: { tls } },
      createPerson({ SSL_CERT_FILE: authority().file }),
    ).catch((thrown) => thrown);
    expect(error).toMatchObject({
      code: 'refused',
      message: expect.stringContaining('invalid_certificate'),
    });
    expect(error.message).not.toContain('a-key-that');
    expect(server.requests).toEqual([]);
  });
});

describe('without a refresh token', () => {
  test('an access token that cannot be used is an error, and nothing is kept', async () => {
    const server = await startFakeServer();
    server.answers = [{ json: { ...TOKENS, token_type: 'mac' } }];
    const store = memoryStore(null, 'ci');
    const request = { ...REQUEST, issuer: server.issuer, clientId: 'robot' };
    await expect(signIn(store, request, createPerson())).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining('of no use'),
    });
    expect(await store.read()).toBeNull();
  });

  test('a key that is not accepted any more is a wrong configuration, and never a dead login', async () => {
    const server = await startFakeServer();
    const store = memoryStore(null, 'ci');
    await signIn(store, { ...REQUEST, issuer: server.issuer, clientId: 'robot' }, createPerson());
    server.answers = [{ status: 400, json: { error: 'invalid_grant' } }];
    const manager = createTokenManager({ store });
    await expect(manager.getValidToken({ force: true })).rejects.toMatchObject({ code: 'refused' });
    expect((await store.read())?.record.state.kind).toBe('active');
    // Shared: nobody asks again for five minutes.
    const requests = server.requests.length;
    await manager.invalidate();
    await expect(manager.getValidToken()).rejects.toMatchObject({ code: 'refused' });
    expect(server.requests).toHaveLength(requests);
  });
});
