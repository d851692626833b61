import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { httpServer } from '../oauth/servers.ts';
import { createSharedLogin } from '../support/login.ts';
import { createHome, type Home } from '../support/tokenctl.ts';

const recordOf = (home: Home, name = 'work') =>
  JSON.parse(readFileSync(home.recordPath(name), 'utf8'));

/** A file of another program, in a home of its own. */
const keptBy = (
  path: string,
  content: string,
): { home: Home; file: string; env: NodeJS.ProcessEnv } => {
  const home = createHome();
  const HOME = join(dirname(home.home), 'person');
  const file = join(HOME, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content, { mode: 0o600 });
  return { home, file, env: { HOME } };
};

const HOSTS = `github.com:
    users:
        alice:
            oauth_token: gho_alice
        bob:
            oauth_token: gho_bob
    user: alice
`;

describe('import --from', () => {
  test('gh: finds its file, takes one account, leaves the file alone, and says how to retire it', async () => {
    const { home, file, env } = keptBy('.config/gh/hosts.yml', HOSTS);
    const before = [readFileSync(file, 'utf8'), statSync(file).mtimeMs];
    const { code, stdout, stderr } = await home.run(
      ['import', 'work', '--from', 'gh', '--account', 'bob'],
      { env },
    );
    expect([code, stdout]).toEqual([
      0,
      'Imported work: no stated lifetime, NOT renewed when due.\n',
    ]);
    expect(stderr).toBe(
      `Found in ${file}: an access token of bob at github.com.\n` +
        'tokenctl: work: warning: it has no refresh token: it serves until it expires. To retire the other copy: gh auth logout --hostname github.com --user bob\n',
    );
    expect([readFileSync(file, 'utf8'), statSync(file).mtimeMs]).toEqual(before);
    expect(recordOf(home)).toMatchObject({
      access_token: 'gho_bob',
      provider: 'github',
      hosts: ['github.com', 'api.github.com'],
    });
  });

  test('gh: two accounts are a choice that a person makes', async () => {
    const { home, env } = keptBy('.config/gh/hosts.yml', HOSTS);
    const { code, stderr } = await home.run(['import', 'work', '--from', 'gh'], { env });
    expect([code, stderr]).toEqual([
      2,
      'tokenctl: there are several logins in it (choose: --account alice; --account bob)\n',
    ]);
    expect((await home.run(['get', 'work'])).code).toBe(3);
  });

  test('adc: a refresh token with its client, which two may hold there', async () => {
    const json = {
      type: 'authorized_user',
      client_id: 'c',
      client_secret: 's',
      refresh_token: '1//r',
    };
    const { home, file, env } = keptBy(
      '.config/gcloud/application_default_credentials.json',
      JSON.stringify(json),
    );
    const { code, stderr } = await home.run(['import', 'work', '--from', 'adc'], { env });
    expect(code).toBe(0);
    expect(stderr).toContain('both may use it');
    expect(stderr).toContain(`rm '${file}' (not: gcloud auth application-default revoke`);
    expect(recordOf(home)).toMatchObject({
      provider: 'google',
      token_endpoint: 'https://oauth2.googleapis.com/token',
      token_endpoint_auth_method: 'client_secret_post',
      refresh_token: '1//r',
    });
  });

  test('msal: the tenant of the account decides where it is renewed', async () => {
    const cache = {
      Account: { a: { home_account_id: 'u.t', realm: 'the-tenant', username: 'alice@x.example' } },
      RefreshToken: {
        a: {
          home_account_id: 'u.t',
          environment: 'login.microsoftonline.com',
          client_id: 'cli',
          secret: 'r',
        },
      },
    };
    const { home, env } = keptBy('.azure/msal_token_cache.json', JSON.stringify(cache));
    const { code, stderr } = await home.run(['import', 'work', '--from', 'msal'], { env });
    expect([code, stderr]).toEqual([
      0,
      expect.stringContaining('az logout --username alice@x.example'),
    ]);
    expect(recordOf(home)).toMatchObject({
      token_endpoint: 'https://login.microsoftonline.com/the-tenant/oauth2/v2.0/token',
      client_id: 'cli',
    });
  });

  test('aws-sso: the one file of the cache that has a token', async () => {
    const { home, file, env } = keptBy(
      '.aws/sso/cache/1.json',
      JSON.stringify({
        startUrl: 'https://acme.awsapps.com/start',
        accessToken: 'a',
        expiresAt: '2099-01-01T00:00:00Z',
      }),
    );
    writeFileSync(join(dirname(file), 'botocore-client-id.json'), '{"clientId":"c"}');
    const { code, stdout } = await home.run(['import', 'work', '--from', 'aws-sso'], { env });
    expect([code, stdout]).toEqual([0, expect.stringContaining('NOT renewed')]);
    expect(recordOf(home)).toMatchObject({ access_token: 'a', hosts: ['acme.awsapps.com'] });
  });

  test('aws-sso: with its client it is renewed, in the words of that server', async () => {
    const server = await httpServer((response, { body }) => {
      const { grantType, refreshToken, clientId, clientSecret } = JSON.parse(body);
      const right =
        [grantType, refreshToken, clientId, clientSecret].join() === 'refresh_token,r,c,s';
      response.writeHead(right ? 200 : 400).end(
        JSON.stringify({
          accessToken: 'new',
          refreshToken: 'r2',
          expiresIn: 600,
          tokenType: 'Bearer',
        }),
      );
    });
    const session = {
      ...{ startUrl: 'https://acme.awsapps.com/start', region: 'eu-west-1', accessToken: 'old' },
      ...{ expiresAt: '2020-01-01T00:00:00Z', refreshToken: 'r', clientId: 'c', clientSecret: 's' },
    };
    const { home, env } = keptBy('.aws/sso/cache/1.json', JSON.stringify(session));
    const args = ['import', 'work', '--from', 'aws-sso'];
    expect((await home.run(args, { env })).code).toBe(0);
    expect(recordOf(home)).toMatchObject({
      token_endpoint: 'https://oidc.eu-west-1.amazonaws.com/token',
      hosts: ['portal.sso.eu-west-1.amazonaws.com'],
    });
    const here = [...args, '--token-endpoint', server.url.href];
    expect((await home.run(here, { env })).code).toBe(0);
    expect(await home.run(['get', 'work'])).toMatchObject({ code: 0, stdout: 'new\n' });
    expect(recordOf(home).refresh_token).toBe('r2');
  });

  test('git-credentials: on stdin', async () => {
    const home = createHome();
    const input = 'https://alice:tok@git.example\nhttps://bob:kot@gitlab.com\n';
    const args = ['import', 'work', '--from', 'git-credentials', '-', '--host', 'gitlab.com'];
    expect((await home.run(args, { input })).code).toBe(0);
    expect(recordOf(home)).toMatchObject({ access_token: 'kot', provider: 'gitlab' });
  });

  test('oauth2-token: what the file does not say is said by options, and then it is renewed', async () => {
    const { server, ...home } = await createSharedLogin();
    const { access_token, refresh_token } = server.grant({ lifetime: 1 });
    const input = JSON.stringify({
      ...{
        AccessToken: access_token,
        RefreshToken: refresh_token,
        ExpiresOn: '2020-01-01T00:00:00Z',
      },
      Email: 'alice@x.example',
    });
    const args = ['import', 'work', '--from', 'oauth2-token'];
    const bare = await home.run(args, { input });
    expect([bare.code, bare.stderr]).toEqual([
      2,
      expect.stringContaining('token_endpoint is missing'),
    ]);
    const full = [
      ...args,
      '--token-endpoint',
      server.tokenEndpoint,
      '--client-id',
      server.clientId,
    ];
    const { code, stderr } = await home.run(full, { input });
    expect([code, stderr]).toEqual([0, expect.stringContaining('works only once')]);
    expect(stderr).toContain('an access token and a refresh token of alice@x.example');
    expect(await home.run(['get', 'work'])).toMatchObject({ code: 0 });
    expect(server.rotations).toBe(1);
  });

  test.each([
    [['--from', 'nothing'], 'one of gh, adc'],
    [['--from', 'gh', '/nonexistent/hosts.yml'], 'cannot be read (ENOENT)'],
    [['--from', 'gh', '/dev/zero'], 'not a file of a sensible size'],
    [['--from', 'gh'], 'cannot be read'],
    [['hosts.yml'], 'need --from'],
    [['--host', 'x'], 'need --from'],
  ])('%j is usage, in one line', async (args, what) => {
    const { code, stderr } = await createHome().run(['import', 'work', ...args]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(what)]);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });
});
