import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Answer, type ResourceServer, startResource } from '../fetch/servers.ts';
import { withAuthority } from '../oauth/certificates.ts';
import { hasCurl } from '../support/curl.ts';
import { startProxy } from '../support/fake-server.ts';
import { createSharedLogin, type SharedLogin } from '../support/login.ts';
import { need } from '../support/need.ts';
import { TOKENCTL } from '../support/tokenctl.ts';

beforeEach((context) => need(context, hasCurl, 'curl'));

interface Scene extends SharedLogin {
  readonly api: ResourceServer;
  readonly token: string;
  /** The resource server takes every token but the first. */
  revoke(): void;
  curl(path: string, ...args: string[]): ReturnType<SharedLogin['run']>;
  file(name: string): string;
}

const PLAIN: Answer = ({ method, body }) => ({ status: 200, body: `${method} ${body}\n` });

const scene = async (answer: Answer = PLAIN, lifetime = 3600): Promise<Scene> => {
  const login = await createSharedLogin();
  const { access_token: token } = await login.importGrant('work', lifetime);
  let revoked = false;
  const api = await startResource((seen, response) =>
    revoked && seen.authorization === `Bearer ${token}`
      ? { status: 401, headers: { 'x-first': '1' }, body: 'rejected and rejected\n' }
      : answer(seen, response),
  );
  await bind(login, api.host);
  const file = (name: string) => join(login.home, '..', name);
  return {
    ...login,
    api,
    token,
    file,
    revoke: () => {
      revoked = true;
    },
    curl: (path, ...args) =>
      login.run([
        'curl',
        'work',
        `${api.origin}${path}`,
        ...(args.length > 0 ? ['--', ...args] : []),
      ]),
  };
};

const bind = async ({ run }: SharedLogin, ...hosts: string[]): Promise<void> => {
  const { code, stderr } = await run(['hosts', 'work', 'add', ...hosts]);
  expect([code, stderr]).toEqual([0, '']);
};

const QUIET = '-sS';

describe('a request', () => {
  test('is made by the installed curl, with the token, and ends as curl ends', async () => {
    const { curl, api, token } = await scene();
    const result = await curl('/a?b', QUIET, '-d', 'c');
    expect(result).toMatchObject({ code: 0, stdout: 'POST c\n', stderr: '' });
    expect(api.seen[0]).toMatchObject({ url: '/a?b', authorization: `Bearer ${token}` });
    expect(api.seen[0]?.headers['user-agent']).toMatch(/^curl\//);
  });

  test('needs nothing behind it, and shows what curl shows', async () => {
    const { curl } = await scene();
    const result = await curl('/');
    expect([result.code, result.stdout]).toEqual([0, 'GET \n']);
    expect(result.stderr).toContain('% Total');
  });

  test("ends with curl's own exit codes", async () => {
    const { curl, run } = await scene(({ url }, response) => {
      if (url !== '/hang') {
        return { status: 404, body: 'no' };
      }
      response.writeHead(200).write('x');
      return 'answered';
    });
    expect(await curl('/', '-f', QUIET)).toMatchObject({ code: 22, stdout: '' });
    expect((await curl('/', '-f', QUIET)).stderr).toContain('curl: (22)');
    expect(await curl('/', QUIET)).toMatchObject({ code: 0, stdout: 'no' });
    expect(await curl('/hang', QUIET, '-m', '0.5')).toMatchObject({ code: 28, stdout: 'x' });
    await run(['hosts', 'work', 'add', '127.0.0.1:9']);
    expect((await run(['curl', 'work', 'http://127.0.0.1:9/'])).code).toBe(7);
  });

  test('with an expired token renews it first', async () => {
    const { curl, server, api } = await scene(PLAIN, 0);
    expect((await curl('/', QUIET)).code).toBe(0);
    expect([server.rotations, api.seen.length]).toEqual([1, 1]);
  });

  test('to a host that is not bound is not made', async () => {
    const { run, api } = await scene();
    const other = await startResource(PLAIN);
    for (const url of [
      other.origin,
      `http://${api.host}@${other.host}/`,
      `${api.origin}.evil.example`,
    ]) {
      const { code, stdout, stderr } = await run(['curl', 'work', url]);
      expect([code, stdout]).toEqual([125, '']);
      expect(stderr.split('\n')).toHaveLength(2);
    }
    const { stderr } = await run(['curl', 'work', other.origin]);
    expect(stderr).toContain(`tokenctl hosts work add ${other.host}`);
    expect([api.seen, other.seen]).toEqual([[], []]);
  });

  test.for([
    [
      'of an option that is refused',
      ['curl', 'work', 'URL', '--', '--location-trusted'],
      'curl is not run with',
    ],
    ['of an unknown login', ['curl', 'nobody', 'URL'], 'tokenctl login nobody'],
    ['of an option before the --', ['curl', 'work', 'URL', '-sS'], "unknown option '-sS'"],
    ['of no address', ['curl', 'work'], "missing required argument 'URL'"],
    ['of a duration', ['curl', 'work', 'URL', '--min-ttl', 'x'], '--min-ttl'],
  ] as const)('%s: an own failure is 125 and one line', async ([, args, says]) => {
    const { run, api } = await scene();
    const { code, stdout, stderr } = await run(
      args.map((arg) => (arg === 'URL' ? api.origin : arg)),
    );
    expect([code, stdout]).toEqual([125, '']);
    expect(stderr).toContain(says);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(api.seen).toEqual([]);
  });

  test('without a curl ends with 127', async () => {
    const { run, api } = await scene();
    const result = await run(['curl', 'work', api.origin], { env: { PATH: '/nonexistent' } });
    expect([result.code, result.stderr.includes('curl')]).toEqual([127, true]);
  });

  test('heeds neither ~/.curlrc nor a curl in the current directory', async () => {
    const { file, home, api } = await scene();
    const evil = await startResource(PLAIN);
    const directory = file('here');
    mkdirSync(directory);
    writeFileSync(join(directory, '.curlrc'), `url = "${evil.origin}"\nverbose\n`);
    writeFileSync(join(directory, 'curl'), '#!/bin/sh\necho stolen\n');
    chmodSync(join(directory, 'curl'), 0o755);
    const [node = '', ...bin] = TOKENCTL;
    const env = { HOME: directory, CURL_HOME: directory, PATH: `.::${process.env.PATH}` };
    const child = spawn(node, [...bin, 'curl', 'work', api.origin, '--', QUIET], {
      cwd: directory,
      env: { ...env, TOKENCTL_HOME: home },
    });
    const { stdout, stderr } = await collected(child);
    expect([stdout, stderr]).toEqual(['GET \n', '']);
    expect(evil.seen).toEqual([]);
  });

  test('on this machine without TLS goes to no proxy', async () => {
    const { run, api } = await scene();
    const proxy = await startResource(PLAIN);
    const env = { http_proxy: proxy.origin, ALL_PROXY: proxy.origin };
    expect(
      (await run(['curl', 'work', api.origin, '--', QUIET, '--noproxy', ''], { env })).code,
    ).toBe(0);
    expect([proxy.seen.length, api.seen.length]).toEqual([0, 1]);
  });

  test('may show what is sent, but for the token', async () => {
    const { curl, token } = await scene();
    const { stderr, stdout } = await curl('/', '-v');
    expect(stderr).toContain('> Authorization: Bearer [redacted]');
    expect(stderr + stdout).not.toContain(token.slice(0, 12));
  });

  test('takes a body from stdin', async () => {
    const { run, api } = await scene();
    const url = `${api.origin}/x`;
    for (const args of [
      ['-d', '@-'],
      ['-T', '-'],
      ['--json', '@-'],
      ['-X', 'POST', '-T', '.'],
    ]) {
      const result = await run(['curl', 'work', url, '--', QUIET, ...args], {
        input: 'from stdin',
      });
      expect([result.code, result.stdout.includes('from stdin')]).toEqual([0, true]);
    }
    // Nobody reads it who was not asked to.
    await run(['curl', 'work', url, '--', QUIET, '-d', '@/dev/null'], { input: 'unread' });
    expect(api.seen.at(-1)?.body).toBe('');
  });

  test('is ended by a signal as curl would be', async () => {
    const { start, api } = await scene((_, response) => {
      response.writeHead(200).write('begun\n');
      return 'answered';
    });
    const { child, result } = start(['curl', 'work', api.origin, '--', '-sSN']);
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    child.kill('SIGTERM');
    expect(await result).toMatchObject({ code: null, signal: 'SIGTERM', stdout: 'begun\n' });
  });
});

describe('an answer', () => {
  test('is passed on while it comes', async () => {
    let finish = () => {};
    const { start, api } = await scene((_, response) => {
      response.writeHead(200).write('first ');
      finish = () => response.end('last');
      return 'answered';
    });
    const { child, result } = start(['curl', 'work', api.origin, '--', '-sSN']);
    const [chunk] = await once(child.stdout as NodeJS.ReadableStream, 'data');
    expect(String(chunk)).toBe('first ');
    finish();
    expect((await result).stdout).toBe('first last');
  });

  test('of many megabytes arrives whole', async () => {
    const size = 40_000_000;
    const { api, home } = await scene(() => ({ status: 200, body: 'x'.repeat(size) }));
    const [node = '', ...bin] = TOKENCTL;
    const child = spawn(node, [...bin, 'curl', 'work', api.origin, '--', QUIET], {
      env: { PATH: process.env.PATH, TOKENCTL_HOME: home },
    });
    const { stdout } = await collected(child);
    expect([stdout.length, stdout.replaceAll('x', '')]).toEqual([size, '']);
  });

  test('has its headers and figures where they were asked for', async () => {
    const { curl, file } = await scene(() => ({
      status: 200,
      headers: { 'x-a': 'b' },
      body: 'body',
    }));
    const included = await curl('/', QUIET, '-i', '-w', '<%{http_code}>');
    expect(included.stdout).toMatch(/^HTTP\/1.1 200 OK\r\nx-a: b\r\n[\s\S]*\r\n\r\nbody<200>$/);
    const dumped = await curl('/', QUIET, '-D', file('heads'), '-o', file('out'));
    expect([dumped.stdout, readFileSync(file('out'), 'utf8')]).toEqual(['', 'body']);
    expect(readFileSync(file('heads'), 'utf8')).toMatch(
      /^HTTP\/1.1 200 OK\r\nx-a: b\r\n[\s\S]*\r\n\r\n$/,
    );
    expect((await curl('/', QUIET, '-D-')).stdout).toMatch(
      /^HTTP\/1.1 200 OK\r\n[\s\S]*\r\n\r\nbody$/,
    );
    expect((await curl('/', '-I', QUIET)).stdout).toMatch(/^HTTP\/1.1 200 OK\r\n[\s\S]*\r\n\r\n$/);
  });
});

describe('a rejected token', () => {
  test('is renewed once, and nothing of the first answer is seen', async () => {
    const { curl, revoke, server, api, file } = await scene();
    revoke();
    const result = await curl(
      '/',
      '-sSf',
      '-i',
      '-D',
      file('heads'),
      '-w',
      '<%{http_code}>',
      '-d',
      'x',
    );
    expect([result.code, result.stderr]).toEqual([0, '']);
    expect(result.stdout).toMatch(/^HTTP\/1.1 200 OK\r\n[\s\S]*POST x\n<200>$/);
    for (const text of [result.stdout, readFileSync(file('heads'), 'utf8')]) {
      expect(text).not.toMatch(/x-first|rejected|401/);
    }
    expect(api.seen.map(({ body }) => body)).toEqual(['x', 'x']);
    expect([server.rotations, server.tokenRequests]).toEqual([1, 1]);
  });

  test('leaves nothing of the first answer in a file', async () => {
    const { curl, revoke, file } = await scene(() => ({ status: 204 }));
    revoke();
    expect((await curl('/', QUIET, '-o', file('out'))).code).toBe(0);
    expect(readFileSync(file('out'), 'utf8')).toBe('');
  });

  test.for([
    ['has not been written to', ['-f'], 'from before', 'from before'],
    ['was there', [], 'from before', ''],
    ['was not there', [], null, null],
  ] as const)('leaves a file that %s as it should be', async ([, more, before, after]) => {
    const { curl, revoke, file, api } = await scene((_, response) => {
      response.destroy();
      return 'answered';
    });
    revoke();
    if (before !== null) {
      writeFileSync(file('out'), before);
    }
    expect((await curl('/', QUIET, ...more, '-o', file('out'))).code).toBe(52);
    expect(api.seen).toHaveLength(2);
    expect(existsSync(file('out')) ? readFileSync(file('out'), 'utf8') : null).toBe(after);
  });

  test('is renewed once for twenty who are told so at the same time', async () => {
    const { runMany, revoke, server, api } = await scene();
    revoke();
    const all = await runMany(20, ['curl', 'work', api.origin, '--', QUIET]);
    expect(all.map(({ code, stdout }) => [code, stdout])).toEqual(Array(20).fill([0, 'GET \n']));
    expect(server.rotations).toBe(1);
  });

  test('twice is the answer', async () => {
    const { curl, server, api } = await scene(() => ({ status: 401, body: 'never\n' }));
    expect(await curl('/', QUIET)).toMatchObject({ code: 0, stdout: 'never\n', stderr: '' });
    expect([server.rotations, api.seen.length]).toEqual([1, 2]);
    // Again at once: the new one is rejected too, and is not renewed.
    const again = await curl('/', '-sSf');
    expect([again.code, again.stdout]).toEqual([22, '']);
    expect(again.stderr).toContain('curl: (22)');
    expect([server.rotations, api.seen.length]).toEqual([1, 3]);
  });

  test('is the answer where the body cannot be sent again', async () => {
    const { run, api, revoke, server } = await scene();
    revoke();
    const result = await run(['curl', 'work', api.origin, '--', QUIET, '-d', '@-'], {
      input: 'once',
    });
    expect(result).toMatchObject({ code: 0, stdout: 'rejected and rejected\n' });
    expect(result.stderr).toMatch(/^tokenctl: work: warning: [^\n]*run it again\n$/);
    expect([api.seen.length, server.rotations]).toEqual([1, 1]);
    const again = await run(['curl', 'work', api.origin, '--', QUIET, '-d', '@-'], {
      input: 'once',
    });
    expect([again.code, again.stderr, api.seen.length, server.rotations]).toEqual([0, '', 2, 1]);
    expect(again.stdout).not.toContain('rejected');
  });

  test('with a body that cannot be sent again, and of a dead login, says so beside the answer', async () => {
    const { run, api, revoke, server } = await scene();
    revoke();
    server.setFault({ kind: 'status', status: 400, body: { error: 'invalid_grant' } });
    const result = await run(['curl', 'work', api.origin, '--', QUIET, '-d', '@-'], {
      input: 'once',
    });
    expect(result).toMatchObject({ code: 0, stdout: 'rejected and rejected\n' });
    expect(result.stderr).toMatch(/^tokenctl: work: warning: the token was rejected; [^\n]*\n$/);
  });

  test('is the answer while the provider cannot be reached', async () => {
    const { curl, revoke, server } = await scene();
    revoke();
    await server.goOffline();
    const result = await curl('/', QUIET);
    expect([result.code, result.stdout]).toEqual([0, 'rejected and rejected\n']);
    expect(result.stderr).toMatch(/^tokenctl: work: warning: [^\n]*\n$/);
  });

  test('of a dead login is an own failure that says what to do', async () => {
    const { curl, revoke, server } = await scene();
    revoke();
    server.setFault({ kind: 'status', status: 400, body: { error: 'invalid_grant' } });
    const result = await curl('/', QUIET);
    expect([result.code, result.stdout]).toEqual([125, '']);
    expect(result.stderr).toContain('tokenctl login work');
  });

  test('by a server behind a redirect is no news of the token', async () => {
    const other = await startResource(() => ({ status: 401, body: 'who are you?' }));
    const { curl, server } = await scene(() => ({
      status: 302,
      headers: { location: `${other.origin}/` },
    }));
    expect(await curl('/', QUIET, '-L')).toMatchObject({ code: 0, stdout: 'who are you?' });
    expect([server.rotations, other.seen.length]).toEqual([0, 1]);
    expect(other.seen[0]?.authorization).toBeUndefined();
  });

  test('after a redirect on the same server is renewed', async () => {
    const { curl, revoke, server } = await scene(({ url }) =>
      url === '/from'
        ? { status: 302, headers: { location: '/to' } }
        : { status: 200, body: 'there' },
    );
    revoke();
    expect(await curl('/from', QUIET, '-iL')).toMatchObject({ code: 0 });
    expect(server.rotations).toBe(1);
  });
});

describe('where a redirect leads', () => {
  const authority = withAuthority();

  /** An https server on localhost that sends everybody on, and what came to the others. */
  const redirecting = async (to: (port: number) => string, path = '') => {
    const login = await createSharedLogin();
    const { access_token: token } = await login.importGrant('work', 3600);
    const tls = authority().issue('DNS:localhost,IP:127.0.0.1');
    const api = await startResource(
      ({ url }) =>
        url.endsWith('/start')
          ? { status: 302, headers: { location: to(api.port) } }
          : { status: 200, body: 'there' },
      tls,
    );
    await bind(login, `${api.host}${path}`);
    const curl = (...args: string[]) =>
      login.run([
        ...['curl', 'work', `${api.origin}${path}/start`, '--', QUIET],
        ...['--cacert', authority().file, ...args],
      ]);
    return { ...login, api, token, curl };
  };

  test('on the same origin the token goes along', async () => {
    const { curl, api, token } = await redirecting(() => '/next');
    expect(await curl('-L')).toMatchObject({ code: 0, stdout: 'there' });
    expect(api.seen.map(({ authorization }) => authorization)).toEqual(
      Array(2).fill(`Bearer ${token}`),
    );
  });

  test('to another host it does not', async () => {
    const { curl, api } = await redirecting((port) => `https://127.0.0.1:${port}/next`);
    expect(await curl('-L')).toMatchObject({ code: 0, stdout: 'there' });
    expect(api.seen[1]).toMatchObject({ url: '/next', authorization: undefined });
  });

  test('to another port it does not', async () => {
    const other = await startResource(PLAIN, authority().issue('DNS:localhost'));
    const { curl } = await redirecting(() => `${other.origin}/next`);
    expect(await curl('-L')).toMatchObject({ code: 0 });
    expect(other.seen).toMatchObject([{ url: '/next', authorization: undefined }]);
  });

  test('to http nobody goes', async () => {
    const other = await startResource(PLAIN);
    const { curl } = await redirecting(() => `http://localhost:${other.port}/next`);
    expect((await curl('-L')).code).toBe(1);
    expect(other.seen).toEqual([]);
  });

  test('from a path that is bound it is not followed', async () => {
    const { curl, api } = await redirecting(() => '/outside', '/mine');
    const refused = await curl('-L');
    expect([refused.code, refused.stdout]).toEqual([125, '']);
    expect(refused.stderr).toContain('--location');
    expect(api.seen).toEqual([]);
    expect((await curl('-w', '%{http_code} %{redirect_url}')).stdout).toBe(
      `302 ${api.origin}/outside`,
    );
  });

  test('an old curl is not asked', async () => {
    const { run, home, api } = await redirecting(() => '/next');
    const bin = join(home, '..', 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'curl'), '#!/bin/sh\necho "curl 7.82.0 (x)"\n');
    chmodSync(join(bin, 'curl'), 0o755);
    const env = { PATH: `${bin}:${process.env.PATH}` };
    const result = await run(['curl', 'work', api.origin, '--', '-L'], { env });
    expect([result.code, result.stderr.includes('7.83')]).toEqual([125, true]);
    expect((await run(['curl', 'work', api.origin], { env })).code).toBe(0);
    expect(api.seen).toEqual([]);
  });

  test('through a proxy it is seen by the server alone', async () => {
    const { run, api, token } = await redirecting(() => '/next');
    const proxy = await startProxy();
    const args = ['curl', 'work', `${api.origin}/start`, '--', QUIET, '--cacert', authority().file];
    const env = { https_proxy: proxy.url };
    for (const result of [await run([...args, '-x', proxy.url]), await run(args, { env })]) {
      expect(result.code).toBe(0);
    }
    expect(proxy.tunnels).toEqual([api.host, api.host]);
    expect(proxy.headers.map((headers) => JSON.stringify(headers).includes(token))).toEqual([
      false,
      false,
    ]);
  });

  test('nobody is asked whose certificate is not vouched for', async () => {
    const { run, api } = await redirecting(() => '/next');
    expect((await run(['curl', 'work', api.origin, '--', QUIET])).code).toBe(60);
    expect((await run(['curl', 'work', api.origin, '--', QUIET, '-k'])).code).toBe(0);
    const elsewhere = await run([
      'curl',
      'work',
      api.origin,
      '--',
      '-k',
      '--connect-to',
      '::127.0.0.1:9',
    ]);
    expect(elsewhere.code).toBe(125);
    expect(api.seen).toHaveLength(1);
  });
});

const collected = async (
  child: ReturnType<typeof spawn>,
): Promise<{ stdout: string; stderr: string }> => {
  let [stdout, stderr] = ['', ''];
  child.stdout?.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  await once(child, 'close');
  return { stdout, stderr };
};
