import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createSharedLogin } from '../support/login.ts';
import { createHome, type Home } from '../support/tokenctl.ts';

const TOKENS = {
  access_token: 'an-access-token',
  refresh_token: 'a-refresh-token',
  expires_in: 3600,
  token_endpoint: 'https://id.example.com/token',
  client_id: 'cli',
};

const importing = (home: Home, tokens: object, name = 'work') =>
  home.run(['import', name], { input: JSON.stringify(tokens) });

describe('import', () => {
  test('what was taken over is printed by get, with nothing on stderr', async () => {
    const home = createHome();
    expect(await importing(home, TOKENS)).toMatchObject({ code: 0, stderr: '' });
    expect(await home.run(['get', 'work'])).toMatchObject({
      code: 0,
      stdout: 'an-access-token\n',
      stderr: '',
    });
  });

  test('the record is readable by its owner only, in a directory that is too', async () => {
    const home = createHome();
    await importing(home, TOKENS);
    expect((await stat(home.recordPath('work'))).mode & 0o777).toBe(0o600);
    expect((await stat(join(home.home, 'credentials'))).mode & 0o777).toBe(0o700);
    expect((await stat(home.auditPath)).mode & 0o777).toBe(0o600);
  });

  test.each([
    ['empty stdin', ''],
    ['only white space', ' \n'],
    ['not JSON', 'access_token=x'],
    ['a list', '[]'],
    ['null', 'null'],
    ['no token at all', '{}'],
    ['a number as token', '{"access_token": 5}'],
    ['an empty token', '{"access_token": ""}'],
    ['a token with a newline', '{"access_token": "a\\nb"}'],
    ['a refresh token and nowhere to send it', '{"refresh_token": "r", "client_id": "c"}'],
    ['an http endpoint', JSON.stringify({ ...TOKENS, token_endpoint: 'http://id.example.com/t' })],
    ['an unknown provider', '{"access_token": "a", "provider": "__proto__"}'],
    ['a date that is none', '{"access_token": "a", "expires_at": "tomorrow"}'],
  ])('%s: exit 2, one line, nothing stored', async (_what, input) => {
    const home = createHome();
    const result = await home.run(['import', 'work'], { input });
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr.trimEnd().split('\n')).toHaveLength(1);
    expect((await home.run(['get', 'work'])).code).toBe(3);
  });

  test('bad input leaves the login that is there as it is', async () => {
    const home = createHome();
    await importing(home, TOKENS);
    const before = await readFile(home.recordPath('work'));
    expect((await importing(home, { ...TOKENS, expires_in: 'soon' })).code).toBe(2);
    expect(await readFile(home.recordPath('work'))).toEqual(before);
  });

  test.each(['../x', '.hidden', '-x', 'a/b', '', 'a'.repeat(65), 'a b', 'ä', 'x\ny'])(
    'the name %j is refused as usage by every command',
    async (name) => {
      const home = createHome();
      for (const command of ['import', 'get', 'status', 'invalidate', 'remove']) {
        expect((await home.run([command, '--', name], { input: '{}' })).code).toBe(2);
      }
    },
  );
});

describe('get', () => {
  test('an unknown login is exit 3 and names the command that mends it', async () => {
    const result = await createHome().run(['get', 'nobody']);
    expect(result).toMatchObject({ code: 3, stdout: '' });
    expect(result.stderr).toContain('tokenctl login nobody');
  });

  test('--json prints what a program needs', async () => {
    const home = createHome();
    await importing(home, { ...TOKENS, scope: 'a b' });
    const { stdout } = await home.run(['get', 'work', '--json']);
    expect(JSON.parse(stdout)).toEqual({
      login: 'work',
      access_token: 'an-access-token',
      token_type: 'Bearer',
      expires_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      scope: 'a b',
    });
  });

  test('errors are JSON too with --json', async () => {
    const { code, stderr } = await createHome().run(['get', 'nobody', '--json']);
    expect(code).toBe(3);
    expect(JSON.parse(stderr)).toEqual({
      error: {
        code: 'no_such_login',
        message: expect.any(String),
        login: 'nobody',
        hint: 'tokenctl login nobody',
      },
    });
  });

  test('--header prints an Authorization header, and refuses a token that needs more than that', async () => {
    const home = createHome();
    await importing(home, TOKENS);
    expect((await home.run(['get', 'work', '--header'])).stdout).toBe(
      'Authorization: Bearer an-access-token\n',
    );
    await importing(home, { ...TOKENS, token_type: 'DPoP' });
    expect((await home.run(['get', 'work', '--header'])).code).toBe(6);
  });

  test('a token never comes as an argument', async () => {
    const home = createHome();
    await importing(home, TOKENS);
    const result = await home.run(['get', 'work', '--rejected', 'an-access-token']);
    expect(result.code).toBe(2);
    expect(result.stderr).not.toContain('an-access-token');
  });

  test('--no-refresh on an expired token is exit 5', async () => {
    const home = createHome();
    await importing(home, { ...TOKENS, expires_in: 0 });
    const { code, stderr } = await home.run(['get', 'work', '--no-refresh']);
    expect([code, stderr]).toEqual([5, expect.stringMatching(/ \(tokenctl get work\)\n$/)]);
  });

  test('an access token without a refresh token serves until it expires, then a person is needed', async () => {
    const home = createHome();
    await importing(home, { access_token: 'pat' });
    expect((await home.run(['get', 'work'])).stdout).toBe('pat\n');
    await importing(home, { access_token: 'pat', expires_in: 0 });
    expect((await home.run(['get', 'work'])).code).toBe(4);
  });

  test('--min-ttl renews once and then prints with a warning what the provider grants', async () => {
    const login = await createSharedLogin({ accessTokenLifetime: 600 });
    await login.importGrant('work', 590);
    const enough = await login.run(['get', 'work', '--min-ttl', '5m']);
    expect(enough).toMatchObject({ code: 0, stderr: '' });
    expect(login.server.tokenRequests).toBe(0);
    const results = await login.runMany(5, ['get', 'work', '--min-ttl', '2h']);
    expect(results.map(({ code }) => code)).toEqual(Array(5).fill(0));
    expect(results[0]?.stderr).toContain('less than --min-ttl');
    expect(login.server.tokenRequests).toBe(1);
  });

  test('--force renews once for all who asked before it was sent', async () => {
    const login = await createSharedLogin({ latencyMs: 300 });
    const { access_token } = await login.importGrant('work');
    const results = await login.runMany(5, ['get', 'work', '--force']);
    expect(results.map(({ code }) => code)).toEqual(Array(5).fill(0));
    expect(results.some(({ stdout }) => stdout.includes(access_token))).toBe(false);
    expect(login.server.reuseDetections).toBe(0);
    expect(login.server.tokenRequests).toBe(login.server.rotations);
  });

  test('a usage error is exit 2, one line', async () => {
    const home = createHome();
    for (const args of [
      ['get'],
      ['get', 'work', '--nonsense'],
      ['get', 'work', 'more'],
      ['get', 'work', '--timeout', '5 minutes'],
      ['get', 'work', '--force', '--no-refresh'],
      ['get', 'work', '--json', '--header'],
      ['nonsense'],
    ]) {
      const result = await home.run(args);
      expect([args, result.code]).toEqual([args, 2]);
      expect(result.stderr.trimEnd().split('\n')).toHaveLength(1);
    }
  });
});

describe('a credential file that is none', () => {
  test.each([
    ['empty', ''],
    ['garbage', '\u0000\u0001garbage'],
    ['JSON, but no record', '{"access_token":"x"}'],
    ['huge', 'x'.repeat(10 * 1024 * 1024)],
  ])('%s: exit 6, one line, and it stays as it is', async (_what, content) => {
    const home = createHome();
    await importing(home, TOKENS);
    await writeFile(home.recordPath('work'), content);
    for (const args of [
      ['get', 'work'],
      ['status', 'work'],
      ['invalidate', 'work'],
    ]) {
      const result = await home.run(args);
      expect([args, result.code]).toEqual([args, 6]);
      expect(result.stderr.trimEnd().split('\n')).toHaveLength(1);
    }
    expect(await readFile(home.recordPath('work'), 'utf8')).toBe(content);
    expect((await home.run(['status'])).stdout).toContain('unreadable');
    expect((await home.run(['remove', 'work', '--yes'])).code).toBe(0);
  });

  test('a directory in its place: exit 6', async () => {
    const home = createHome();
    await mkdir(home.recordPath('work'), { recursive: true });
    const inside = join(home.recordPath('work'), 'somebodys-file');
    await writeFile(inside, 'precious');
    expect((await home.run(['get', 'work'])).code).toBe(6);
    expect((await home.run(['remove', 'work', '--yes'])).code).toBe(6);
    expect(await readFile(inside, 'utf8')).toBe('precious');
  });

  test('a relative or empty TOKENCTL_HOME is refused', async () => {
    const home = createHome();
    for (const TOKENCTL_HOME of ['', 'relative', './x']) {
      expect((await home.run(['get', 'work'], { env: { TOKENCTL_HOME } })).code).toBe(6);
    }
  });
});

describe('status', () => {
  test('shows a table for people and JSON for programs, and never a token', async () => {
    const home = createHome();
    await importing(home, TOKENS, 'one');
    await importing(home, { ...TOKENS, provider: 'gitlab', expires_in: 0 }, 'two');
    const { stdout } = await home.run(['list']);
    expect(stdout).toMatch(
      /^NAME +PROVIDER +EXPIRES +STATE\none +id\.example\.com +in 59m +fresh\n/,
    );
    expect(stdout).toContain('expired');
    const json = await home.run(['status', '--json']);
    expect(JSON.parse(json.stdout).map(({ login }: { login: string }) => login)).toEqual([
      'one',
      'two',
    ]);
    expect(stdout + json.stdout).not.toMatch(/an-access-token|a-refresh-token/);
    expect((await home.run(['status', 'three'])).code).toBe(3);
  });

  test('of one login it says to which hosts it may be given', async () => {
    const home = createHome();
    await importing(home, TOKENS, 'work');
    const hosts = ['git.example.com', 'alice@registry.example.com:5000/acme'];
    expect((await home.run(['status', 'work'])).stdout).not.toContain('Given to');
    await home.run(['hosts', 'work', 'add', ...hosts]);
    const { stdout } = await home.run(['status', 'work']);
    expect(stdout).toMatch(
      /\n\nGiven to git\.example\.com, alice@registry\.example\.com:5000\/acme\n$/,
    );
    expect((await home.run(['status'])).stdout).not.toContain('Given to');
    expect(JSON.parse((await home.run(['status', 'work', '--json'])).stdout)).toMatchObject({
      hosts,
    });
  });

  test('without logins it says how to begin', async () => {
    const result = await createHome().run(['status']);
    expect(result).toMatchObject({ code: 0, stdout: '' });
    expect(result.stderr).toContain('tokenctl import');
  });
});

describe('remove', () => {
  test('asks for --yes where nobody can answer, then forgets', async () => {
    const home = createHome();
    await importing(home, TOKENS);
    expect((await home.run(['remove', 'work'])).code).toBe(2);
    expect((await home.run(['get', 'work'])).code).toBe(0);
    expect((await home.run(['remove', 'work', '--yes'])).code).toBe(0);
    expect((await home.run(['get', 'work'])).code).toBe(3);
    expect((await home.run(['remove', 'work', '--yes'])).code).toBe(3);
  });
});

describe('the command line', () => {
  test('--help has examples, for the whole and for each command', async () => {
    const home = createHome();
    for (const args of [['--help'], ['help', 'get'], ['get', '--help'], ['import', '--help']]) {
      const result = await home.run(args);
      expect(result.code).toBe(0);
      expect(result.stdout).toContain('Example');
    }
  });

  test('--version prints the version alone', async () => {
    const result = await createHome().run(['--version']);
    expect(result).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  });
});

describe('a get that refreshes', () => {
  test('does without fetch, which takes longer to load than all else', async () => {
    const { home, importGrant, run } = await createSharedLogin();
    await importGrant('work', 0.001);
    const hook = join(home, 'loaded.cjs');
    const loaded = join(home, 'loaded');
    const list = `require('node:fs').writeFileSync('${loaded}', process.moduleLoadList.join('\\n'))`;
    await writeFile(hook, `process.on('exit', () => ${list});`);
    const env = { NODE_OPTIONS: `--require=${hook}` };
    expect(await run(['get', 'work'], { env })).toMatchObject({ code: 0 });
    expect(await readFile(loaded, 'utf8')).toContain('_http_client');
    expect(await readFile(loaded, 'utf8')).not.toContain('undici');
  });
});

test.each<[string, string[], number, RegExp]>([
  ['an option', ['get', 'work', '--frob'], 2, /\(tokenctl get --help\)$/m],
  ['a command by its other name', ['list', '--frob'], 2, /\(tokenctl status --help\)$/m],
  ['a command', ['gte', 'work'], 2, /\(tokenctl --help\)$/m],
  [
    'a missing --',
    ['exec', 'work', 'sh', '-c', 'true'],
    125,
    /what is for the program comes behind --: tokenctl exec --help/,
  ],
  [
    'a missing -- of curl',
    ['curl', 'work', 'https://api.example.com/', '-sS'],
    125,
    /what is for curl comes behind --: tokenctl curl --help/,
  ],
  ['an option before --', ['exec', 'work', '--frob', '--', 'true'], 125, /\(tokenctl exec --help/],
  [
    'name and address in the wrong order',
    ['curl', 'https://api.example.com/', 'work'],
    125,
    /is not a login name/,
  ],
])('a wrong call is told what helps: %s', async (_what, args, code, stderr) => {
  const result = await createHome().run(args);
  expect(result).toMatchObject({ code, stdout: '' });
  expect(result.stderr).toMatch(stderr);
  expect(result.stderr.trimEnd().split('\n')).toHaveLength(1);
});
