import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { need } from '../support/need.ts';
import type { ProviderSetup } from '../support/oidc-instance.ts';
import { OIDC_CLIENTS, startOidcProvider } from '../support/oidc-provider.ts';
import { confirmDevice, playPerson, startLogin, visit } from '../support/sign-in.ts';
import { createHome } from '../support/tokenctl.ts';

const SCOPE = 'openid offline_access';

const stage = async (setup: ProviderSetup & { accessTokenLifetime?: number } = {}) => {
  const provider = await startOidcProvider({ accessTokenLifetime: 60, ...setup });
  onTestFinished(() => provider.stop());
  const home = createHome();
  const args = (...more: string[]) => [
    ...['login', 'work', '--issuer', provider.issuer, '--scope', SCOPE],
    // OpenID Connect Core section 11: offline_access is granted only with consent.
    ...['--param', 'prompt=consent', ...more],
  ];
  return {
    provider,
    home,
    args,
    client: (more: readonly string[] = []) =>
      args('--client-id', OIDC_CLIENTS.none.clientId, '--no-browser', ...more),
    isLive: async (token: string) =>
      (await fetch(provider.resource, { headers: { authorization: `Bearer ${token.trim()}` } }))
        .status === 200,
    /** What is left in the store besides the record. */
    strays: () =>
      readdirSync(join(home.home, 'credentials')).filter(
        (entry) => !['work.json', 'work.herd', 'tokenctl-anchor'].includes(entry),
      ),
  };
};

describe('the authorization code flow', () => {
  test('signs in, keeps the tokens, and shows whose they are', async () => {
    const { provider, home, client, isLive, strays } = await stage();
    const login = startLogin(home, client());
    const url = await login.url;
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
      response_type: 'code',
      code_challenge_method: 'S256',
      redirect_uri: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+\/callback$/),
      scope: SCOPE,
      state: expect.stringMatching(/^.{43}$/),
      nonce: expect.stringMatching(/^.{43}$/),
    });
    const page = await playPerson('alice', url);
    expect(page.status).toBe(200);
    expect(page.text).toContain('Signed in');
    // Neither the code nor the state is in the address that stays in the browser.
    expect(page.url.search).toBe('');
    const { code, stdout } = await login.result;
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(
        /^Signed in to work as alice at 127\.0\.0\.1:\d+\.\nScope: openid offline_access\.\nAccess token: valid for \d+s, renewed when due\./,
      ),
    });
    const token = (await home.run(['get', 'work'])).stdout;
    expect(await isLive(token)).toBe(true);
    expect(strays()).toEqual([]);
    const renewed = await home.run(['get', 'work', '--force']);
    expect(renewed.code).toBe(0);
    expect(await isLive(renewed.stdout)).toBe(true);
    expect(provider.requests.map(({ grantType, status }) => [grantType, status])).toEqual([
      ['authorization_code', 200],
      ['refresh_token', 200],
    ]);
  });

  test('signs in again with nothing but the name, also after the login died', async () => {
    const { provider, home, client } = await stage();
    const first = startLogin(home, client());
    await playPerson('alice', await first.url);
    await first.result;
    const [token] =
      readFileSync(home.recordPath('work'), 'utf8').match(/"refresh_token":"[^"]+"/) ?? [];
    await provider.revokeGrant(String(token).split('"')[3] ?? '');
    const dead = await home.run(['get', 'work', '--force']);
    expect([dead.code, dead.stderr]).toEqual([4, expect.stringContaining('tokenctl login work')]);
    const again = startLogin(home, ['login', 'work', '--no-browser']);
    await playPerson('alice', await again.url);
    expect((await again.result).code).toBe(0);
    expect((await home.run(['get', 'work', '--force'])).code).toBe(0);
  });

  test('refuses another account under the name, revokes it, and keeps what was there', async () => {
    const { provider, home, client, isLive } = await stage();
    const alice = startLogin(home, client());
    await playPerson('alice', await alice.url);
    await alice.result;
    const before = readFileSync(home.recordPath('work'), 'utf8');
    const mallory = startLogin(home, client());
    const page = await playPerson('mallory', await mallory.url);
    expect(page.text).toContain('Not signed in');
    const refused = await mallory.result;
    expect([refused.code, refused.stdout]).toEqual([6, '']);
    expect(refused.stderr).toMatch(/the account alice.*as mallory.*were revoked.*--replace/);
    expect(readFileSync(home.recordPath('work'), 'utf8')).toBe(before);
    expect(await isLive((await home.run(['get', 'work', '--force'])).stdout)).toBe(true);
    const replaced = startLogin(home, client(['--replace']));
    await playPerson('mallory', await replaced.url);
    expect((await replaced.result).stdout).toContain('as mallory');
    expect(provider.count('authorization_code', 200)).toBe(3);
  });

  test('does not give a name that stands for one server to another', async () => {
    const { home, client } = await stage();
    const first = startLogin(home, client());
    await playPerson('alice', await first.url);
    await first.result;
    const other = await stage();
    const { code, stderr } = await home.run(other.client());
    expect([code, stderr]).toEqual([6, expect.stringMatching(/holds a login at.*--replace/)]);
  });

  test('a second login of the name waits for the first and takes what it brought', async () => {
    const { provider, home, client, strays } = await stage();
    const first = startLogin(home, client());
    const url = await first.url;
    const second = startLogin(home, client());
    await second.says(/Waiting for process \d+, which is signing in to work; finish it there/);
    await playPerson('alice', url);
    expect((await first.result).code).toBe(0);
    const { code, stdout } = await second.result;
    expect([code, stdout]).toEqual([0, expect.stringContaining('Another process signed in')]);
    expect(provider.count('authorization_code')).toBe(1);
    expect(strays()).toEqual([]);
  });

  test('the next in line signs in itself when the first was ended, which leaves nothing behind', async () => {
    const { home, client, strays } = await stage();
    const first = startLogin(home, client());
    await first.url;
    const second = startLogin(home, client());
    await second.says(/Waiting for/);
    first.kill('SIGINT');
    expect(await first.result).toMatchObject({ signal: 'SIGINT', stdout: '' });
    await playPerson('alice', await second.url);
    expect((await second.result).code).toBe(0);
    expect(strays()).toEqual([]);
  });

  test.each<NodeJS.Signals>(['SIGINT', 'SIGTERM', 'SIGKILL'])(
    'leaves nothing behind after %s, or at the latest after the next login',
    async (signal) => {
      const { home, client, strays } = await stage();
      const login = startLogin(home, client());
      await login.url;
      login.kill(signal);
      await login.result;
      if (signal === 'SIGKILL') {
        const next = startLogin(home, client());
        await playPerson('alice', await next.url);
        await next.result;
      }
      expect(strays()).toEqual([]);
    },
  );

  test('a living login is renewed for others while a person takes their time', async () => {
    const { home, client, provider } = await stage();
    const first = startLogin(home, client());
    await playPerson('alice', await first.url);
    await first.result;
    const second = startLogin(home, client());
    const url = await second.url;
    expect((await home.run(['get', 'work', '--force'])).code).toBe(0);
    expect(provider.count('refresh_token', 200)).toBe(1);
    await playPerson('alice', url);
    expect((await second.result).code).toBe(0);
  });

  test('serves 50 processes, and at expiry 50 more with one refresh', async () => {
    const { provider, home, client, isLive } = await stage({ accessTokenLifetime: 16 });
    const login = startLogin(home, client());
    await playPerson('alice', await login.url);
    await login.result;
    const signedIn = Date.now();
    for (const refreshes of [0, 1]) {
      await sleep(refreshes * Math.max(0, signedIn + 17_000 - Date.now()));
      const all = await home.runMany(50, ['get', 'work']);
      expect(all.map(({ code, stderr }) => [code, stderr])).toEqual(Array(50).fill([0, '']));
      expect(new Set(all.map(({ stdout }) => stdout)).size).toBe(1);
      expect(provider.count('refresh_token')).toBe(refreshes);
      expect(await isLive(all[0]?.stdout ?? '')).toBe(true);
    }
    expect(provider.requests).toHaveLength(2);
  });

  test('ends when nobody comes, and names the next step', async () => {
    const { home, client, strays } = await stage();
    const { code, stderr } = await home.run(client(['--timeout', '1s']));
    expect([code, stderr]).toEqual([
      5,
      expect.stringMatching(/nobody signed in within the time limit.*tokenctl login work/),
    ]);
    expect(strays()).toEqual([]);
  });

  test('says what the server said when access is denied', async () => {
    const { home, client } = await stage();
    const login = startLogin(home, client());
    const url = await login.url;
    const redirect = new URL(url.searchParams.get('redirect_uri') ?? '');
    redirect.search = new URLSearchParams({
      error: 'access_denied',
      error_description: '<script>alert(1)</script>\u001b[31m no',
      state: url.searchParams.get('state') ?? '',
      iss: url.origin,
    }).toString();
    const page = await visit(redirect);
    expect(page.text).toContain('Not signed in');
    expect(page.text).not.toContain('<script>');
    const { code, stderr } = await login.result;
    expect([code, stderr]).toEqual([
      4,
      expect.stringMatching(/access was denied.*tokenctl login work/),
    ]);
    expect(stderr).not.toContain('\u001b');
  });

  test('finds a port that is taken out before anybody is asked', async () => {
    const { home, client } = await stage();
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void taken.close());
    const { port } = taken.address() as AddressInfo;
    const { code, stderr } = await home.run(client(['--port', String(port)]));
    expect([code, stderr]).toEqual([
      6,
      expect.stringMatching(/is taken by another program.*--port/),
    ]);
    expect(stderr).not.toContain('open this address');
  });

  test('starts the browser that is named, detached, with the address', async () => {
    const { home, args } = await stage();
    const seen = join(home.home, '..', 'seen');
    const script = `require('fs').writeFileSync('${seen}', process.argv[1])`;
    const login = startLogin(
      home,
      args(
        '--client-id',
        OIDC_CLIENTS.none.clientId,
        '--browser',
        `${process.execPath} -e "${script}"`,
      ),
    );
    const url = await login.url;
    await vi.waitFor(() => expect(readFileSync(seen, 'utf8')).toBe(url.href));
    login.kill('SIGTERM');
    await login.result;
  });

  test('starts the browser of the system where there is a display', async (context) => {
    need(context, process.platform === 'linux', 'a system with xdg-open');
    const { home, args } = await stage();
    const bin = join(home.home, '..', 'bin');
    const seen = join(bin, 'seen');
    mkdirSync(bin);
    writeFileSync(join(bin, 'xdg-open'), `#!/bin/sh\nprintf %s "$1" > ${seen}\n`, { mode: 0o755 });
    const login = startLogin(home, args('--client-id', OIDC_CLIENTS.none.clientId), {
      DISPLAY: ':0',
      PATH: `${bin}:${process.env.PATH}`,
    });
    const url = await login.url;
    await vi.waitFor(() => expect(readFileSync(seen, 'utf8')).toBe(url.href));
    login.kill('SIGTERM');
    await login.result;
  });

  test('says so where no browser can be started, and waits all the same', async () => {
    const { home, args } = await stage();
    const login = startLogin(
      home,
      args('--client-id', OIDC_CLIENTS.none.clientId, '--browser', '/nonexistent/browser'),
    );
    await login.says(/could not be started: ENOENT/);
    await playPerson('alice', await login.url);
    expect((await login.result).code).toBe(0);
  });

  test('pushes the request first where it is told to, or where the server wants that', async () => {
    for (const required of [false, true]) {
      const { home, client } = await stage({
        features: {
          pushedAuthorizationRequests: {
            enabled: true,
            requirePushedAuthorizationRequests: required,
          },
        },
      });
      const login = startLogin(home, client(required ? [] : ['--par']));
      const url = await login.url;
      expect([...url.searchParams.keys()]).toEqual(['client_id', 'request_uri']);
      login.kill('SIGTERM');
      await login.result;
    }
  });

  test('becomes a client of a server that registers anybody, and stays it', async () => {
    const { home, args, isLive } = await stage({
      features: { registration: { enabled: true }, registrationManagement: { enabled: true } },
    });
    const first = startLogin(home, args('--no-browser'));
    await playPerson('alice', await first.url);
    expect((await first.result).code).toBe(0);
    const clientId = JSON.parse(readFileSync(home.recordPath('work'), 'utf8')).client_id;
    expect(await isLive((await home.run(['get', 'work', '--force'])).stdout)).toBe(true);
    const again = startLogin(home, ['login', 'work', '--no-browser']);
    await playPerson('alice', await again.url);
    expect((await again.result).code).toBe(0);
    expect(JSON.parse(readFileSync(home.recordPath('work'), 'utf8')).client_id).toBe(clientId);
  });

  test('binds the tokens to a key of its own with --dpop, which renewing needs too', async () => {
    const nonces = { nonceSecret: Buffer.alloc(32, 1), requireNonce: () => true };
    const { provider, home, client } = await stage({
      features: { dPoP: { enabled: true, ...nonces } },
    });
    const login = startLogin(home, client(['--dpop']));
    await playPerson('alice', await login.url);
    expect(await login.result).toMatchObject({ code: 0 });
    const json = JSON.parse((await home.run(['get', 'work', '--json'])).stdout);
    expect(json.token_type).toBe('DPoP');
    const renewed = await home.run(['get', 'work', '--force']);
    expect([renewed.code, renewed.stderr]).toEqual([0, '']);
    expect(renewed.stdout.trim()).not.toBe(json.access_token);
    expect((await home.run(['get', 'work', '--header'])).code).toBe(6);
    // Each time the server asked for its nonce first, and did nothing.
    expect(provider.requests.map(({ grantType, status }) => [grantType, status])).toEqual([
      ['authorization_code', 400],
      ['authorization_code', 200],
      ['refresh_token', 400],
      ['refresh_token', 200],
    ]);
    expect(JSON.parse(readFileSync(home.recordPath('work'), 'utf8')).reader).toBe(3);
  });
});

describe('the device flow', () => {
  const DEVICE = {
    clients: [
      {
        client_id: 'device',
        token_endpoint_auth_method: 'none',
        grant_types: ['urn:ietf:params:oauth:grant-type:device_code', 'refresh_token'],
        redirect_uris: [],
        response_types: [],
      },
    ],
    features: { deviceFlow: { enabled: true } },
  };

  test('signs in with a code that is entered elsewhere, and is chosen where there is no display', async () => {
    for (const way of [['--device'], []]) {
      const { provider, home, args, isLive, strays } = await stage(DEVICE);
      const login = startLogin(home, args('--client-id', 'device', ...way));
      await login.says(/enter the code {2}\S+[\s\S]*user_code=\S+ /);
      const [, complete = ''] = /open (\S+user_code=\S+)/.exec(login.said()) ?? [];
      await confirmDevice('alice', new URL(complete));
      const { code, stdout } = await login.result;
      expect([code, stdout]).toEqual([0, expect.stringContaining('Signed in to work as alice')]);
      expect(await isLive((await home.run(['get', 'work', '--force'])).stdout)).toBe(true);
      expect(provider.requests.at(-1)).toMatchObject({ grantType: 'refresh_token', status: 200 });
      expect(strays()).toEqual([]);
    }
  });
});

describe('without anybody', () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const machine = (client_id: string, more: object) => ({
    client_id,
    grant_types: ['client_credentials'],
    redirect_uris: [],
    response_types: [],
    ...more,
  });
  const MACHINES = {
    accessTokenLifetime: 4,
    clients: [
      machine('robot', { client_secret: 'robot: s+cr%t' }),
      machine('signer', {
        token_endpoint_auth_method: 'private_key_jwt',
        jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig' }] },
      }),
    ],
    features: { clientCredentials: { enabled: true } },
    scopes: ['api'],
  };
  const machineArgs = (issuer: string, ...more: string[]) => [
    ...['login', 'ci', '--issuer', issuer, '--client-credentials', '--scope', 'api', ...more],
  ];

  test('a client signs in for itself, and at each expiry one process asks for all', async () => {
    const { provider, home } = await stage(MACHINES);
    const login = await home.run(
      machineArgs(provider.issuer, '--client-id', 'robot', '--client-secret-stdin'),
      {
        input: 'robot: s+cr%t\n',
      },
    );
    expect(login).toMatchObject({ code: 0, stdout: expect.stringContaining('renewed when due') });
    const first = (await home.run(['get', 'ci'])).stdout;
    const status = await home.run(['status', 'ci', '--json']);
    expect(JSON.parse(status.stdout)).toMatchObject({ refreshable: true });
    await sleep(4_500);
    const all = await home.runMany(20, ['get', 'ci']);
    expect(all.map(({ code }) => code)).toEqual(Array(20).fill(0));
    expect(new Set(all.map(({ stdout }) => stdout)).size).toBe(1);
    expect(all[0]?.stdout).not.toBe(first);
    expect(provider.requests).toEqual(
      Array(2).fill({
        grantType: 'client_credentials',
        clientId: 'robot',
        status: 200,
        error: null,
      }),
    );
  });

  test('a client with a key signs for itself each time', async () => {
    const { provider, home } = await stage(MACHINES);
    const key = join(home.home, '..', 'key.pem');
    writeFileSync(key, privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const login = await home.run(
      machineArgs(provider.issuer, '--client-id', 'signer', '--client-key', key),
    );
    expect(login).toMatchObject({ code: 0 });
    expect((await home.run(['get', 'ci', '--force'])).code).toBe(0);
    expect(provider.count('client_credentials', 200)).toBe(2);
  });

  test('a wrong secret is refused, saved nowhere, and named', async () => {
    const { provider, home } = await stage(MACHINES);
    const { code, stderr } = await home.run(
      machineArgs(provider.issuer, '--client-id', 'robot', '--client-secret-stdin'),
      { input: 'wrong-secret-of-robot' },
    );
    expect([code, stderr]).toEqual([6, expect.stringContaining('invalid_client')]);
    expect(stderr).not.toContain('wrong-secret');
    expect((await home.run(['get', 'ci'])).code).toBe(3);
  });
});
