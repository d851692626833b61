import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { expect, onTestFinished, test } from 'vitest';
import { createSharedLogin, type SharedLogin } from '../support/login.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const NODE = process.env.TOKENCTL_TEST_NODE ?? process.execPath;

/** The command as it is installed, with nothing kept yet. */
const install = ({ home }: SharedLogin) => {
  const directory = mkdtempSync(join(tmpdir(), 'tokenctl-installed-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const dist = join(directory, 'dist');
  cpSync(join(ROOT, 'bin'), join(directory, 'bin'), { recursive: true });
  cpSync(join(ROOT, 'dist'), dist, { recursive: true, filter: (path) => !isKept(path) });
  const run = (...args: readonly string[]) =>
    execa(NODE, [join(directory, 'bin', 'tokenctl.js'), ...args], {
      env: { PATH: process.env.PATH, TOKENCTL_HOME: home },
      extendEnv: false,
      reject: false,
    });
  const kept = () =>
    readdirSync(dist)
      .filter(isKept)
      .map((name) => join(dist, name));
  return { run, kept };
};

const isKept = (path: string): boolean => /\.v8(\.new)?$/.test(path);
const REFRESHED = { exitCode: 0, stderr: '' };

test('the first get that refreshes keeps what V8 has compiled, and the next ones use it', async () => {
  const login = await createSharedLogin();
  await login.importGrant('work', 0);
  const { run, kept } = install(login);
  expect(await run('get', 'work')).toMatchObject(REFRESHED);
  const [path = ''] = kept();
  expect(kept()).toEqual([path]);
  const { ino } = statSync(path);
  for (const round of [2, 3]) {
    expect(await run('get', 'work', '--force')).toMatchObject(REFRESHED);
    expect(login.server.tokenRequests).toBe(round);
  }
  // One that was of no use would have been replaced.
  expect(statSync(path).ino).toBe(ino);
});

test('no secret is in what is kept', async () => {
  const login = await createSharedLogin();
  await login.importGrant('work', 0);
  const { run, kept } = install(login);
  const { stdout } = await run('get', 'work');
  const [path = ''] = kept();
  const bytes = readFileSync(path);
  expect(login.server.everyIssuedSecret()).toContain(stdout);
  for (const secret of login.server.everyIssuedSecret()) {
    expect(bytes.includes(secret)).toBe(false);
    expect(bytes.includes(Buffer.from(secret, 'utf16le'))).toBe(false);
  }
});

test('a get that does not refresh keeps nothing: half of the code has not been compiled', async () => {
  const login = await createSharedLogin();
  await login.importGrant('work', 3_600);
  const { run, kept } = install(login);
  expect(await run('get', 'work')).toMatchObject(REFRESHED);
  expect(kept()).toEqual([]);
});

test('what was kept and then damaged costs nobody a token', async () => {
  const login = await createSharedLogin();
  await login.importGrant('work', 0);
  const { run, kept } = install(login);
  await run('get', 'work');
  const [path = ''] = kept();
  const whole = readFileSync(path);
  for (const size of [0, 10, 32, 1_000, whole.length - 1]) {
    rmSync(path);
    writeFileSync(path, whole.subarray(0, size), { mode: 0o600 });
    expect(await run('get', 'work', '--force')).toMatchObject(REFRESHED);
    // The same code, but not to the byte: what is compiled depends a little on what happened.
    expect(statSync(path).size).toBeGreaterThan(whole.length / 2);
  }
});
