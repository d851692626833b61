import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { execa } from 'execa';
import { describe, expect, onTestFinished, type TestContext, test } from 'vitest';
import { withAuthority } from '../oauth/certificates.ts';
import { createRepository, haveGitServer, startGitServer } from '../support/git-server.ts';
import { createSharedLogin } from '../support/login.ts';
import { need } from '../support/need.ts';

const BIN = resolve(import.meta.dirname, '../../bin');
const README = readFileSync(resolve(import.meta.dirname, '../../README.md'), 'utf8');

/** The README's only example with this in it. */
const recipe = (with_: string): string => {
  const blocks = [...README.matchAll(/^```(?:sh|toml|json)\n(.*?)^```$/gms)].map(
    ([, code]) => code ?? '',
  );
  const [found = '', ...more] = blocks.filter((code) => code.includes(with_));
  expect([found !== '', more.length]).toEqual([true, 0]);
  return found;
};

const outputOf = (program: string, ...args: string[]): string => {
  try {
    return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    return '';
  }
};

/** Debian has none that is new enough: this one is not asked of every machine. */
const needNewer = (context: TestContext, have: boolean, what: string): void => {
  if (!have) {
    console.warn(`skipped, for want of ${what}: ${context.task.name}`);
    context.skip();
  }
};

const createUser = async () => {
  const login = await createSharedLogin();
  const { access_token } = await login.importGrant('work');
  const user = join(login.home, '..', 'user');
  mkdirSync(user);
  const env = {
    PATH: [BIN, dirname(process.execPath), process.env.PATH].join(delimiter),
    HOME: user,
    TOKENCTL_HOME: login.home,
    GIT_TERMINAL_PROMPT: '0',
    GIT_CONFIG_NOSYSTEM: '1',
    KUBECONFIG: join(user, 'kubeconfig'),
    CARGO_HOME: join(user, '.cargo'),
    RUSTUP_HOME: process.env.RUSTUP_HOME ?? join(homedir(), '.rustup'),
  };
  const run = (program: string, ...args: string[]) =>
    execa(program, args, { cwd: user, env, extendEnv: false, reject: false, stdin: 'ignore' });
  return { ...login, token: access_token, user, run };
};

const listening = async (server: Server): Promise<number> => {
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  onTestFinished(() => {
    server.close();
  });
  return (server.address() as AddressInfo).port;
};

test('git works as the README says', async (context) => {
  need(context, haveGitServer, 'git with git-http-backend');
  const { run, server } = await createUser();
  const git = await startGitServer(async (_, password) => {
    const headers = { authorization: `Bearer ${password}` };
    return (await fetch(server.resource, { headers })).ok;
  });
  await createRepository(git, 'app.git');
  const commands = recipe('tokenctl credential git')
    .replaceAll('https://git.example.com', git.url)
    .replaceAll('git.example.com', git.host);
  expect(await run('sh', '-ec', commands)).toMatchObject({ exitCode: 0, stderr: '' });
  const cloned = await run('git', 'clone', `${git.url}/app.git`);
  expect([cloned.exitCode, cloned.stderr]).toEqual([0, expect.stringContaining('empty')]);
});

test('skopeo gets into a registry as the README says for docker', async (context) => {
  need(context, outputOf('skopeo', '--version') !== '', 'skopeo');
  const { run, token, user, server } = await createUser();
  const letIn = `Basic ${Buffer.from(`oauth2:${token}`).toString('base64')}`;
  const asked: (string | undefined)[] = [];
  // https://distribution.github.io/distribution/spec/api/
  const registry: RequestListener = ({ headers, url }, response) => {
    asked.push(headers.authorization);
    if (headers.authorization !== letIn) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="registry"' }).end();
    } else {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(url === '/v2/app/tags/list' ? '{"name":"app","tags":["one"]}' : '{}');
    }
  };
  const port = await listening(createServer(registry));
  const other = await listening(createServer(registry));
  const config = recipe('credHelpers').replace('registry.example.com', `127.0.0.1:${port}`);
  mkdirSync(join(user, '.docker'));
  // Both are configured; the login is bound to one of them.
  const both = config.replace('"tokenctl"', `"tokenctl", "127.0.0.1:${other}": "tokenctl"`);
  writeFileSync(join(user, '.docker', 'config.json'), both);
  await run('tokenctl', 'hosts', 'work', 'add', `127.0.0.1:${port}`);
  const tagsAt = (at: number) =>
    run('skopeo', 'list-tags', '--tls-verify=false', `docker://127.0.0.1:${at}/app`);
  const tags = await tagsAt(port);
  expect([tags.exitCode, tags.stderr]).toEqual([0, '']);
  expect(JSON.parse(tags.stdout).Tags).toEqual(['one']);
  asked.length = 0;
  expect((await tagsAt(other)).exitCode).not.toBe(0);
  expect(asked.length).toBeGreaterThan(0);
  // Where there is none it sends an empty user name and password.
  const empty = `Basic ${Buffer.from(':').toString('base64')}`;
  expect(new Set(asked)).toEqual(new Set([undefined, empty]));
  expect(server.tokenRequests).toBe(0);
});

describe('kubectl', () => {
  const authority = withAuthority();

  test('works as the README says', async (context) => {
    const isNew = /"gitVersion": "v1\.(2[4-9]|[3-9]\d)/.test(
      outputOf('kubectl', 'version', '--client', '--output=json'),
    );
    needNewer(context, isNew, 'kubectl 1.24 or later');
    const { run, token, server: provider } = await createUser();
    const asked: (string | undefined)[] = [];
    const answer: RequestListener = ({ headers }, response) => {
      asked.push(headers.authorization);
      const letIn = headers.authorization === `Bearer ${token}`;
      response.writeHead(letIn ? 200 : 401, { 'content-type': 'application/json' });
      response.end(letIn ? '{"gitVersion":"v1.99.0"}' : '{"kind":"Status","code":401}');
    };
    const port = await listening(createSecureServer(authority().issue('IP:127.0.0.1'), answer));
    const other = await listening(createSecureServer(authority().issue('IP:127.0.0.1'), answer));
    const commands = recipe('kubectl config').replaceAll(
      'k8s.example.com:6443',
      `127.0.0.1:${port}`,
    );
    expect((await run('sh', '-ec', commands)).stderr).toBe('');
    for (const [cluster, at] of [
      ['ours', port],
      ['another', other],
    ] as const) {
      const where = [`--server=https://127.0.0.1:${at}`];
      const trust = `--certificate-authority=${authority().file}`;
      await run('kubectl', 'config', 'set-cluster', cluster, ...where, trust);
      await run('kubectl', 'config', 'set-context', cluster, `--cluster=${cluster}`, '--user=me');
    }
    const version = await run('kubectl', '--context=ours', 'get', '--raw', '/version');
    expect(version).toMatchObject({ exitCode: 0, stdout: '{"gitVersion":"v1.99.0"}' });
    asked.length = 0;
    const refused = await run('kubectl', '--context=another', 'get', '--raw', '/version');
    expect(refused.exitCode).not.toBe(0);
    expect(asked.every((authorization) => authorization === undefined)).toBe(true);
    expect(provider.tokenRequests).toBe(0);
  });
});

test('cargo works as the README says', async (context) => {
  const [, minor = '0'] = /^cargo 1\.(\d+)/.exec(outputOf('cargo', '--version')) ?? [];
  needNewer(context, Number(minor) >= 74, 'cargo 1.74 or later');
  const { run, token, user } = await createUser();
  const asked: string[] = [];
  const port = await listening(
    createServer(({ headers, url = '' }, response) => {
      asked.push(`${url} ${headers.authorization === undefined ? 'without' : 'with'}`);
      if (headers.authorization !== `Bearer ${token}`) {
        response.writeHead(401, { 'www-authenticate': 'Cargo' }).end();
      } else if (url === '/index/config.json') {
        const base = `http://127.0.0.1:${port}`;
        response.end(JSON.stringify({ dl: `${base}/dl`, api: base, 'auth-required': true }));
      } else if (url === '/index/ac/me/acme-lib') {
        const cksum = '0'.repeat(64);
        const line = { name: 'acme-lib', vers: '1.0.0', deps: [], cksum, features: {} };
        response.end(JSON.stringify({ ...line, yanked: false }));
      } else {
        response.writeHead(404).end();
      }
    }),
  );
  const config = recipe('[registries.acme]').replace(
    'https://crates.example.com',
    `http://127.0.0.1:${port}`,
  );
  mkdirSync(join(user, '.cargo'));
  writeFileSync(join(user, '.cargo', 'config.toml'), config);
  mkdirSync(join(user, 'src'));
  writeFileSync(join(user, 'src', 'lib.rs'), '');
  writeFileSync(
    join(user, 'Cargo.toml'),
    '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\nacme-lib = { version = "1", registry = "acme" }\n',
  );
  await run('tokenctl', 'hosts', 'work', 'add', `127.0.0.1:${port}`);
  const locked = await run('cargo', 'generate-lockfile');
  expect([locked.exitCode, locked.stderr]).toEqual([0, locked.stderr]);
  expect(readFileSync(join(user, 'Cargo.lock'), 'utf8')).toContain('name = "acme-lib"');
  expect(asked).toContain('/index/config.json with');
}, 60_000);
