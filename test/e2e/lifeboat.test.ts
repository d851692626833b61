import { mkdirSync, readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { execa } from 'execa';
import { beforeAll, expect, test } from 'vitest';
import { createSharedLogin } from '../support/login.ts';
import { need } from '../support/need.ts';
import { canTrace } from '../support/strace.ts';

const BIN = resolve(import.meta.dirname, '../../bin/tokenctl.js');

let traceable = false;
beforeAll(async () => {
  traceable = await canTrace();
});

test('a token that cannot be saved in the store any more is printed, kept, and brought home later', async (context) => {
  need(context, traceable, 'strace(1), and leave to attach it to a process');
  const login = await createSharedLogin();
  await login.importGrant('work', 0);
  const runtime = `${login.home}-runtime`;
  mkdirSync(runtime, { mode: 0o700 });
  const env = { TOKENCTL_HOME: login.home, XDG_RUNTIME_DIR: runtime };

  // The reservation is the first fsync; of the next two, none puts the answer on the disk.
  const strace = ['-f', '-qq', '-o', '/dev/null', '-e', 'trace=fsync'];
  const inject = ['-e', 'inject=fsync:error=EIO:when=2..3'];
  const first = await execa(
    'strace',
    [...strace, ...inject, process.execPath, BIN, 'get', 'work'],
    {
      // One thread makes all file-system calls, so that they can be counted.
      env: { ...env, UV_THREADPOOL_SIZE: '1' },
      reject: false,
    },
  );
  expect(first.exitCode).toBe(8);
  expect(first.stderr).toContain('EIO');
  const [lifeboat] = readdirSync(runtime);
  expect(first.stderr).toContain(lifeboat);
  expect((await login.run(['status'], { env })).stdout).toContain(lifeboat);

  expect(await login.run(['get', 'work'], { env })).toMatchObject({
    code: 0,
    stdout: `${first.stdout}\n`,
    stderr: '',
  });
  expect(readdirSync(runtime)).toEqual([]);
  expect((await login.run(['get', 'work', '--force'], { env })).code).toBe(0);
  expect({ ...login.server }).toMatchObject({ tokenRequests: 2, reuseDetections: 0 });
});

test('where the lifeboat cannot be found, the spent token is not sent again', async (context) => {
  need(context, traceable, 'strace(1), and leave to attach it to a process');
  const login = await createSharedLogin();
  await login.importGrant('work', 0);
  const runtime = `${login.home}-runtime`;
  mkdirSync(runtime, { mode: 0o700 });
  const strace = ['-f', '-qq', '-o', '/dev/null', '-e', 'trace=fsync'];
  const inject = ['-e', 'inject=fsync:error=EIO:when=2..3'];
  await execa('strace', [...strace, ...inject, process.execPath, BIN, 'get', 'work'], {
    env: { TOKENCTL_HOME: login.home, XDG_RUNTIME_DIR: runtime, UV_THREADPOOL_SIZE: '1' },
    reject: false,
  });
  const elsewhere = await login.run(['get', 'work']);
  expect(elsewhere).toMatchObject({ code: 4, stdout: '' });
  expect(elsewhere.stderr).toContain(runtime);
  expect(login.server.tokenRequests).toBe(1);
  expect((await login.run(['get', 'work'], { env: { XDG_RUNTIME_DIR: runtime } })).code).toBe(0);
  expect(login.server.tokenRequests).toBe(1);
});
