import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openKeychain } from '../../src/store/keychain.ts';

/** The process that talks to the keychain as it is built, with a keytar that is made for each test. */

let directory: string;
let program: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tokenctl-keychain-'));
  program = join(directory, 'keychain.cjs');
  copyFileSync(resolve(import.meta.dirname, '../../dist/keychain.cjs'), program);
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const keytar = (members: string) => {
  mkdirSync(join(directory, 'node_modules/keytar'), { recursive: true });
  writeFileSync(join(directory, 'node_modules/keytar/index.js'), `module.exports = {${members}}`);
};

const ask = async (op: 'read' | 'write' | 'remove') => {
  const keychain = openKeychain(process.env, program);
  try {
    return await (op === 'write' ? keychain.write('a', 'text', 60_000) : keychain[op]('a', 60_000));
  } finally {
    keychain.close();
  }
};

test.each([
  ['locked', 'Cannot create an item in a locked collection'],
  ['locked', 'User interaction is not allowed.'],
  ['absent', 'Cannot autolaunch D-Bus without X11 $DISPLAY'],
  ['absent', 'The name org.freedesktop.secrets was not provided by any .service files'],
  ['absent', 'Could not connect: No such file or directory'],
  ['absent', 'Message recipient disconnected from message bus without replying'],
  ['slow', 'Timeout was reached'],
  ['denied', 'The user name or passphrase you entered is not correct.'],
  ['denied', 'The stub received bad data'],
])('is %s if it says "%s"', async (kind, message) => {
  keytar(`getPassword: () => Promise.reject(new Error(${JSON.stringify(message)}))`);
  expect(await ask('read')).toEqual({ kind, what: message });
});

test('is absent if keytar is not installed, or does not load', async () => {
  const missing = await ask('read');
  expect(missing).toMatchObject({ kind: 'absent' });
  expect(JSON.stringify(missing)).toContain('keytar is not installed');
  keytar(`...(() => { throw new Error('libsecret-1.so.0: cannot open shared object file') })()`);
  expect(await ask('read')).toEqual({
    kind: 'absent',
    what: 'keytar does not load: libsecret-1.so.0: cannot open shared object file',
  });
});

test.runIf(process.platform === 'linux')(
  'is locked if it finds nothing and takes nothing',
  async () => {
    const locked = `setPassword: async () => { throw new Error('a locked collection') }`;
    keytar(`getPassword: async () => null, deletePassword: async () => false, ${locked}`);
    expect(await ask('read')).toMatchObject({ kind: 'locked' });
    expect(await ask('remove')).toMatchObject({ kind: 'locked' });
    keytar(
      `getPassword: async () => null, setPassword: async () => {}, deletePassword: async () => true`,
    );
    expect(await ask('read')).toEqual({ kind: 'missing' });
  },
);

test('finishes what it has begun when whoever asked is gone, and does not outlive that', async () => {
  keytar(`setPassword: async () => {
    await new Promise((resolve) => setTimeout(resolve, 300));
    require('fs').writeFileSync(${JSON.stringify(join(directory, 'written'))}, '');
  }`);
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = once(child, 'exit');
  child.stdin.end(`${JSON.stringify({ op: 'write', slot: 'a', text: 'x' })}\n`);
  await ended;
  expect(existsSync(join(directory, 'written'))).toBe(true);
});

test('ends although a native call hangs, when whoever asked is gone', async () => {
  // A thread of the pool that never comes back keeps a process from exiting on its own.
  keytar(`setPassword: () => new Promise(() => {
    require('fs').open(${JSON.stringify(join(directory, 'fifo'))}, 'r', () => {});
    require('fs').writeFileSync(${JSON.stringify(join(directory, 'hangs'))}, '');
  })`);
  await once(spawn('mkfifo', [join(directory, 'fifo')]), 'exit');
  const child = spawn(process.execPath, [program], { stdio: ['pipe', 'pipe', 'ignore'] });
  const ended = once(child, 'exit');
  child.stdin.end(`${JSON.stringify({ op: 'write', slot: 'a', text: 'x' })}\n`);
  expect(await ended).toEqual([null, 'SIGKILL']);
  expect(existsSync(join(directory, 'hangs'))).toBe(true);
});
