import { execFile } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { need } from '../support/need.ts';

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, '../..');

let directory: string;
let files: string[];
let tarball: string;
const builtBefore = statSync(join(ROOT, 'dist')).ino;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tokenctl-package-'));
  // Packing builds, and building begins by removing dist/, which the tests beside this one are running.
  const source = join(directory, 'source');
  const ours = /^(?!\.git|dist)/;
  cpSync(ROOT, source, { recursive: true, filter: (path) => ours.test(relative(ROOT, path)) });
  const packed = await run('npm', ['pack', '--json', '--pack-destination', directory], {
    cwd: source,
  });
  // Scripts that run before packing print too; the JSON comes last.
  const [{ filename, files: listed }] = JSON.parse(
    packed.stdout.slice(packed.stdout.indexOf('[\n')),
  );
  files = listed.map(({ path }: { path: string }) => path);
  tarball = join(directory, filename);
  await installGlobally('prefix');
  await installGlobally('unscripted', '--ignore-scripts');
}, 120_000);

afterAll(() => rm(directory, { recursive: true, force: true }));

test('the package installed globally into an empty prefix gives a working tokenctl', async () => {
  const bin = join(directory, 'prefix', 'bin', 'tokenctl');
  const { stdout } = await run(bin, ['--version'], { env: environment() });
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  await importToken(bin, environment());
  expect((await run(bin, ['get', 'work'], { env: environment() })).stdout).toBe('a-token\n');
});

test('packing leaves alone what the tests beside this one run', () => {
  expect(statSync(join(ROOT, 'dist')).ino).toBe(builtBefore);
});

test('the package holds what is used and nothing else', () => {
  const allowed = /^(bin|dist|docs)\/|^(package\.json|README\.md|LICENSE|CHANGELOG\.md)$/;
  expect(files.filter((path) => !allowed.test(path))).toEqual([]);
  expect(files).toContain('dist/types/index.d.ts');
});

test('there is a manual page for each command, where man looks', async () => {
  const installed = await readdir(join(directory, 'prefix/share/man/man1'));
  const made = await readdir(join(directory, 'prefix/lib/node_modules/tokenctl/dist/man'));
  expect(installed.sort()).toEqual(made.sort());
  expect(installed).toContain('tokenctl-get.1');
});

test('the library in the package is typed and loads', async () => {
  const installed = join(directory, 'prefix', 'lib', 'node_modules', 'tokenctl');
  expect(await readdir(join(installed, 'dist', 'types'))).toContain('index.d.ts');
  const { stdout } = await run(process.execPath, [
    '--input-type=module',
    '-e',
    `const library = await import(${JSON.stringify(join(installed, 'dist', 'index.js'))});
     process.stdout.write(Object.keys(library).sort().join(' '));`,
  ]);
  expect(stdout).toBe('Secret TokenctlError createTokenManager fileStore importTokens memoryStore');
});

describe('npm', () => {
  it('installs a tokenctl that answers without Node.js', async () => {
    expect(await howItAnswers(join(directory, 'prefix/bin/tokenctl'))).toBe('without Node.js');
    const project = createProject();
    const quietly = ['--offline', '--no-audit', '--no-fund'];
    await run('npm', ['install', ...quietly, tarball], { cwd: project });
    expect(await howItAnswers(join(project, BIN))).toBe('without Node.js');
  });

  it('installs one that works with Node.js if it runs no scripts', async () => {
    expect(await howItAnswers(join(directory, 'unscripted/bin/tokenctl'))).toBe('with Node.js');
  });

  it('may install it again over itself', async () => {
    await installGlobally('prefix');
    await run(process.execPath, [join(installedBin('prefix'), 'postinstall.mjs')]);
    expect(readdirSync(installedBin('prefix')).sort()).toEqual(SHIPPED);
    expect(await howItAnswers(join(directory, 'prefix/bin/tokenctl'))).toBe('without Node.js');
  });
});

describe('what was installed', () => {
  it('answers git and docker without Node.js, once it has answered them', async () => {
    const env = { ...environment(), TOKENCTL_HOME: mkdtempSync(join(directory, 'home-')) };
    const bin = join(directory, 'prefix/bin');
    await importToken(join(bin, 'tokenctl'), env);
    await run(join(bin, 'tokenctl'), ['hosts', 'work', 'add', 'git.example.com'], { env });
    const stub = mkdtempSync(join(directory, 'stub-'));
    writeFileSync(join(stub, 'node'), '#!/bin/sh\necho started Node.js\n', { mode: 0o755 });
    for (const [name, request, expected] of [
      ['git', 'protocol=https\nhost=git.example.com\n\n', /^password=a-token$/m],
      ['docker', 'git.example.com', /"Secret":"a-token"/],
    ] as const) {
      const ask = (PATH: string | undefined) => {
        const helper = join(bin, `${name}-credential-tokenctl`);
        const asking = run(helper, ['get'], { env: { ...env, PATH } });
        asking.child.stdin?.end(request);
        return asking;
      };
      const { stdout } = await ask(process.env.PATH);
      expect(stdout).toMatch(expected);
      expect((await ask(`${stub}:/usr/bin:/bin`)).stdout).toBe(stdout);
    }
  });

  it('is JavaScript to Node.js, by whatever path', async () => {
    for (const path of ['bin/tokenctl', 'lib/node_modules/tokenctl/bin/tokenctl.js']) {
      const file = join(directory, 'prefix', path);
      const { stdout } = await run(process.execPath, [file, '--version'], { env: environment() });
      expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
    }
  });

  it('passes everything else on to Node.js', async () => {
    const bin = join(directory, 'prefix/bin/tokenctl');
    for (const [args, code] of [
      [['get', 'nobody'], 3],
      [['get', 'nobody', '--frobnicate'], 2],
      [['status', 'a b'], 2],
    ] as const) {
      const failed = await run(bin, args, { env: environment() }).catch((error) => error);
      expect(failed.code).toBe(code);
      expect(failed.stderr).toMatch(/^tokenctl: .*\n$/);
    }
  });
});

/** Which scripts run is for them to decide, and in which order they do it. */
describe('another package manager', () => {
  const TOOLS = { pnpm: 'pnpm@10', yarn: 'yarn@1', berry: '@yarnpkg/cli-dist@4' };
  type Tool = keyof typeof TOOLS;
  const pathOf = (tool: Tool) =>
    join(directory, tool, 'node_modules/.bin', tool === 'pnpm' ? 'pnpm' : 'yarn');

  beforeAll(async () => {
    for (const [tool, specification] of Object.entries(TOOLS)) {
      const options = ['--no-audit', '--no-fund', '--prefix', join(directory, tool)];
      await run('npm', ['install', ...options, specification]).catch(() => null);
    }
  }, 120_000);

  /** Nothing is fetched here: Yarn insists on packages that are only optional. */
  const withoutOptional = async (): Promise<string> => {
    const unpacked = mkdtempSync(join(directory, 'unpacked-'));
    await run('tar', ['-xzf', tarball, '-C', unpacked]);
    const path = join(unpacked, 'package/package.json');
    const { optionalDependencies: _, ...manifest } = JSON.parse(readFileSync(path, 'utf8'));
    writeFileSync(path, JSON.stringify(manifest));
    const bare = join(unpacked, 'tokenctl-0.0.0.tgz');
    await run('tar', ['-czf', bare, '-C', unpacked, 'package']);
    return bare;
  };

  const ALL = '--config.dangerouslyAllowAllBuilds=true';

  it.for<[string, Tool, string[], 'with Node.js' | 'without Node.js']>([
    ['pnpm', 'pnpm', [ALL], 'without Node.js'],
    ['pnpm, all in one place', 'pnpm', [ALL, '--config.node-linker=hoisted'], 'without Node.js'],
    ['pnpm, without scripts', 'pnpm', [], 'with Node.js'],
    ['yarn 1', 'yarn', [], 'without Node.js'],
    ['yarn 1, without scripts', 'yarn', ['--ignore-scripts'], 'with Node.js'],
    ['yarn 4', 'berry', [], 'without Node.js'],
    ['yarn 4, without scripts', 'berry', ['--mode=skip-build'], 'with Node.js'],
  ])('installs a tokenctl that works: %s', async ([, tool, options, expected], context) => {
    need(context, existsSync(pathOf(tool)), `${TOOLS[tool]} from the registry`);
    const project = await add(tool, options);
    expect(await howItAnswers(join(project, BIN))).toBe(expected);
  });

  it('runs it with a loader of its own: yarn 4', async (context) => {
    need(context, existsSync(pathOf('berry')), `${TOOLS.berry} from the registry`);
    const project = await add('berry', [], 'nodeLinker: pnp\n');
    const start = ['run', 'tokenctl', '--version'];
    const { stdout } = await run(pathOf('berry'), start, { cwd: project, env: environment() });
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  const add = async (
    tool: Tool,
    options: readonly string[],
    settings = 'nodeLinker: node-modules\n',
  ) => {
    const project = createProject();
    if (tool === 'berry') {
      const quiet = 'enableTelemetry: false\nenableNetwork: false\nenableScripts: true\n';
      writeFileSync(join(project, '.yarnrc.yml'), `${settings}${quiet}`);
      writeFileSync(join(project, 'yarn.lock'), '');
    }
    const what = tool === 'pnpm' ? tarball : `tokenctl@file:${await withoutOptional()}`;
    const offline = tool === 'berry' ? [] : ['--offline'];
    await run(pathOf(tool), ['add', ...offline, ...options, what], {
      cwd: project,
      env: environment(),
    });
    return project;
  };
});

describe('the step after the installation changes nothing', () => {
  it('in a checkout', async () => {
    const before = readFileSync(join(ROOT, 'bin/tokenctl.js'), 'utf8');
    await run(process.execPath, [join(ROOT, 'bin/postinstall.mjs')]);
    expect(readFileSync(join(ROOT, 'bin/tokenctl.js'), 'utf8')).toBe(before);
  });

  it.each<[string, (bin: string) => NodeJS.ProcessEnv | undefined]>([
    ['without the launcher', (bin) => rmSync(join(bin, 'tokenctl')) as undefined],
    [
      'with a launcher that would end the comment',
      (bin) => edit(join(bin, 'tokenctl'), (text) => `${text}# */\n`),
    ],
    [
      'with a launcher that does not work',
      (bin) =>
        edit(join(bin, 'tokenctl'), (text) => text.replace('set +aeuvx\n', 'set +aeuvx\nexit 0\n')),
    ],
    [
      'with a tokenctl.js that is not as it was shipped',
      (bin) => edit(join(bin, 'tokenctl.js'), (text) => text.replace('env node', 'env -S node')),
    ],
    ['with a Node.js that only the current directory has', () => ({ PATH: '.:/nonexistent' })],
  ])('%s', async (_what, change) => {
    const bin = join(mkdtempSync(join(directory, 'changed-')), 'node_modules/tokenctl/bin');
    cpSync(join(installedBin('unscripted'), '..'), join(bin, '..'), { recursive: true });
    const env = change(bin);
    const entries = readdirSync(bin);
    const contents = () => entries.map((entry) => readFileSync(join(bin, entry), 'utf8'));
    const before = contents();
    const { stdout, stderr } = await run(process.execPath, [join(bin, 'postinstall.mjs')], {
      env: { ...environment(), ...env },
    });
    expect(stdout + stderr).toBe('');
    expect(readdirSync(bin)).toEqual(entries);
    expect(contents()).toEqual(before);
  });
});

const BIN = 'node_modules/.bin/tokenctl';
const SHIPPED = [
  ...['cargo-credential-tokenctl', 'docker-credential-tokenctl', 'git-credential-tokenctl'],
  ...['package.json', 'postinstall.mjs', 'tokenctl', 'tokenctl.js'],
];

async function installGlobally(prefix: string, ...options: string[]): Promise<void> {
  const to = ['--global', '--offline', '--prefix', join(directory, prefix)];
  await run('npm', ['install', ...to, ...options, tarball]);
}

function installedBin(prefix: string): string {
  return join(directory, prefix, 'lib/node_modules/tokenctl/bin');
}

function createProject(): string {
  const project = mkdtempSync(join(directory, 'project-'));
  writeFileSync(
    join(project, 'package.json'),
    '{"name":"project","version":"1.0.0","private":true}',
  );
  return project;
}

/** What package managers keep is kept here too, and they find nothing of their own. */
function environment(): NodeJS.ProcessEnv {
  const home = join(directory, 'user');
  mkdirSync(home, { recursive: true });
  return { PATH: process.env.PATH, HOME: home, TOKENCTL_HOME: join(directory, 'home') };
}

async function importToken(bin: string, env: NodeJS.ProcessEnv): Promise<void> {
  const importing = run(bin, ['import', 'work'], { env });
  importing.child.stdin?.end('{"access_token":"a-token"}');
  await importing;
}

/** Told by what it does with a fresh token where a `node` only says that it was started. */
async function howItAnswers(bin: string): Promise<string> {
  const env = { ...environment(), TOKENCTL_HOME: mkdtempSync(join(directory, 'home-')) };
  await importToken(bin, env);
  expect((await run(bin, ['get', 'work'], { env })).stdout).toBe('a-token\n');
  const stub = mkdtempSync(join(directory, 'stub-'));
  writeFileSync(join(stub, 'node'), '#!/bin/sh\necho started Node.js\n', { mode: 0o755 });
  const { stdout } = await run(bin, ['get', 'work'], {
    env: { ...env, PATH: `${stub}:/usr/bin:/bin` },
  });
  return { 'a-token\n': 'without Node.js', 'started Node.js\n': 'with Node.js' }[stdout] ?? stdout;
}

function edit(path: string, change: (text: string) => string): undefined {
  writeFileSync(path, change(readFileSync(path, 'utf8')));
}
