import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttpsServer } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { withAuthority } from '../oauth/certificates.ts';
import { httpServer, listen, type Received, recording } from '../oauth/servers.ts';
import { filesBelow } from '../support/expired-login.ts';
import { createSharedLogin, type SharedLogin } from '../support/login.ts';
import { OIDC_CLIENTS, signIn, startOidcProvider } from '../support/oidc-provider.ts';
import { createHome, type Home } from '../support/tokenctl.ts';

type Server = SharedLogin['server'];

const isLive = async ({ resource }: Server, token: string): Promise<boolean> =>
  (await fetch(resource, { headers: { authorization: `Bearer ${token}` } })).status === 200;

const refreshWith = (endpoint: string, clientId: string, refreshToken: string) =>
  fetch(endpoint, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: refreshToken,
      client_id: clientId,
    }),
  });

const auditOf = ({ auditPath }: Home) =>
  readFileSync(auditPath, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

const stateOf = async ({ run }: Home): Promise<string> =>
  JSON.parse((await run(['status', 'work', '--json'])).stdout).state;

describe('logout', () => {
  test('revokes the tokens, forgets the login, and puts it down', async () => {
    const login = await createSharedLogin();
    const { access_token } = await login.importGrant('work', 3600);
    expect(await login.run(['logout', 'work'])).toMatchObject({
      code: 0,
      stdout: 'Logged out of work: refresh token and access token revoked; forgotten here.\n',
      stderr: '',
    });
    expect(await isLive(login.server, access_token)).toBe(false);
    expect(login.server.familiesRevoked).toBe(1);
    expect((await login.run(['get', 'work'])).code).toBe(3);
    expect(filesBelow(login.home).filter(({ path }) => path.includes('work'))).toEqual([]);
    expect(auditOf(login).at(-1)).toMatchObject({
      event: 'logout',
      login: 'work',
      local: false,
      revoked: ['refresh_token', 'access_token'],
      error: null,
    });
    expect((await login.run(['logout', 'work'])).code).toBe(3);
  });

  test('sends the refresh token alone where the access token has expired', async () => {
    const login = await createSharedLogin();
    await login.importGrant('work', 0.001);
    expect((await login.run(['logout', 'work', '--json'])).stdout).toBe(
      '{"login":"work","logged_out":true,"revoked":["refresh_token"],"error":null}\n',
    );
    expect(login.server.revocationRequests).toBe(1);
  });

  test('ends several at once, and all of them', async () => {
    const login = await createSharedLogin();
    for (const name of ['one', 'two', 'three']) {
      await login.importGrant(name);
    }
    expect((await login.run(['logout', 'one', 'two', 'one'])).code).toBe(0);
    const all = await login.run(['logout', '--all', '--json']);
    expect(JSON.parse(all.stdout)).toMatchObject([{ login: 'three', logged_out: true }]);
    expect(login.server.familiesRevoked).toBe(3);
    expect((await login.run(['logout', '--all'])).code).toBe(0);
  });

  test('of several ends those that it can, and says which it could not', async () => {
    const login = await createSharedLogin();
    await login.importGrant('one');
    const input = JSON.stringify({ access_token: 'a', client_id: 'c' });
    await login.run(['import', 'other'], { input });
    const { code, stdout, stderr } = await login.run(['logout', '--all', '--json']);
    expect(code).toBe(6);
    expect(JSON.parse(stdout)).toMatchObject([
      { login: 'one', logged_out: true },
      { login: 'other', logged_out: false, error: expect.stringContaining('revocation endpoint') },
    ]);
    expect(JSON.parse(stderr).error).toMatchObject({ code: 'refused', login: 'other' });
  });

  test('needs names or --all, and not both', async () => {
    const home = createHome();
    for (const args of [['logout'], ['logout', 'work', '--all'], ['logout', '../x']]) {
      expect((await home.run(args)).code).toBe(2);
    }
  });
});

describe('at a real authorization server', () => {
  test.each(['none', 'client_secret_basic', 'client_secret_post'] as const)(
    'the tokens are refused afterwards (client authentication: %s)',
    async (method) => {
      const provider = await startOidcProvider({ accessTokenLifetime: 600 });
      onTestFinished(() => provider.stop());
      const home = createHome();
      const { clientId, clientSecret } = OIDC_CLIENTS[method];
      const tokens = await signIn(provider, clientId);
      await home.run(['import', 'work'], {
        input: JSON.stringify({
          ...tokens,
          issuer: provider.issuer,
          token_endpoint: provider.tokenEndpoint,
          revocation_endpoint: provider.revocationEndpoint,
          client_id: clientId,
          client_secret: clientSecret,
          token_endpoint_auth_method: method,
        }),
      });
      const bearer = { headers: { authorization: `Bearer ${tokens.access_token}` } };
      expect((await fetch(provider.resource, bearer)).status).toBe(200);
      expect(await home.run(['logout', 'work'])).toMatchObject({ code: 0, stderr: '' });
      expect((await fetch(provider.resource, bearer)).status).toBe(401);
      // As its own client, so that it is the token that is refused.
      await home.run(['import', 'again'], {
        input: JSON.stringify({
          refresh_token: tokens.refresh_token,
          token_endpoint: provider.tokenEndpoint,
          client_id: clientId,
          client_secret: clientSecret,
          token_endpoint_auth_method: method,
        }),
      });
      const { code, stderr } = await home.run(['get', 'again']);
      expect([code, stderr]).toEqual([4, expect.stringContaining('invalid_grant')]);
    },
  );
});

describe('when the provider cannot be reached', () => {
  test('the login is kept as it is, until it can be, or --local', async () => {
    const login = await createSharedLogin();
    const { access_token } = await login.importGrant('work', 3600);
    await login.server.goOffline();
    const { code, stdout, stderr } = await login.run(['logout', 'work']);
    expect([code, stdout]).toEqual([5, '']);
    expect(stderr).toMatch(/^tokenctl: work: not now: .*ECONNREFUSED.*kept as it is.*--local\)\n$/);
    expect(await login.run(['get', 'work'])).toMatchObject({
      code: 0,
      stdout: `${access_token}\n`,
    });
    expect(auditOf(login).at(-1)).toMatchObject({ event: 'logout', revoked: [] });
    await login.server.goOnline();
    expect(await login.run(['logout', 'work'])).toMatchObject({ code: 0, stderr: '' });
    expect(await isLive(login.server, access_token)).toBe(false);
  });

  test('--local forgets it and sends nothing', async () => {
    const login = await createSharedLogin();
    const { access_token } = await login.importGrant('work', 3600);
    expect(await login.run(['logout', 'work', '--local'])).toMatchObject({
      code: 0,
      stdout: 'Logged out of work: its provider was not told; forgotten here.\n',
    });
    expect(login.server.revocationRequests).toBe(0);
    expect(await isLive(login.server, access_token)).toBe(true);
    expect(auditOf(login).at(-1)).toMatchObject({ event: 'logout', local: true });
    expect((await login.run(['logout', 'work', '--local'])).code).toBe(3);
  });

  test.each([429, 503])('%i: it lives, and is kept', async (status) => {
    const login = await createSharedLogin();
    await login.importGrant('work', 3600);
    login.server.setFault({ kind: 'status', status }, 'revocation');
    expect((await login.run(['logout', 'work'])).code).toBe(5);
    expect((await login.run(['get', 'work'])).code).toBe(0);
  });

  test.each([
    ['an answer that got lost', { kind: 'reset', after: 'rotation' }],
    ['an error of its own', { kind: 'status', status: 500 }],
  ] as const)('%s: nobody knows, so it is not used any more', async (_, fault) => {
    const login = await createSharedLogin();
    const { access_token } = await login.importGrant('work', 3600);
    login.server.setFault({ ...fault, times: 1 }, 'revocation');
    const { code, stderr } = await login.run(['logout', 'work']);
    expect([code, stderr]).toEqual([5, expect.stringContaining('not used any more')]);
    expect(await login.run(['get', 'work'])).toMatchObject({ code: 4, stdout: '' });
    expect(await stateOf(login)).toBe('login required');
    expect(login.server.tokenRequests).toBe(0);
    expect((await login.run(['logout', 'work'])).code).toBe(0);
    expect(await isLive(login.server, access_token)).toBe(false);
  });

  test('a client that is refused is exit 6, and the login is kept', async () => {
    const login = await createSharedLogin();
    await login.importGrant('work', 3600);
    const body = { error: 'invalid_client', error_description: 'no' };
    login.server.setFault({ kind: 'status', status: 401, body }, 'revocation');
    const { code, stderr } = await login.run(['logout', 'work']);
    expect([code, stderr]).toEqual([6, expect.stringContaining('invalid_client: no')]);
    expect((await login.run(['get', 'work'])).code).toBe(0);
  });

  test('a redirect is not followed', async () => {
    const login = await createSharedLogin();
    await login.importGrant('work', 3600);
    const elsewhere = await httpServer((response) => response.end());
    const location = elsewhere.url.href;
    login.server.setFault({ kind: 'redirect', location }, 'revocation');
    expect((await login.run(['logout', 'work'])).code).toBe(6);
    expect(elsewhere.received).toEqual([]);
  });
});

describe('what cannot be revoked', () => {
  const tokens = { refresh_token: 'r', access_token: 'a', client_id: 'c' };
  const importing = async (members: object): Promise<Home> => {
    const home = createHome();
    const input = JSON.stringify({ ...tokens, ...members });
    expect((await home.run(['import', 'work'], { input })).code).toBe(0);
    return home;
  };

  test('for want of an endpoint is said plainly, kept, and forgotten with --local', async () => {
    const home = await importing({ provider: 'spotify' });
    const { code, stderr } = await home.run(['logout', 'work']);
    expect([code, stderr]).toEqual([
      6,
      'tokenctl: work: it cannot be revoked: its provider has no revocation endpoint, or none is known (to forget it here all the same: tokenctl logout work --local)\n',
    ]);
    expect((await home.run(['get', 'work'])).stdout).toBe('a\n');
    expect((await home.run(['logout', 'work', '--local'])).code).toBe(0);
  });

  test('a login whose newest tokens are out of sight is not', async () => {
    const login = await createSharedLogin();
    await login.importGrant('work', 3600);
    const record = readFileSync(login.recordPath('work'), 'utf8');
    writeFileSync(
      login.recordPath('work'),
      record.replace('"lifeboat":null', '"lifeboat":"/run/x"'),
    );
    const { code, stderr } = await login.run(['logout', 'work']);
    expect([code, stderr]).toEqual([6, expect.stringContaining("'/run/x'")]);
    expect(login.server.revocationRequests).toBe(0);
  });

  test('a copy is not: that would end the login where it came from', async () => {
    const login = await createSharedLogin();
    await login.importGrant('work', 3600);
    const copy = createHome();
    cpSync(login.home, copy.home, { recursive: true });
    const record = readFileSync(copy.recordPath('work'), 'utf8');
    writeFileSync(copy.recordPath('work'), record.replace(/"machine":"./, '"machine":"-'));
    const { code, stderr } = await copy.run(['logout', 'work']);
    expect([code, stderr]).toEqual([6, expect.stringContaining('tokenctl adopt work')]);
    expect(login.server.revocationRequests).toBe(0);
    expect((await copy.run(['logout', 'work', '--local'])).code).toBe(0);
  });
});

describe('a provider’s own way', () => {
  const serverOf = async (answer: (received: Received) => [number, string]) =>
    httpServer((response, received) => {
      const [status, body] = answer(received);
      response.writeHead(status, { 'content-type': 'application/json' }).end(body);
    });
  const signedIn = async (port: number, provider: string, path: string, more: object = {}) => {
    const home = createHome();
    await home.run(['import', 'work'], {
      input: JSON.stringify({
        ...{ provider, access_token: 'the-access', refresh_token: 'the-refresh', expires_in: 3600 },
        ...{ client_id: 'cli', token_endpoint: `http://127.0.0.1:${port}/token` },
        revocation_endpoint: `http://127.0.0.1:${port}${path}`,
        ...more,
      }),
    });
    return home;
  };
  const seen = (received: readonly Received[]) =>
    received.map(({ method, url, body }) => `${method} ${url} ${body}`);

  test('the app deletes the access token, and reports the refresh token', async () => {
    const { port, received } = await serverOf(({ method }) => [
      method === 'DELETE' ? 204 : 202,
      '',
    ]);
    const home = await signedIn(port, 'github', '/applications/{client_id}/token', {
      client_secret: 's',
    });
    expect(await home.run(['logout', 'work'])).toMatchObject({ code: 0, stderr: '' });
    expect(seen(received)).toEqual([
      'POST /credentials/revoke {"credentials":["the-refresh"]}',
      'DELETE /applications/cli/token {"access_token":"the-access"}',
    ]);
  });

  test('ok:false in HTTP 200 is no success', async () => {
    const { port } = await serverOf(() => [200, '{"ok":false,"error":"invalid_auth"}']);
    const home = await signedIn(port, 'slack', '/api/auth.revoke');
    const { code, stderr } = await home.run(['logout', 'work']);
    expect([code, stderr]).toEqual([6, expect.stringContaining('invalid_auth')]);
    expect((await home.run(['get', 'work'])).code).toBe(0);
  });

  test('a token that is none any more is no failure', async () => {
    const { port } = await serverOf(() => [400, '{"error":"invalid_token"}']);
    const home = await signedIn(port, 'google', '/revoke');
    expect(await home.run(['logout', 'work'])).toMatchObject({ code: 0, stderr: '' });
  });

  test('an access token that cannot be revoked is said to live on', async () => {
    const { port, received } = await serverOf(() => [200, '']);
    const home = await signedIn(port, 'auth0', '/oauth/revoke');
    const { code, stdout, stderr } = await home.run(['logout', 'work']);
    expect([code, stdout]).toEqual([0, expect.stringContaining('refresh token revoked')]);
    expect(stderr).toContain('its access token cannot be revoked and stays valid until it expires');
    expect(received).toHaveLength(1);
  });

  test('a refresh token that cannot be revoked keeps the login, marked, until --local', async () => {
    const { port } = await serverOf(() => [200, '']);
    const home = await signedIn(port, 'twitch', '/oauth2/revoke');
    const { code, stderr } = await home.run(['logout', 'work']);
    expect([code, stderr]).toEqual([
      6,
      expect.stringContaining('cannot be revoked there by a program'),
    ]);
    expect((await home.run(['logout', 'work', '--local'])).code).toBe(0);
  });

  test('where it takes a live access token, an expired one is told', async () => {
    const { port, received } = await serverOf(() => [200, 'null']);
    const home = await signedIn(port, 'dropbox', '/2/auth/token/revoke', { expires_in: 0 });
    const { code, stderr } = await home.run(['logout', 'work']);
    expect([code, stderr]).toEqual([6, expect.stringContaining('tokenctl get work --force')]);
    const fresh = await signedIn(port, 'dropbox', '/2/auth/token/revoke');
    expect((await fresh.run(['logout', 'work'])).code).toBe(0);
    expect(received.map(({ headers }) => headers.authorization)).toEqual(['Bearer the-access']);
  });
});

describe('many at once', () => {
  test('8 logouts and 20 gets: one revocation, no error that is none, and nothing left', async () => {
    const login = await createSharedLogin();
    const { access_token, refresh_token } = {
      refresh_token: '',
      ...(await login.importGrant('work', 3600)),
    };
    const [logouts, gets] = await Promise.all([
      login.runMany(8, ['logout', 'work']),
      login.runMany(20, ['get', 'work']),
    ]);
    expect(logouts.map(({ code }) => code)).toContain(0);
    expect(logouts.filter(({ code }) => code !== 0 && code !== 3)).toEqual([]);
    expect(gets.filter(({ code }) => code !== 0 && code !== 3 && code !== 4)).toEqual([]);
    expect(login.server.revocationRequests).toBe(2);
    expect(login.server.tokenRequests).toBe(0);
    expect(await isLive(login.server, access_token)).toBe(false);
    expect(
      (await refreshWith(login.server.tokenEndpoint, login.server.clientId, refresh_token)).status,
    ).toBe(400);
    expect(existsSync(login.recordPath('work'))).toBe(false);
  });

  test('a logout waits for a refresh that is under way, and revokes what it brought', async () => {
    const login = await createSharedLogin({ latencyMs: 700, accessTokenLifetime: 600 });
    await login.importGrant('work', 0.001);
    const arrived = new Promise<void>((resolve) => {
      login.server.onTokenRequest(() => resolve());
    });
    const getting = login.run(['get', 'work']);
    await arrived;
    const out = await login.run(['logout', 'work']);
    expect([out.code, out.stderr]).toEqual([0, '']);
    const { code, stdout } = await getting;
    expect(code).toBe(0);
    expect(await isLive(login.server, stdout.trim())).toBe(false);
  });
});

test('killed while it revokes: the login is not healthy, and the next logout ends it', async () => {
  const login = await createSharedLogin();
  const { access_token } = await login.importGrant('work', 3600);
  login.server.setFault({ kind: 'hang', after: 'rotation', times: 1 }, 'revocation');
  const { child, result } = login.start(['logout', 'work']);
  while (login.server.familiesRevoked === 0) {
    await sleep(20);
  }
  child.kill('SIGKILL');
  await result;
  expect(existsSync(login.recordPath('work'))).toBe(true);
  expect(await login.run(['get', 'work'])).toMatchObject({
    code: 4,
    stdout: '',
    stderr: expect.stringContaining('logout has begun'),
  });
  expect(await stateOf(login)).toBe('login required');
  expect((await login.run(['logout', 'work'])).code).toBe(0);
  expect(await isLive(login.server, access_token)).toBe(false);
  expect(filesBelow(login.home).filter(({ path }) => path.includes('work'))).toEqual([]);
});

describe('on the way to the provider', () => {
  const authority = withAuthority();

  test('a private CA and a proxy are used as a refresh uses them', async () => {
    const received: Received[] = [];
    const server = createHttpsServer(
      authority().issue('DNS:localhost,IP:127.0.0.1'),
      recording(received, (response) => response.end()),
    );
    const { port } = await listen(server);
    const home = createHome();
    await home.run(['import', 'work'], {
      input: JSON.stringify({
        ...{ refresh_token: 'r', client_id: 'c' },
        token_endpoint: `https://127.0.0.1:${port}/token`,
        revocation_endpoint: `https://127.0.0.1:${port}/revoke`,
      }),
    });
    const plain = await home.run(['logout', 'work']);
    expect([plain.code, received.length]).toEqual([5, 0]);
    const nowhere = { SSL_CERT_FILE: authority().file, HTTPS_PROXY: 'http://127.0.0.1:1' };
    expect((await home.run(['logout', 'work'], { env: nowhere })).stderr).toContain(
      'through the proxy',
    );
    const env = { SSL_CERT_FILE: authority().file };
    expect(await home.run(['logout', 'work'], { env })).toMatchObject({ code: 0, stderr: '' });
    expect(received).toMatchObject([{ method: 'POST', url: '/revoke' }]);
    expect(received[0]?.body).toBe('token_type_hint=refresh_token&token=r&client_id=c');
  });
});
