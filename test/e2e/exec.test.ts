import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { execa } from 'execa';
import { describe, expect, test, vi } from 'vitest';
import { createSharedLogin, type SharedLogin } from '../support/login.ts';
import { need } from '../support/need.ts';
import { canTrace } from '../support/strace.ts';
import { hasTerminals, openTerminal } from '../support/terminal.ts';
import { createHome, type Home, LAUNCHED, TOKENCTL } from '../support/tokenctl.ts';

/** Prints a variable, and nothing else. */
const print = (...names: string[]) => [
  '--',
  'sh',
  '-c',
  `printf '%s|' ${names.map((name) => `"\${${name}-none}"`).join(' ')}`,
];

/** A login that is fresh for an hour, of whatever provider. */
const importFresh = async (home: Home, name: string, token: string, more: object = {}) => {
  const input = JSON.stringify({ access_token: token, expires_in: 3600, ...more });
  expect(await home.run(['import', name], { input })).toMatchObject({ code: 0 });
};

const elsewhere = { token_endpoint: 'https://id.example.com/token', client_id: 'cli' };

describe('exec', () => {
  test('gives the program a token that is valid now, in the variable that is named', async () => {
    const login = await createSharedLogin();
    const { access_token } = await login.importGrant('work', 0);
    const { code, stdout, stderr } = await login.run([
      ...['exec', 'work', '--env', 'API_TOKEN'],
      ...print('API_TOKEN'),
    ]);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).not.toBe(`${access_token}|`);
    expect(stdout).toBe(`${(await login.run(['get', 'work'])).stdout.trim()}|`);
    expect(login.server.tokenRequests).toBe(1);
  });

  test.each([0, 3, 255])('ends with %i if the program does', async (status) => {
    const home = createHome();
    await importFresh(home, 'work', 'a-token', elsewhere);
    const args = ['exec', 'work', '--env', 'T', '--', 'sh', '-c', `exit ${status}`];
    expect(await home.run(args)).toMatchObject({ code: status, stdout: '', stderr: '' });
    expect(await home.run(args, { command: LAUNCHED })).toMatchObject({ code: status, stderr: '' });
  });

  test('dies of the signal that the program dies of, and a shell sees 128 and the signal', async () => {
    const home = createHome();
    await importFresh(home, 'work', 'a-token', elsewhere);
    const { stdout } = await execa(
      'sh',
      ['-c', '"$@" exec work --env T -- sh -c \'kill -9 $$\'; echo $?', 'sh', ...TOKENCTL],
      { env: { TOKENCTL_HOME: home.home }, reject: false },
    );
    expect(stdout).toBe('137');
    const piped = await execa(
      'sh',
      ['-c', '{ "$@" exec work --env T -- yes; echo $? >&2; } | head -1', 'sh', ...TOKENCTL],
      { env: { TOKENCTL_HOME: home.home }, reject: false },
    );
    // As of `yes | head -1` alone.
    expect([piped.stdout, piped.stderr]).toEqual(['y', '141']);
  });

  test('hands on what it is given, in both directions, and everything else in the environment', async () => {
    const home = createHome();
    await importFresh(home, 'work', 'a-token', elsewhere);
    const input = Array.from({ length: 20_000 }, (_, line) => `line ${line} ü\n`).join('');
    expect(await home.run(['exec', 'work', '--env', 'T', '--', 'cat'], { input })).toMatchObject({
      code: 0,
      stdout: input,
    });
    const env = { TOKENCTL_HERD: '9', TOKENCTL_DEBUG: '0', MINE: 'x' };
    const names = print('TOKENCTL_HERD', 'TOKENCTL_DEBUG', 'MINE', 'TOKENCTL_HOME');
    const seen = await home.run(['exec', 'work', '--env', 'T', ...names], { env });
    expect(seen.stdout).toBe(`none|0|x|${home.home}|`);
  });

  test('hands on the descriptors that arguments name, as a shell does for <(…)', async () => {
    const home = createHome();
    await importFresh(home, 'work', 'a-token', elsewhere);
    writeFileSync(join(home.home, 'a'), 'of a\n');
    writeFileSync(join(home.home, 'b'), 'of b\n');
    const script = '"$@" exec work --env T -- cat /dev/fd/9 /dev/fd/3 3<a 9<b 8<a';
    const { stdout } = await execa('sh', ['-c', script, 'sh', ...TOKENCTL], {
      cwd: home.home,
      env: { TOKENCTL_HOME: home.home },
      reject: false,
    });
    expect(stdout).toBe('of b\nof a');
  });

  test('of 20 at once that find the token expired causes one refresh', async () => {
    const login = await createSharedLogin({ latencyMs: 100 });
    await login.importGrant('work', 0);
    const results = await login.runMany(20, ['exec', 'work', '--env', 'T', ...print('T')]);
    expect(results.map(({ code, stderr }) => [code, stderr])).toEqual(Array(20).fill([0, '']));
    expect(new Set(results.map(({ stdout }) => stdout)).size).toBe(1);
    expect(login.server.tokenRequests).toBe(1);
  });

  test('renews a token that would not last for --min-ttl', async () => {
    const login = await createSharedLogin({ accessTokenLifetime: 7200 });
    const { access_token } = await login.importGrant('work', 600);
    const args = (ttl: string) => ['exec', 'work', '--env', 'T', '--min-ttl', ttl, ...print('T')];
    expect((await login.run(args('1m'))).stdout).toBe(`${access_token}|`);
    expect((await login.run(args('1h'))).stdout).not.toBe(`${access_token}|`);
    expect(login.server.tokenRequests).toBe(1);
  });
});

test('a token that could not be saved in its place is handed over, and said so', async (context) => {
  need(context, await canTrace(), 'strace(1), and leave to attach it to a process');
  const login = await createSharedLogin();
  await login.importGrant('work', 0);
  const runtime = `${login.home}-runtime`;
  mkdirSync(runtime, { mode: 0o700 });
  // The reservation is the first fsync; of the next two, none puts the answer on the disk.
  const strace = 'strace -f -qq -o /dev/null -e trace=fsync -e inject=fsync:error=EIO:when=2..3';
  const [file = '', ...before] = [...strace.split(' '), ...TOKENCTL];
  const run = await execa(file, [...before, 'exec', 'work', '--env', 'T', ...print('T')], {
    env: { TOKENCTL_HOME: login.home, XDG_RUNTIME_DIR: runtime, UV_THREADPOOL_SIZE: '1' },
    reject: false,
  });
  expect([run.exitCode, run.stdout]).toEqual([0, expect.stringMatching(/^[^|]+\|$/)]);
  expect(run.stderr).toContain('until the store is writable again');
  const env = { XDG_RUNTIME_DIR: runtime };
  expect((await login.run(['get', 'work'], { env })).stdout).toBe(run.stdout.replace('|', '\n'));
});

describe('where the token goes', () => {
  test('if nothing is said is where the tools of its provider look', async () => {
    const home = createHome();
    await importFresh(home, 'gh', 'token-of-gh', { provider: 'github', client_id: 'x' });
    await importFresh(home, 'gl', 'token-of-gl', { provider: 'gitlab', client_id: 'x' });
    const seen = await home.run(['exec', 'gh', 'gl', ...print('GITHUB_TOKEN', 'GITLAB_TOKEN')]);
    expect(seen).toMatchObject({ code: 0, stdout: 'token-of-gh|token-of-gl|' });
  });

  test('may be said by config.toml', async () => {
    const home = createHome();
    await importFresh(home, 'work', 'a-token', elsewhere);
    writeFileSync(
      join(home.home, 'config.toml'),
      '[providers.acme]\ntoken_endpoint = "https://id.acme.example/token"\nenvironment_variable = "ACME_TOKEN"\n',
    );
    await importFresh(home, 'acme', 'token-of-acme', { provider: 'acme', client_id: 'x' });
    const seen = await home.run(['exec', 'acme', ...print('ACME_TOKEN')]);
    expect(seen).toMatchObject({ code: 0, stdout: 'token-of-acme|' });
  });

  test('must be said of any other, and the hint is a command that works', async () => {
    const home = createHome();
    await importFresh(home, 'my.work', 'a-token', elsewhere);
    const { code, stdout, stderr } = await home.run(['exec', 'my.work', '--', 'echo', 'started']);
    expect([code, stdout, stderr]).toEqual([
      125,
      '',
      'tokenctl: my.work: there is no usual variable for its token (say which: --env MY_WORK_TOKEN)\n',
    ]);
    const again = ['exec', 'my.work', '--env', 'MY_WORK_TOKEN', ...print('MY_WORK_TOKEN')];
    expect(await home.run(again)).toMatchObject({ code: 0, stdout: 'a-token|' });
  });

  test('of several logins is said in their order, or by name', async () => {
    const home = createHome();
    await importFresh(home, 'a', 'token-a', elsewhere);
    await importFresh(home, 'b', 'token-b', elsewhere);
    const seen = (...options: string[]) =>
      home.run(['exec', 'a', 'b', ...options, ...print('A', 'B')]);
    expect(await seen('--env', 'A', '--env', 'B')).toMatchObject({ stdout: 'token-a|token-b|' });
    expect(await seen('--env', 'a=B', '--env', 'A')).toMatchObject({ stdout: 'token-b|token-a|' });
    expect(await seen('--env', 'A', '--env', 'b=A')).toMatchObject({ code: 125, stdout: '' });
  });
});

describe('a failure of our own is 125, one line, and nothing is started:', () => {
  const failing = async (
    login: Pick<SharedLogin, 'run'>,
    args: readonly string[],
  ): Promise<string> => {
    const { code, stdout, stderr } = await login.run(args);
    expect([args, code, stdout]).toEqual([args, 125, '']);
    expect(stderr).toMatch(/^tokenctl: [^\n]+\n$/);
    return stderr;
  };
  const started = ['--', 'echo', 'started'];

  test('a login that is not there', async () => {
    const said = await failing(createHome(), ['exec', 'nobody', '--env', 'T', ...started]);
    expect(said).toContain('(tokenctl login nobody)');
    expect(await failing(createHome(), ['exec', 'nobody', ...started])).toBe(said);
  });

  test('a login that is dead, and one that cannot be renewed now', async () => {
    const login = await createSharedLogin();
    await login.importGrant('work', 0);
    login.server.setFault({ kind: 'status', status: 400, body: { error: 'invalid_grant' } });
    const dead = await failing(login, ['exec', 'work', '--env', 'T', ...started]);
    expect(dead).toContain('(tokenctl login work)');
    await login.importGrant('other', 0);
    await login.server.goOffline();
    await failing(login, ['exec', 'other', '--env', 'T', '--timeout', '1s', ...started]);
  });

  test('one login of several', async () => {
    const home = createHome();
    await importFresh(home, 'a', 'token-a', elsewhere);
    await failing(home, ['exec', 'a', 'b', '--env', 'A', '--env', 'B', ...started]);
  });

  test.each([
    [['exec']],
    [['exec', '--', 'echo', 'started']],
    [['exec', 'work']],
    [['exec', 'work', 'echo', 'started']],
    [['exec', 'work', '--']],
    [['exec', 'work', '--', '']],
    [['exec', 'work', '--nonsense', ...started]],
    [['exec', 'work', '--env', ...started]],
    [['exec', 'work', 'work', '--env', 'T', ...started]],
    [['exec', '../work', '--env', 'T', ...started]],
    [['exec', 'work', '--env', 'PATH', ...started]],
    [['exec', 'work', '--file', 'LD_PRELOAD', ...started]],
    [['exec', 'work', '--env', '1T', ...started]],
    [['exec', 'work', '--env', 'T', '--min-ttl', 'soon', ...started]],
  ])('%j', async (args) => {
    const home = createHome();
    await importFresh(home, 'work', 'a-token', elsewhere);
    await failing(home, args);
  });

  test('as JSON with --json, and only with our own', async () => {
    const home = createHome();
    const json = await home.run(['exec', 'nobody', '--json', '--env', 'T', ...started]);
    expect([json.code, JSON.parse(json.stderr).error.code]).toEqual([125, 'no_such_login']);
    const plain = await home.run(['exec', 'nobody', '--env', 'T', '--', 'gh', '--json']);
    expect(plain.stderr).toMatch(/^tokenctl: nobody: /);
  });

  test('save for a program that is not there (127), or cannot be executed (126)', async () => {
    const home = createHome();
    await importFresh(home, 'work', 'a-token', elsewhere);
    const missing = await home.run(['exec', 'work', '--env', 'T', '--', './nothing']);
    expect([missing.code, missing.stderr]).toEqual([
      127,
      expect.stringMatching(/^tokenctl: '\.\/nothing' was not started: there is no such program /),
    ]);
    const data = join(home.home, 'data');
    writeFileSync(data, 'x');
    chmodSync(data, 0o600);
    expect(await home.run(['exec', 'work', '--env', 'T', '--', data])).toMatchObject({ code: 126 });
  });
});

test('the recipe of the README does what it says', async () => {
  const home = createHome();
  await importFresh(home, 'github', 'token-of-github', { provider: 'github', client_id: 'x' });
  await importFresh(home, 'work', 'token-of-work', elsewhere);
  await importFresh(home, 'ci', 'token-of-ci', elsewhere);
  const readme = readFileSync(resolve(import.meta.dirname, '../../README.md'), 'utf8');
  const [recipe = '', ...more] = [...readme.matchAll(/^```sh\n(.*?)^```$/gms)]
    .map(([, code]) => code ?? '')
    .filter((code) => code.includes('tokenctl exec'));
  expect(more).toEqual([]);
  const programs = {
    'bin/gh': 'echo "gh $1 $2: $GITHUB_TOKEN"',
    'bin/make': 'echo "make $1: $API_TOKEN $CI_TOKEN"',
    'deploy.sh': 'echo "deploy: $API_TOKEN"',
    server: 'echo "server: $API_TOKEN $(cat "$API_TOKEN_FILE")"',
  };
  mkdirSync(join(home.home, 'bin'));
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(home.home, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  const bin = resolve(import.meta.dirname, '../../bin');
  const { exitCode, stdout, stderr } = await execa('sh', ['-ec', recipe], {
    cwd: home.home,
    env: {
      TOKENCTL_HOME: home.home,
      PATH: [join(home.home, 'bin'), bin, process.env.PATH].join(delimiter),
    },
    reject: false,
  });
  expect([exitCode, stderr, stdout.split('\n')]).toEqual([
    0,
    '',
    [
      'gh pr list: token-of-github',
      'deploy: token-of-work',
      'make release: token-of-work token-of-ci',
      'server:  token-of-work',
    ],
  ]);
});

describe('in a terminal', () => {
  const COUNTING = `let n = 0;
    process.on("SIGINT", () => { n += 1; setTimeout(() => { console.log("heard " + n); process.exit(7); }, 500); });
    console.log("ready"); setInterval(() => {}, 1e6);`;

  test('Ctrl-C reaches the program once, and we end as it does', async (context) => {
    need(context, hasTerminals(), 'script(1) of util-linux');
    const home = createHome();
    await importFresh(home, 'work', 'a-token', elsewhere);
    const terminal = openTerminal(
      home,
      `trap : INT\n"$@" exec work --env T -- "$1" -e '${COUNTING}'\necho "status $?"\nread answer`,
    );
    await terminal.shows(/ready/);
    terminal.type('\x03');
    await terminal.shows(/status \d+/);
    expect(terminal.shown()).toContain('heard 1');
    expect(terminal.shown()).toContain('status 7');
    terminal.close();
  });

  test('Ctrl-Z stops both, and fg goes on with both', async (context) => {
    need(context, hasTerminals(), 'script(1) of util-linux');
    const home = createHome();
    await importFresh(home, 'work', 'a-token', elsewhere);
    const terminal = openTerminal(
      home,
      'set -m\n"$@" exec work --env T -- sh -c \'echo ready; read line; echo "got $line"\'\necho "status $?"\nread answer\nfg\necho "status $?"\nread answer',
    );
    await terminal.shows(/ready/);
    terminal.type('\x1a');
    // 128 and SIGTSTP: stopped, not ended.
    await terminal.shows(/status 148/);
    terminal.type('\n');
    await vi.waitFor(() => expect(terminal.shown()).toMatch(/exec work/), { timeout: 60_000 });
    terminal.type('hello\n');
    await terminal.shows(/got hello/);
    await terminal.shows(/status 0/);
    terminal.close();
  });
});
