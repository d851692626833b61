import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { join, resolve } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { withAuthority } from '../oauth/certificates.ts';
import { outputOf, tool } from '../support/client-user.ts';
import { createRepository, haveGitServer, startGitServer } from '../support/git-server.ts';
import { need } from '../support/need.ts';
import { createSetupUser } from '../support/setup-user.ts';

type User = Awaited<ReturnType<typeof createSetupUser>>;

const listening = async (server: Server): Promise<number> => {
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
  onTestFinished(() => {
    server.close();
  });
  return (server.address() as AddressInfo).port;
};

/** Works after setup, and neither before nor after its undo, which leaves all as it was. */
const worksBySetup = async (
  { setup, snapshot, server }: User,
  args: readonly string[],
  attempt: () => Promise<{ exitCode?: number | undefined; stdout: string; stderr: string }>,
  kept: () => object = snapshot,
): Promise<void> => {
  expect((await attempt()).exitCode).not.toBe(0);
  const before = kept();
  const done = await setup(...args);
  expect([done.exitCode, done.stdout]).toEqual([0, expect.stringContaining('from now on')]);
  const worked = await attempt();
  expect([worked.exitCode, worked.stderr]).toEqual([0, worked.stderr]);
  expect((await setup(args[0] ?? '', '--undo')).exitCode).toBe(0);
  expect(kept()).toEqual(before);
  expect((await attempt()).exitCode).not.toBe(0);
  expect(server.tokenRequests).toBe(0);
};

test('the recipe of the README wires all four, and each can be undone', async (context) => {
  need(context, outputOf('git', '--version') !== '', 'git');
  const user = await createSetupUser();
  const before = user.snapshot();
  const readme = readFileSync(resolve(import.meta.dirname, '../../README.md'), 'utf8');
  const blocks = [...readme.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, code]) => code ?? '');
  const [recipe = '', ...more] = blocks.filter((code) => code.includes('tokenctl setup git'));
  expect(more).toEqual([]);
  const done = await user.program('sh', '-ec', recipe);
  expect([done.exitCode, done.stderr]).toEqual([0, expect.stringContaining('credHelpers')]);
  const files = ['.gitconfig', '.docker/config.json', '.kube/config', '.cargo/config.toml'];
  for (const [at, host] of [
    'https://git.example.com',
    'registry.example.com:5000',
    'provideClusterInfo: true',
    'https://crates.example.com/index/',
  ].entries()) {
    const text = readFileSync(join(user.user, files[at] ?? ''), 'utf8');
    expect([text.includes(host), text.includes('tokenctl')]).toEqual([true, true]);
  }
  for (const tool of ['git', 'docker', 'kubectl', 'cargo']) {
    expect((await user.setup(tool, '--undo')).exitCode).toBe(0);
  }
  expect(user.snapshot()).toEqual(before);
});

test('git works after setup, and not after its undo', async (context) => {
  need(context, haveGitServer, 'git with git-http-backend');
  const user = await createSetupUser();
  const git = await startGitServer(async (_, password) => password === user.token);
  await createRepository(git, 'app.git');
  await user.run(['hosts', 'work', 'add', git.host]);
  writeFileSync(join(user.user, '.gitconfig'), '[credential]\n\thelper = store');
  await worksBySetup(user, ['git'], () => user.program('git', 'ls-remote', `${git.url}/app.git`));
});

test('git tells the path where a login is bound to one', async (context) => {
  need(context, haveGitServer, 'git with git-http-backend');
  const user = await createSetupUser();
  const git = await startGitServer(async (_, password) => password === user.token);
  await createRepository(git, 'app.git');
  await user.run(['hosts', 'work', 'add', `${git.host}/app.git`]);
  await worksBySetup(user, ['git', '--host', git.host], () =>
    user.program('git', 'ls-remote', `${git.url}/app.git`),
  );
});

test('skopeo gets into a registry after setup docker, and not after its undo', async (context) => {
  need(context, outputOf('skopeo', '--version') !== '', 'skopeo');
  const user = await createSetupUser();
  const letIn = `Basic ${Buffer.from(`oauth2:${user.token}`).toString('base64')}`;
  // https://distribution.github.io/distribution/spec/api/
  const port = await listening(
    createServer(({ headers, url }, response) => {
      if (headers.authorization !== letIn) {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="registry"' }).end();
      } else {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(url === '/v2/app/tags/list' ? '{"name":"app","tags":["one"]}' : '{}');
      }
    }),
  );
  await user.run(['hosts', 'work', 'add', `127.0.0.1:${port}`]);
  await worksBySetup(user, ['docker'], () =>
    user.program('skopeo', 'list-tags', '--tls-verify=false', `docker://127.0.0.1:${port}/app`),
  );
});

describe.each([
  ['kubectl', /v1\.(2[4-9]|[3-9]\d)/],
  ['kubectl-1.20', /v1\.2[01]\./],
])('%s', (name, versions) => {
  const kubectl = tool(name);
  const authority = withAuthority();

  test('works after setup, and not after its undo', async (context) => {
    const version = outputOf(kubectl, 'version', '--client', '--output=json');
    need(context, versions.test(version), `${name} (.ci/tools brings it)`);
    const user = await createSetupUser();
    // Under its own name, for setup asks it for its version.
    const bin = join(user.user, '..', 'bin');
    mkdirSync(bin);
    symlinkSync(outputOf('sh', '-c', `command -v ${kubectl}`).trim(), join(bin, 'kubectl'));
    user.env.PATH = `${bin}:${user.env.PATH}`;
    const answer: RequestListener = ({ headers }, response) => {
      const letIn = headers.authorization === `Bearer ${user.token}`;
      response.writeHead(letIn ? 200 : 401, { 'content-type': 'application/json' });
      response.end(letIn ? '{"gitVersion":"v1.99.0"}' : '{"kind":"Status","code":401}');
    };
    const port = await listening(createSecureServer(authority().issue('IP:127.0.0.1'), answer));
    const where = [`--server=https://127.0.0.1:${port}`];
    const trust = `--certificate-authority=${authority().file}`;
    await user.program('kubectl', 'config', 'set-cluster', 'c', ...where, trust);
    await user.program('kubectl', 'config', 'set-context', 'mine', '--cluster=c');
    await user.run(['hosts', 'work', 'add', `127.0.0.1:${port}`]);
    const { '.kube/config': _, ...others } = user.snapshot();
    expect(others).toHaveProperty('.kube');
    // Its cache aside.
    const kubeconfig = () => ({ it: user.snapshot()['.kube/config'] });
    const attempt = () => user.program('kubectl', '--context=mine', 'get', '--raw', '/version');
    await worksBySetup(user, ['kubectl'], attempt, kubeconfig);
  });
});

test('cargo works after setup, and not after its undo', async (context) => {
  const [, minor = '0'] = /^cargo 1\.(\d+)/.exec(outputOf('cargo', '--version')) ?? [];
  need(context, Number(minor) >= 74, 'cargo 1.74 or later');
  const user = await createSetupUser();
  const port = await listening(
    createServer(({ headers, url = '' }, response) => {
      if (headers.authorization !== `Bearer ${user.token}`) {
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
  const configuration = join(user.user, '.cargo', 'config.toml');
  mkdirSync(join(user.user, '.cargo'));
  const index = `sparse+http://127.0.0.1:${port}/index/`;
  writeFileSync(configuration, `# mine\n[registries]\nacme.index = "${index}" # here\n`);
  mkdirSync(join(user.user, 'src'));
  writeFileSync(join(user.user, 'src', 'lib.rs'), '');
  writeFileSync(
    join(user.user, 'Cargo.toml'),
    '[package]\nname = "app"\nversion = "0.1.0"\nedition = "2021"\n[dependencies]\nacme-lib = { version = "1", registry = "acme" }\n',
  );
  await user.run(['hosts', 'work', 'add', `127.0.0.1:${port}`]);
  await worksBySetup(
    user,
    ['cargo'],
    async () => {
      const { exitCode, stdout, stderr } = await user.program('cargo', 'update');
      return { exitCode, stdout, stderr };
    },
    () => ({ it: user.snapshot()['.cargo/config.toml'] }),
  );
}, 120_000);
