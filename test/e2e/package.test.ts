import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';

const run = promisify(execFile);
const ROOT = resolve(import.meta.dirname, '../..');

let directory: string;
let files: string[];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tokenctl-package-'));
  const packed = await run('npm', ['pack', '--json', '--pack-destination', directory], {
    cwd: ROOT,
  });
  // Scripts that run before packing print too; the JSON comes last.
  const [{ filename, files: listed }] = JSON.parse(
    packed.stdout.slice(packed.stdout.indexOf('[\n')),
  );
  files = listed.map(({ path }: { path: string }) => path);
  const prefix = join(directory, 'prefix');
  await run('npm', [
    'install',
    '--global',
    '--offline',
    '--prefix',
    prefix,
    join(directory, filename),
  ]);
});

afterAll(() => rm(directory, { recursive: true, force: true }));

test('the package installed globally into an empty prefix gives a working tokenctl', async () => {
  const bin = join(directory, 'prefix', 'bin', 'tokenctl');
  const env = { PATH: process.env.PATH, TOKENCTL_HOME: join(directory, 'home') };
  const { stdout } = await run(bin, ['--version'], { env });
  expect(stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  const importing = run(bin, ['import', 'work'], { env });
  importing.child.stdin?.end('{"access_token":"a-token"}');
  await importing;
  expect((await run(bin, ['get', 'work'], { env })).stdout).toBe('a-token\n');
});

test('the package holds what is used and nothing else', () => {
  const allowed = /^(bin|dist|docs)\/|^(package\.json|README\.md|LICENSE|CHANGELOG\.md)$/;
  expect(files.filter((path) => !allowed.test(path))).toEqual([]);
  expect(files).toContain('dist/types/index.d.ts');
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
