import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, test } from 'vitest';
import { createSharedLogin } from '../support/login.ts';
import { createHome, TOKENCTL } from '../support/tokenctl.ts';

const BIN = resolve(import.meta.dirname, '../../bin');
const [NODE = ''] = TOKENCTL;
const helper = (name: string) => [NODE, `${BIN}/${name}-credential-tokenctl`];

const HOST = 'git.example.com';
const GIT = `protocol=https\nhost=${HOST}\n\n`;

const createBound = async (lifetime?: number, hosts: readonly string[] = [HOST]) => {
  const login = await createSharedLogin();
  const { access_token } = await login.importGrant('work', lifetime);
  const bound = await login.run(['hosts', 'work', 'add', ...hosts]);
  expect(bound.code).toBe(0);
  return { ...login, token: access_token };
};

const execInfo = (server: string) => ({
  KUBERNETES_EXEC_INFO: JSON.stringify({
    apiVersion: 'client.authentication.k8s.io/v1beta1',
    kind: 'ExecCredential',
    spec: { cluster: { server }, interactive: false },
  }),
});

const cargoRequests = (...indexes: string[]): string =>
  indexes
    .map((url) => JSON.stringify({ v: 1, kind: 'get', registry: { 'index-url': url } }))
    .join('\n');

describe('the names that other programs look for', () => {
  test('answer git', async () => {
    const { run, token } = await createBound();
    const answer = await run(['get'], { input: GIT, command: helper('git') });
    expect(answer).toMatchObject({ code: 0, stderr: '' });
    expect(answer.stdout).toMatch(
      new RegExp(`^username=oauth2\npassword=${token}\npassword_expiry_utc=\\d{10}\n$`),
    );
  });

  test('answer docker', async () => {
    const { run, token } = await createBound();
    const answer = await run(['get'], { input: `https://${HOST}`, command: helper('docker') });
    expect(answer).toMatchObject({ code: 0, stderr: '' });
    const secret = { ServerURL: `https://${HOST}`, Username: 'oauth2', Secret: token };
    expect(JSON.parse(answer.stdout)).toEqual(secret);
    const list = await run(['list'], { command: helper('docker') });
    expect(JSON.parse(list.stdout)).toEqual({ [`https://${HOST}`]: 'oauth2' });
  });

  test('answer cargo, line for line', async () => {
    const { run, token } = await createBound();
    const input = cargoRequests(`sparse+https://${HOST}/`, 'https://evil.example/');
    const answer = await run(['--cargo-plugin'], { input, command: helper('cargo') });
    expect(answer).toMatchObject({ code: 0, stderr: '' });
    const lines = answer.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toMatchObject([
      { v: [1] },
      { Ok: { kind: 'get', token: `Bearer ${token}`, cache: 'expires' } },
      { Err: { kind: 'url-not-supported' } },
    ]);
  });

  test('and the command answers kubectl', async () => {
    const { run, token } = await createBound();
    const ask = (server: string) => run(['credential', 'kubectl'], { env: execInfo(server) });
    const answer = await ask(`https://${HOST}`);
    expect(answer).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(answer.stdout).status).toMatchObject({ token });
    expect(await ask('https://evil.example')).toMatchObject({ code: 1, stdout: '', stderr: '' });
  });
});

test('an answer comes as soon as the request is whole, with stdin still open', async () => {
  const { home, token } = await createBound();
  const child = spawn(NODE, [...TOKENCTL.slice(1), 'credential', 'git', 'get'], {
    env: { PATH: process.env.PATH, TOKENCTL_HOME: home },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.write(GIT);
  expect(await text(child.stdout)).toContain(`password=${token}\n`);
  child.stdin.destroy();
});

test.each([
  ['gitlab', 'gitlab.com', 'oauth2'],
  ['bitbucket', 'bitbucket.org', 'x-token-auth'],
])('the user name is the one that %s wants, whoever is asked for', async (provider, host, name) => {
  const { run } = createHome();
  await run(['import', 'work'], { input: JSON.stringify({ access_token: 'a', provider }) });
  const input = `protocol=https\nhost=${host}\nusername=alice\n`;
  const answer = await run(['credential', 'git', 'get'], { input });
  expect(answer.stdout).toBe(`username=${name}\npassword=a\n`);
});

describe('a helper that has nothing to say', () => {
  test.each<[string, string[], string, { code: number; stdout: string }]>([
    ['git', ['git', 'get'], 'protocol=https\nhost=evil.example\n', { code: 0, stdout: '' }],
    ['git, http', ['git', 'get'], `protocol=http\nhost=${HOST}\n`, { code: 0, stdout: '' }],
    ['git, nothing asked', ['git', 'get'], '', { code: 0, stdout: '' }],
    ['git, an operation of tomorrow', ['git', 'frob'], GIT, { code: 0, stdout: '' }],
    ['git, no operation', ['git'], GIT, { code: 0, stdout: '' }],
    ['git, store', ['git', 'store'], `${GIT}username=a\npassword=b\n`, { code: 0, stdout: '' }],
    [
      'docker',
      ['docker', 'get'],
      'https://evil.example',
      { code: 1, stdout: 'credentials not found in native keychain\n' },
    ],
    [
      'cargo',
      ['cargo'],
      cargoRequests('https://evil.example'),
      { code: 0, stdout: '{"v":[1]}\n{"Err":{"kind":"url-not-supported"}}\n' },
    ],
  ])('says it in the way of %s, and nothing else', async (_what, args, input, expected) => {
    const { run } = await createBound();
    const answer = await run(['credential', ...args], { input });
    expect(answer).toMatchObject({ ...expected, stderr: '' });
  });
});

describe('of two logins on one host', () => {
  const createTwo = async (first: string, second: string) => {
    const login = await createBound(3600, [first]);
    const other = await login.importGrant('other');
    await login.run(['hosts', 'other', 'add', second]);
    const ask = async (input: string, ...args: string[]) =>
      login.run(['credential', 'git', 'get', ...args], { input });
    return { ask, work: login.token, other: other.access_token };
  };

  test('none answers if nothing tells them apart, and a hint says what does', async () => {
    const { ask, other } = await createTwo(HOST, HOST);
    const answer = await ask(GIT);
    expect(answer).toMatchObject({ code: 0, stdout: '' });
    expect(answer.stderr).toMatch(/several logins may answer: other, work \(.*--login NAME/);
    expect((await ask(GIT, '--login', 'other')).stdout).toContain(`password=${other}\n`);
  });

  test('the hint has the port with it', async () => {
    const { ask } = await createTwo(`${HOST}:8443`, `${HOST}:8443`);
    const answer = await ask(`protocol=https\nhost=${HOST}:8443\n\n`);
    expect(answer.stderr).toContain(`add USERNAME@${HOST}:8443;`);
  });

  test('the one of the account answers', async () => {
    const { ask, work, other } = await createTwo(`alice@${HOST}`, `bob@${HOST}`);
    const as = (username: string) => ask(`protocol=https\nhost=${HOST}\nusername=${username}\n`);
    expect((await as('alice')).stdout).toContain(`username=alice\npassword=${work}\n`);
    expect((await as('bob')).stdout).toContain(`username=bob\npassword=${other}\n`);
    expect((await as('eve')).stdout).toBe('');
  });

  test('the one of the path answers, and a hint says that git must tell it', async () => {
    const { ask, work, other } = await createTwo(`${HOST}/acme`, `${HOST}/beta`);
    const at = (path: string) => ask(`protocol=https\nhost=${HOST}\npath=${path}\n`);
    expect((await at('acme/x.git')).stdout).toContain(`password=${work}\n`);
    expect((await at('beta/x.git')).stdout).toContain(`password=${other}\n`);
    const silent = await ask(GIT);
    expect(silent.stdout).toBe('');
    expect(silent.stderr).toContain(`credential.https://${HOST}.useHttpPath true`);
  });
});

describe('what goes wrong is said in the protocol’s own place', () => {
  const createDead = async () => {
    const login = await createBound(0);
    login.server.setFault({ kind: 'status', status: 400, body: { error: 'invalid_grant' } });
    return login;
  };

  test('git: on stderr', async () => {
    const { run } = await createDead();
    const answer = await run(['credential', 'git', 'get'], { input: GIT });
    expect(answer).toMatchObject({ code: 4, stdout: '' });
    expect(answer.stderr).toMatch(/^tokenctl: work: .*\(tokenctl login work\)\n$/);
  });

  test('docker: on stdout', async () => {
    const { run } = await createDead();
    const answer = await run(['credential', 'docker', 'get'], { input: HOST });
    expect(answer).toMatchObject({ code: 1, stderr: '' });
    expect(answer.stdout).toMatch(/^tokenctl: work: .*\(tokenctl login work\)\n$/);
  });

  test('cargo: in an answer', async () => {
    const { run } = await createDead();
    const input = cargoRequests(`https://${HOST}`);
    const { code, stdout } = await run(['credential', 'cargo'], { input });
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /\{"Err":\{"kind":"other","message":"tokenctl: work: .*login work\)"\}\}\n$/,
    );
  });

  test('a damaged login keeps no other from answering', async () => {
    const { run, recordPath, token } = await createBound();
    writeFileSync(recordPath('broken'), '{', { mode: 0o600 });
    const answer = await run(['credential', 'git', 'get'], { input: GIT });
    expect(answer.stdout).toContain(`password=${token}\n`);
    expect(answer.stderr).toMatch(/^tokenctl: broken: /);
  });
});

describe('a token that git says was rejected', () => {
  const erase = (login: Awaited<ReturnType<typeof createBound>>, token: string, host = HOST) =>
    login.run(['credential', 'git', 'erase'], {
      input: `protocol=https\nhost=${host}\nusername=oauth2\npassword=${token}\n`,
    });

  test('is renewed once if it is the stored one', async () => {
    const login = await createBound();
    expect(await erase(login, login.token)).toMatchObject({ code: 0, stdout: '', stderr: '' });
    const answer = await login.run(['credential', 'git', 'get'], { input: GIT });
    expect(answer.stdout).toMatch(/^password=/m);
    expect(answer.stdout).not.toContain(login.token);
    await erase(login, login.token);
    expect((await login.run(['credential', 'git', 'get'], { input: GIT })).stdout).toBe(
      answer.stdout,
    );
    expect(login.server.tokenRequests).toBe(1);
  });

  test('is nobody’s business if it is another, or of another host', async () => {
    const login = await createBound();
    await erase(login, 'another');
    await erase(login, login.token, 'evil.example');
    const answer = await login.run(['credential', 'git', 'get'], { input: GIT });
    expect(answer.stdout).toContain(`password=${login.token}\n`);
    expect(login.server.tokenRequests).toBe(0);
  });
});

test('50 programs that ask at expiry cause one refresh', async () => {
  const login = await createBound(0);
  const answers = await login.runMany(50, ['credential', 'git', 'get'], { input: GIT });
  expect(answers.map(({ code }) => code)).toEqual(Array(50).fill(0));
  expect(new Set(answers.map(({ stdout }) => stdout)).size).toBe(1);
  expect(login.server.tokenRequests).toBe(1);
}, 60_000);
