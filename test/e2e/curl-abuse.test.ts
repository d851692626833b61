import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  lstatSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { execa } from 'execa';
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { type Answer, startResource } from '../fetch/servers.ts';
import { withAuthority } from '../oauth/certificates.ts';
import { listen } from '../oauth/servers.ts';
import { hasCurl } from '../support/curl.ts';
import { createSharedLogin } from '../support/login.ts';
import { need } from '../support/need.ts';
import { hasProcessGroups, IN_ITS_OWN_GROUP } from '../support/process-group.ts';
import { TOKENCTL } from '../support/tokenctl.ts';

beforeEach((context) => need(context, hasCurl, 'curl'));

const authority = withAuthority();
const QUIET = '-sS';
const PLAIN: Answer = ({ method, body }) => ({ status: 200, body: `${method} ${body}\n` });

/** A login whose token the server takes or, revoked, rejects; and a shell in a directory of its own. */
const scene = async ({ answer = PLAIN, tls = false, revoked = false } = {}) => {
  const login = await createSharedLogin();
  const { access_token: token } = await login.importGrant('work', 3600);
  const api = await startResource(
    (seen, response) =>
      revoked && seen.authorization === `Bearer ${token}`
        ? { status: 401, body: 'rejected' }
        : answer(seen, response),
    tls ? authority().issue('DNS:localhost') : null,
  );
  expect((await login.run(['hosts', 'work', 'add', api.host])).code).toBe(0);
  const directory = join(login.home, '..');
  /** `tokenctl` in the script stands for the command itself. */
  const shell = (script: string, env: NodeJS.ProcessEnv = {}) => {
    const [node = '', bin = ''] = TOKENCTL;
    const child = spawn('/bin/sh', ['-c', script.replace('tokenctl', `'${node}' '${bin}'`)], {
      cwd: directory,
      env: { PATH: process.env.PATH, TOKENCTL_HOME: login.home, URL: api.origin, ...env },
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const [out, err]: string[][] = [[], []];
    child.stdout.on('data', (chunk) => out?.push(String(chunk)));
    child.stderr.on('data', (chunk) => err?.push(String(chunk)));
    const result = once(child, 'close').then(([code, signal]) => ({
      code: code as number | null,
      signal: signal as string | null,
      stdout: out?.join('') ?? '',
      stderr: err?.join('') ?? '',
    }));
    return { child, result };
  };
  return { ...login, api, token, directory, shell, file: (name: string) => join(directory, name) };
};

describe('the token is not given', () => {
  test.for([
    ['empty', 'PATH= exec tokenctl'],
    ['not there', 'unset PATH; exec tokenctl'],
    ['relative', 'PATH=.:bin exec tokenctl'],
  ])('to a curl in the current directory where PATH is %s', async ([, start]) => {
    const { shell, file, api } = await scene();
    writeFileSync(file('curl'), '#!/bin/sh\necho stolen\n');
    chmodSync(file('curl'), 0o755);
    const { stdout } = await shell(`${start} curl work "$URL" -- ${QUIET}`).result;
    expect(stdout).not.toContain('stolen');
    // Where the system's own lies elsewhere, there is none then.
    expect(api.seen.length).toBeLessThanOrEqual(1);
  });

  test('to who reads the keys that SSLKEYLOGFILE asks for', async () => {
    const { shell, file } = await scene({ tls: true });
    const script = `exec tokenctl curl work "$URL" -- ${QUIET} --cacert '${authority().file}'`;
    const { code } = await shell(script, { SSLKEYLOGFILE: file('keys') }).result;
    expect([code, existsSync(file('keys'))]).toEqual([0, false]);
  });

  test('to who names a descriptor that nobody opened', async () => {
    const { shell, token, file } = await scene();
    writeFileSync(file('f'), 'content');
    for (let number = 3; number < 30; number += 1) {
      const args = `-d @- -w @/dev/fd/${number}`;
      const { stdout } = await shell(`exec tokenctl curl work "$URL" -- ${args} <f`).result;
      expect(stdout).toContain('POST content');
      expect(stdout).not.toContain(token);
    }
  });
});

test.for([3, 4, 9])('descriptor %i of the caller is the one that curl reads', async (number) => {
  const { shell, file } = await scene();
  writeFileSync(file('f'), 'content');
  writeFileSync(file('g'), ' and more');
  const args = `${QUIET} -d @/dev/fd/${number} -d @-`;
  const script = `exec tokenctl curl work "$URL" -- ${args} ${number}<f <g`;
  expect((await shell(script).result).stdout).toBe('POST content& and more\n');
});

describe('no token is spent', () => {
  test('because a proxy says 401', async () => {
    const { shell, server, api } = await scene({ tls: true });
    const proxy = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', () => socket.end('HTTP/1.1 401 Unauthorized\r\n\r\n'));
    });
    const { port } = await listen(proxy);
    const env = { https_proxy: `http://127.0.0.1:${port}` };
    const { code } = await shell(`exec tokenctl curl work "$URL" -- ${QUIET}`, env).result;
    expect(code).toBe(56);
    expect([server.tokenRequests, api.seen.length]).toEqual([0, 0]);
  });
});

test('a signal during a renewal ends it also when the first curl is gone', async () => {
  let finish = () => {};
  let rejected = '';
  const { shell, token, server, api, recordPath } = await scene({
    answer: (seen, response) => {
      if (seen.authorization !== `Bearer ${rejected}`) {
        return { status: 200, body: 'there' };
      }
      response.writeHead(401).write('x');
      finish = () => response.end();
      return 'answered';
    },
  });
  rejected = token;
  server.setFault({ kind: 'slow-body', bytesPerSecond: 50 });
  const { child, result } = shell(`exec tokenctl curl work "$URL" -- ${QUIET} -N`);
  await vi.waitFor(() => expect(server.tokenRequests).toBe(1), { timeout: 20_000 });
  finish();
  await vi.waitFor(async () => {
    const children = await execa('ps', ['--ppid', String(child.pid), '-o', 'pid='], {
      reject: false,
    });
    expect(children.stdout.trim()).toBe('');
  });
  child.kill('SIGTERM');
  expect(await result).toMatchObject({ signal: 'SIGTERM', stdout: '' });
  expect(readFileSync(recordPath('work'), 'utf8')).not.toContain(token);
  expect(api.seen).toHaveLength(1);
});

test('Ctrl-Z during a renewal stops nothing before the new token is safe', async (context) => {
  need(context, existsSync('/proc/self/stat'), '/proc');
  need(context, hasProcessGroups, 'perl(1)');
  const ownGroup = IN_ITS_OWN_GROUP.map((word) => `'${word}'`).join(' ');
  let finish = () => {};
  let rejected = '';
  const { shell, token, server, recordPath } = await scene({
    answer: (seen, response) => {
      if (seen.authorization !== `Bearer ${rejected}`) {
        return { status: 200, body: 'there' };
      }
      // The first curl is there as long as the renewal is.
      response.writeHead(401).write('x');
      finish = () => response.end();
      return 'answered';
    },
  });
  rejected = token;
  server.setFault({ kind: 'slow-body', bytesPerSecond: 100 });
  const { child, result } = shell(`exec ${ownGroup} tokenctl curl work "$URL" -- ${QUIET} -N`);
  const state = () => /\) (\S)/.exec(readFileSync(`/proc/${child.pid}/stat`, 'latin1'))?.[1];
  await vi.waitFor(() => expect(server.tokenRequests).toBe(1), { timeout: 20_000 });
  child.kill('SIGTSTP');
  await vi.waitFor(() => expect(state()).toBe('T'), { timeout: 20_000 });
  expect(readFileSync(recordPath('work'), 'utf8')).not.toContain(token);
  finish();
  child.kill('SIGCONT');
  expect(await result).toMatchObject({ code: 0, stdout: 'there' });
  expect([server.rotations, server.tokenRequests]).toEqual([1, 1]);
});

describe('--dump-header', () => {
  test('to a file that cannot be written is refused before anything is sent', async () => {
    const { shell, api } = await scene();
    const { code, stderr } = await shell(
      'exec tokenctl curl work "$URL" -- -d x -D /nonexistent/heads',
    ).result;
    expect([code, stderr.includes('--dump-header'), api.seen]).toEqual([125, true, []]);
  });

  test('to a pipe that nobody reads can be ended', async () => {
    const { shell, file } = await scene();
    await execa('mkfifo', [file('pipe')]);
    const { child, result } = shell(`exec tokenctl curl work "$URL" -- ${QUIET} -D pipe`);
    // Where it waits cannot be seen from here; wherever it is, this ends it.
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    child.kill('SIGTERM');
    expect((await result).signal).toBe('SIGTERM');
  });
});

test('what follows a change of protocol is passed on as it comes', async () => {
  let finish = () => {};
  const { shell } = await scene({
    answer: (_, { socket }) => {
      socket?.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: chat\r\n\r\nhello\n');
      finish = () => socket?.end('bye\n');
      return 'answered';
    },
  });
  const { child, result } = shell(`exec tokenctl curl work "$URL" -- -sSN`);
  const [chunk] = await once(child.stdout, 'data');
  expect(String(chunk)).toBe('hello\n');
  finish();
  expect((await result).stdout).toBe('hello\nbye\n');
});

test('a link that leads to nothing yet is left where it is', async () => {
  const { shell, file } = await scene({ revoked: true });
  symlinkSync('target', file('out'));
  expect((await shell(`exec tokenctl curl work "$URL" -- ${QUIET} -o out`).result).code).toBe(0);
  expect(lstatSync(file('out')).isSymbolicLink()).toBe(true);
  expect(readFileSync(file('target'), 'utf8')).toBe('GET \n');
});
