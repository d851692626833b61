import { generateKeyPairSync } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createTokenManager } from '../../src/create-token-manager.ts';
import type { LoginRequest } from '../../src/login/settings.ts';
import { signIn as signInTo } from '../../src/login/sign-in.ts';
import { forgetLogin, logout } from '../../src/logout.ts';
import { Secret } from '../../src/secret.ts';
import { extraTokenStore, loginStore } from '../../src/store/file.ts';
import { filesBelow } from '../support/expired-login.ts';
import { startFakeServer } from '../support/fake-server.ts';
import { keychainIn, slotsIn } from '../support/keychain-in-files.ts';
import { createSharedLogin } from '../support/login.ts';
import { OIDC_CLIENTS, startOidcProvider } from '../support/oidc-provider.ts';
import { createPerson } from '../support/person.ts';
import { playPerson, startLogin } from '../support/sign-in.ts';
import { createHome, type Home } from '../support/tokenctl.ts';

/** Where one part of tokenctl meets another: sign-in, encrypted secrets, other tokens, logout. */

const PASSPHRASE = 'correct horse battery staple';
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const PUBLIC_JWK = { ...publicKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig' };
const ROBOT = 'robot-secret-of-the-machine';
const { clientId: BASIC, clientSecret: SECRET } = OIDC_CLIENTS.client_secret_basic;

const stage = async () => {
  const provider = await startOidcProvider({
    accessTokenLifetime: 60,
    clients: [
      {
        client_id: 'signer',
        token_endpoint_auth_method: 'private_key_jwt',
        application_type: 'native',
        redirect_uris: ['http://127.0.0.1/callback'],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
        jwks: { keys: [PUBLIC_JWK] },
      },
      {
        client_id: 'robot',
        client_secret: ROBOT,
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
      },
      {
        client_id: 'signing-robot',
        token_endpoint_auth_method: 'private_key_jwt',
        grant_types: ['client_credentials'],
        redirect_uris: [],
        response_types: [],
        jwks: { keys: [PUBLIC_JWK] },
      },
    ],
    features: {
      clientCredentials: { enabled: true },
      dPoP: { enabled: true },
      registration: { enabled: true },
      registrationManagement: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
    },
    scopes: ['api', 'other'],
  });
  onTestFinished(() => provider.stop());
  const home = createHome();
  const files = join(home.home, '..');
  const passphrase = join(files, 'passphrase');
  const keyFile = join(files, 'key.pem');
  writeFileSync(passphrase, `${PASSPHRASE}\n`, { mode: 0o600 });
  writeFileSync(keyFile, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  const secretFile = (secret: string) => {
    const path = join(files, 'secret');
    writeFileSync(path, secret, { mode: 0o600 });
    return path;
  };
  const env = { TOKENCTL_PASSPHRASE_FILE: passphrase };
  const run = (args: readonly string[], input = '') => home.run(args, { env, input });
  const signIn = async (name: string, ...more: string[]) => {
    const login = startLogin(
      home,
      [
        ...['login', name, '--issuer', provider.issuer, '--scope', 'openid offline_access'],
        ...['--param', 'prompt=consent', '--no-browser', ...more],
      ],
      env,
    );
    await playPerson('alice', await login.url);
    return login.result;
  };
  const again = async (name: string, ...more: string[]) => {
    const login = startLogin(home, ['login', name, '--no-browser', ...more], env);
    await playPerson('alice', await login.url);
    return login.result;
  };
  return {
    ...{ provider, home, env, run, signIn, again, secretFile, keyFile, files },
    record: (name = 'work') => JSON.parse(readFileSync(home.recordPath(name), 'utf8')),
    isLive: async (token: string, type = 'Bearer') =>
      (await fetch(provider.resource, { headers: { authorization: `${type} ${token.trim()}` } }))
        .status === 200,
    /** RFC 7662. */
    isActive: async (token: string) => {
      const body = new URLSearchParams({ token });
      const authorization = `Basic ${btoa([BASIC, SECRET].map(encodeURIComponent).join(':'))}`;
      const endpoint = `${provider.issuer}/token/introspection`;
      const answer = await fetch(endpoint, { method: 'POST', headers: { authorization }, body });
      return ((await answer.json()) as { active: boolean }).active;
    },
    logins: () =>
      readdirSync(join(home.home, 'credentials')).filter((entry) => /^work/.test(entry)),
  };
};

/** What of these texts can be read in the store. */
const plainIn = ({ home }: Home, texts: readonly string[]): string[] => {
  const all = filesBelow(home).map(({ text }) => text);
  return texts.filter((text) => all.some((each) => each.includes(text)));
};

describe('a login whose client has secrets, kept encrypted', () => {
  test.each([
    ['a client secret', 'secret'],
    ['a client key', 'key'],
    ['a key for DPoP', 'dpop'],
    ['a client that registered itself', 'registered'],
  ])('%s: sign in, renew, sign in again by name, stay there, and log out', async (_, kind) => {
    const { home, run, signIn, again, record, isLive, logins, ...on } = await stage();
    const client = {
      secret: ['--client-id', BASIC, '--client-secret-file', on.secretFile(SECRET)],
      key: ['--client-id', 'signer', '--client-key', on.keyFile],
      dpop: ['--client-id', OIDC_CLIENTS.none.clientId, '--dpop'],
      registered: [],
    }[kind] as string[];
    expect(await signIn('work', '--store', 'encrypted', ...client)).toMatchObject({ code: 0 });
    expect(record()).toMatchObject({ refresh_token: null, kept: { in: 'encrypted' } });
    expect(await run(['get', 'work', '--force'])).toMatchObject({ code: 0, stderr: '' });
    const { kept } = record();
    expect(await again('work')).toMatchObject({ code: 0 });
    expect(record()).toMatchObject({ refresh_token: null, kept: { in: 'encrypted' } });
    expect(record().kept.sealed).not.toBe(kept.sealed);
    const renewed = await run(['get', 'work', '--force']);
    expect(renewed).toMatchObject({ code: 0, stderr: '' });
    const shown = JSON.parse((await run(['status', 'work', '--json'])).stdout);
    expect(shown).toMatchObject({ store: 'encrypted', state: 'fresh', refreshable: true });
    // The words of the client are nowhere to be read.
    const { d } = privateKey.export({ format: 'jwk' });
    expect(plainIn(home, [SECRET, String(d), 'registration_access_token'])).toEqual([]);
    const out = await run(['logout', 'work']);
    expect([out.code, out.stderr]).toEqual([0, '']);
    expect(await isLive(renewed.stdout)).toBe(false);
    expect(logins()).toEqual([]);
  });
});

describe('signing in again where what is kept apart cannot be had', () => {
  test('says so before anybody is asked; a client that is named anew needs none of it', async () => {
    const { home, run, signIn, again, provider, record, secretFile } = await stage();
    const client = ['--client-id', BASIC, '--client-secret-file', secretFile(SECRET)];
    await signIn('work', '--store', 'encrypted', ...client);
    const before = record();
    const refused = await home.run(['login', 'work', '--no-browser']);
    expect([refused.code, refused.stderr]).toEqual([
      6,
      expect.stringMatching(/TOKENCTL_PASSPHRASE_FILE.*work --client-secret-file FILE/),
    ]);
    expect(refused.stderr).not.toContain('open this address');
    expect(record()).toEqual(before);
    expect(provider.count('authorization_code')).toBe(1);
    // As for the first time, or only what is missing.
    expect(await signIn('work', ...client)).toMatchObject({ code: 0 });
    expect(await again('work', ...client.slice(2))).toMatchObject({ code: 0 });
    expect(await run(['get', 'work', '--force'])).toMatchObject({ code: 0, stderr: '' });
  });

  test('a copy says what to do, and the original goes on', async () => {
    const { home, run, signIn, secretFile } = await stage();
    const client = ['--client-id', BASIC, '--client-secret-file', secretFile(SECRET)];
    await signIn('work', '--store', 'encrypted', ...client);
    cpSync(home.recordPath('work'), home.recordPath('copy'));
    const refused = await run(['login', 'copy', '--no-browser']);
    expect([refused.code, refused.stderr]).toEqual([
      6,
      expect.stringMatching(/tokenctl adopt copy/),
    ]);
    expect(await run(['get', 'work', '--force'])).toMatchObject({ code: 0, stderr: '' });
  });
});

describe('a machine login, kept encrypted', () => {
  test.each([
    ['by its secret', 'robot'],
    ['by its key', 'signing-robot'],
    ['by a key that is bound', 'dpop'],
  ])('%s: is renewed by one for all, signed in again, and logged out', async (_, client) => {
    const { home, env, run, provider, record, isActive, secretFile, keyFile, logins } =
      await stage();
    const { issuer } = provider;
    const args = [
      ...['login', 'work', '--issuer', issuer, '--client-credentials', '--scope', 'api'],
      ...(client === 'signing-robot'
        ? ['--client-id', client, '--client-key', keyFile]
        : ['--client-id', 'robot', '--client-secret-file', secretFile(ROBOT)]),
      ...(client === 'dpop' ? ['--dpop'] : []),
    ];
    const login = await run([...args, '--store', 'encrypted']);
    expect(login).toMatchObject({ code: 0, stderr: '' });
    const { d } = privateKey.export({ format: 'jwk' });
    expect(plainIn(home, [ROBOT, String(d)])).toEqual([]);
    await run(['invalidate', 'work']);
    const all = await home.runMany(8, ['get', 'work'], { env });
    expect(all.map(({ code, stderr }) => [code, stderr])).toEqual(Array(8).fill([0, '']));
    expect(new Set(all.map(({ stdout }) => stdout)).size).toBe(1);
    expect(provider.count('client_credentials', 200)).toBe(2);
    expect(await run(['login', 'work'])).toMatchObject({ code: 0, stderr: '' });
    const other = await run(['get', 'work', '--scope', 'other', '--json']);
    expect([JSON.parse(other.stdout).scope, other.stderr]).toEqual(['other', '']);
    expect(record()).toMatchObject({ client_secret: null, kept: { in: 'encrypted' } });
    expect(provider.count('client_credentials', 200)).toBe(4);
    // Nothing else ends what was issued without a refresh token.
    const issued = [record().access_token, JSON.parse(other.stdout).access_token];
    expect(await Promise.all(issued.map(isActive))).toEqual([true, true]);
    expect(await run(['logout', 'work'])).toMatchObject({
      code: 0,
      stdout: 'Logged out of work: access token revoked; forgotten here.\n',
      stderr: '',
    });
    expect(await Promise.all(issued.map(isActive))).toEqual([false, false]);
    expect(logins()).toEqual([]);
  });
});

describe('other access tokens beside an encrypted login', () => {
  const twoTokens = async () => {
    const login = await createSharedLogin({ scope: 'read write admin' });
    await login.importGrant('work', 3600);
    const passphrase = join(login.home, '..', 'passphrase');
    writeFileSync(passphrase, `${PASSPHRASE}\n`, { mode: 0o600 });
    const env = { TOKENCTL_PASSPHRASE_FILE: passphrase };
    const run = (args: readonly string[], input = '') => login.run(args, { env, input });
    expect(await run(['store', 'work', '--to', 'encrypted'])).toMatchObject({ code: 0 });
    const read = () => run(['get', 'work', '--scope', 'read']);
    const extras = () =>
      readdirSync(join(login.home, 'credentials')).filter((entry) => entry.includes('~'));
    const isLive = async (token: string) =>
      (
        await fetch(login.server.resource, {
          headers: { authorization: `Bearer ${token.trim()}` },
        })
      ).status === 200;
    return { ...login, env, run, read, extras, isLive };
  };

  test('are asked for once, and hold nothing of what is encrypted', async () => {
    const { env, home, runMany, read, run, server, extras } = await twoTokens();
    const all = await runMany(8, ['get', 'work', '--scope', 'read'], { env });
    expect(all.map(({ code, stderr }) => [code, stderr])).toEqual(Array(8).fill([0, '']));
    expect(server.refreshes).toBe(1);
    const [file = ''] = extras();
    const extra = JSON.parse(readFileSync(join(home, 'credentials', file), 'utf8'));
    expect([extra.kept, extra.refresh_token]).toEqual([undefined, null]);
    expect((await run(['get', 'work', '--force'])).code).toBe(0);
    // It is still good, and needs no passphrase.
    expect((await read()).stdout).toBe(all[0]?.stdout);
    expect([server.refreshes, server.reuseDetections]).toEqual([2, 0]);
  });

  test('go on after the login was moved, and end with its logout', async () => {
    const { read, run, server, extras, isLive } = await twoTokens();
    const { stdout } = await read();
    expect((await run(['store', 'work', '--to', 'file'])).code).toBe(0);
    expect((await read()).stdout).toBe(stdout);
    expect(server.refreshes).toBe(1);
    expect((await run(['store', 'work', '--to', 'encrypted'])).code).toBe(0);
    expect(await run(['logout', 'work'])).toMatchObject({ code: 0, stderr: '' });
    expect([extras(), await isLive(stdout)]).toEqual([[], false]);
  });

  test('are served no more than its own once a logout has begun', async () => {
    const { read, run, server } = await twoTokens();
    await read();
    server.setFault({ kind: 'status', status: 500, times: 1 }, 'revocation');
    expect((await run(['logout', 'work'])).code).toBe(5);
    expect([(await run(['get', 'work'])).code, (await read()).code]).toEqual([4, 4]);
    expect((await run(['logout', 'work'])).code).toBe(0);
  });

  test('of a copy are served as its own token is, and renewed after it is adopted', async () => {
    const { home, recordPath, read, run, server, extras } = await twoTokens();
    const { stdout } = await read();
    const [file = ''] = extras();
    cpSync(recordPath('work'), recordPath('copy'));
    cpSync(
      join(home, 'credentials', file),
      join(home, 'credentials', file.replace('work', 'copy')),
    );
    expect((await run(['get', 'copy', '--scope', 'read'])).stdout).toBe(stdout);
    expect((await run(['get', 'copy', '--scope', 'write'])).code).toBe(6);
    expect(await run(['adopt', 'copy'])).toMatchObject({ code: 0 });
    expect((await run(['get', 'copy', '--scope', 'read'])).stdout).toBe(stdout);
    expect((await run(['get', 'copy', '--scope', 'write'])).code).toBe(0);
    expect(server.reuseDetections).toBe(0);
  });
});

describe('a provider of config.toml, and where new logins are kept', () => {
  test('a first sign-in goes there; what comes later stays where it is', async () => {
    const { home, run, provider, signIn, again, record, secretFile, files } = await stage();
    const config = (text: string) => {
      mkdirSync(home.home, { recursive: true, mode: 0o700 });
      writeFileSync(join(home.home, 'config.toml'), text, { mode: 0o600 });
    };
    const acme = (host: string) => `[defaults]
store = "encrypted"
[providers.acme]
issuer = "${provider.issuer}"
token_endpoint = "${provider.tokenEndpoint}"
authorization_endpoint = "${provider.issuer}/auth"
revocation_endpoint = "${provider.revocationEndpoint}"
authorization_parameters = { prompt = "consent" }
scopes = ["openid", "offline_access"]
hosts = ["${host}"]
`;
    config(acme('api.acme.example'));
    const login = startLogin(
      home,
      ['login', 'acme', '--no-browser', '--client-id', OIDC_CLIENTS.none.clientId],
      { TOKENCTL_PASSPHRASE_FILE: join(files, 'passphrase') },
    );
    await playPerson('alice', await login.url);
    expect(await login.result).toMatchObject({ code: 0 });
    expect(record('acme')).toMatchObject({
      ...{ provider: 'acme', hosts: ['api.acme.example'], refresh_token: null },
      kept: { in: 'encrypted' },
    });
    // In the file from now on, whatever the default is, and however it is made again.
    expect((await run(['store', 'acme', '--to', 'file'])).code).toBe(0);
    expect(await again('acme')).toMatchObject({ code: 0 });
    expect(record('acme').kept ?? null).toBeNull();
    const tokens = JSON.stringify({ access_token: 'a', refresh_token: 'r', client_id: 'c' });
    const members = { ...JSON.parse(tokens), token_endpoint: provider.tokenEndpoint };
    expect((await run(['import', 'acme'], JSON.stringify(members))).code).toBe(0);
    expect(record('acme')).toMatchObject({ refresh_token: 'r' });
    // A get, and the way out, need neither the file nor what is in it.
    const client = ['--client-id', BASIC, '--client-secret-file', secretFile(SECRET)];
    await signIn('work', ...client);
    expect(record()).toMatchObject({ kept: { in: 'encrypted' } });
    config('nonsense');
    expect(await run(['get', 'work', '--force'])).toMatchObject({ code: 0, stderr: '' });
    expect(await run(['logout', 'work'])).toMatchObject({ code: 0, stderr: '' });
    const broken = await run(['login', 'acme', '--no-browser']);
    expect([broken.code, broken.stderr]).toEqual([6, expect.stringContaining('config.toml:1:')]);
  });
});

describe('a login that nothing renews', () => {
  test('has nothing to keep apart, and nothing to renew', async () => {
    const { run, record } = await stage();
    const tokens = JSON.stringify({ access_token: 'an-access-token', expires_in: 3600 });
    expect(await run(['import', 'work', '--store', 'encrypted'], tokens)).toMatchObject({
      code: 0,
    });
    const refused = await run(['store', 'work', '--to', 'encrypted']);
    expect([refused.code, refused.stderr]).toEqual([6, expect.stringContaining('nothing to keep')]);
    expect(await run(['store', 'work', '--to', 'file'])).toMatchObject({ code: 0 });
    expect(record().kept).toBeUndefined();
    expect((await run(['invalidate', 'work'])).stdout).toBe(
      'work: marked as rejected; nothing renews it: tokenctl login work\n',
    );
  });

  test('a place that is not there is named as what it is', async () => {
    const login = await createSharedLogin();
    await login.importGrant('work', 3600);
    const refused = await login.run(['store', 'work', '--to', 'encrypted']);
    expect([refused.code, refused.stderr]).toEqual([
      6,
      expect.stringMatching(/no passphrase to encrypt with.*TOKENCTL_PASSPHRASE_FILE/),
    ]);
  });
});

describe('over an encrypted login that was signed in to', () => {
  test('an import, and its removal, leave nothing of it', async () => {
    const { home, run, signIn, record, secretFile, logins, provider } = await stage();
    const client = ['--client-id', BASIC, '--client-secret-file', secretFile(SECRET)];
    await signIn('work', '--store', 'encrypted', ...client);
    await run(['get', 'work', '--scope', 'openid']);
    const members = {
      ...{ access_token: 'imported-access', refresh_token: 'imported-refresh', expires_in: 3600 },
      ...{ client_id: 'another', token_endpoint: provider.tokenEndpoint },
    };
    const imported = await run(['import', 'work'], JSON.stringify(members));
    expect(imported).toMatchObject({ code: 0, stderr: '' });
    expect(record()).toMatchObject({ client_id: 'another', kept: { in: 'encrypted' } });
    expect(record().sign_in).toBeUndefined();
    expect(plainIn(home, [SECRET, 'imported-refresh'])).toEqual([]);
    const shown = JSON.parse((await run(['get', 'work', '--json'])).stdout);
    expect(shown).toMatchObject({ login: 'work', access_token: 'imported-access' });
    expect(logins().filter((entry) => entry.includes('~'))).toEqual([]);
    // No passphrase is needed for that.
    expect(await home.run(['remove', 'work', '--yes'])).toMatchObject({ code: 0, stderr: '' });
    expect(logins()).toEqual([]);
  });

  test('a logout that cannot open it says what to do, and --local forgets it', async () => {
    const { home, signIn, logins, secretFile } = await stage();
    const client = ['--client-id', BASIC, '--client-secret-file', secretFile(SECRET)];
    await signIn('work', '--store', 'encrypted', ...client);
    const refused = await home.run(['logout', 'work']);
    expect([refused.code, refused.stderr]).toEqual([
      6,
      expect.stringMatching(/TOKENCTL_PASSPHRASE_FILE.*tokenctl logout work --local/),
    ]);
    expect((await home.run(['get', 'work'])).code).toBe(0);
    expect(await home.run(['logout', 'work', '--local'])).toMatchObject({ code: 0, stderr: '' });
    expect(logins()).toEqual([]);
  });
});

describe('in a keychain', () => {
  const REQUEST: LoginRequest = {
    ...{ client: {}, resources: [], parameters: [], par: false, dpop: false, replace: false },
    timeoutMs: 10_000,
  };
  const inKeychain = async () => {
    const server = await startFakeServer();
    // It answers 200 there, whatever it is asked.
    server.metadata = { ...server.metadata, revocation_endpoint: `${server.issuer}/token` };
    const { home } = createHome();
    const slots = join(home, '..', 'slots');
    const env = { TOKENCTL_HOME: home };
    const store = loginStore('work', env, keychainIn(slots));
    const machine = (more: Partial<LoginRequest> = {}) =>
      signInTo(
        store,
        {
          ...{ ...REQUEST, place: 'keychain' as const, flow: 'machine' as const },
          ...{
            issuer: server.issuer,
            clientId: 'robot',
            client: { clientSecret: new Secret(ROBOT) },
          },
          ...more,
        },
        createPerson(env),
      );
    const sent = () =>
      server.requests
        .filter(({ what }) => what === 'POST /token')
        .map(({ form, headers }) => [
          form.has('token') ? 'revoke' : form.get('grant_type'),
          headers.authorization,
        ]);
    return { server, store, slots, machine, env, home, sent };
  };
  const BASIC_AUTH = `Basic ${btoa(`robot:${ROBOT}`)}`;

  test('a machine asks again with the secret that is there, and stays there', async () => {
    const { store, slots, machine, env, home, sent } = await inKeychain();
    await machine();
    const tokens = createTokenManager({ store });
    expect((await tokens.getValidToken({ force: true })).refreshed).toBe(true);
    await signInTo(store, { ...REQUEST, flow: 'machine' }, createPerson(env));
    expect(slotsIn(slots)).toEqual([expect.stringContaining(ROBOT)]);
    expect((await store.read())?.record.kept).toMatchObject({ place: 'keychain', leftovers: [] });
    expect(plainIn({ home } as Home, [ROBOT])).toEqual([]);
    expect(sent()).toEqual(Array(3).fill(['client_credentials', BASIC_AUTH]));
    await logout(store, { timeoutMs: 5_000, env });
    expect(sent().at(-1)).toEqual(['revoke', BASIC_AUTH]);
    expect([slotsIn(slots), await store.read()]).toEqual([[], null]);
  });

  test('a sign-in to the file empties the entry, and one without an entry says what to do', async () => {
    const { store, slots, machine, env } = await inKeychain();
    await machine();
    rmSync(slots, { recursive: true });
    const lost = signInTo(store, { ...REQUEST, flow: 'machine' }, createPerson(env));
    await expect(lost).rejects.toMatchObject({
      code: 'refused',
      hint: expect.stringContaining('tokenctl login work --client-secret-file FILE'),
    });
    mkdirSync(slots);
    await machine({ place: undefined });
    expect(slotsIn(slots)).toHaveLength(1);
    await machine({ place: 'file' });
    expect([slotsIn(slots), (await store.read())?.record.kept]).toEqual([[], null]);
  });

  test('another access token is asked for with it, and knows nothing of the entry', async () => {
    const { store, slots, machine, env, home } = await inKeychain();
    await machine();
    const extra = await extraTokenStore(store, { scope: 'read' }, env);
    const tokens = createTokenManager({ store: extra, parameters: { scope: 'read' } });
    expect((await tokens.getValidToken()).refreshed).toBe(true);
    expect((await tokens.getValidToken({ timeoutMs: 1_000 })).refreshed).toBe(false);
    const [file] = filesBelow(home).filter(({ path }) => /work~[0-9a-f]+\.json$/.test(path));
    expect(JSON.parse(file?.text ?? '').kept).toBeUndefined();
    expect(slotsIn(slots)).toHaveLength(1);
    await forgetLogin(store, 5_000);
    expect([slotsIn(slots), filesBelow(home).filter(({ path }) => /work/.test(path))]).toEqual([
      [],
      [],
    ]);
  });
});
