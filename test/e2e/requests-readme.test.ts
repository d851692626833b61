import { readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { startResource } from '../fetch/servers.ts';
import { withAuthority } from '../oauth/certificates.ts';
import { hasCurl } from '../support/curl.ts';
import { createSharedLogin } from '../support/login.ts';
import { need } from '../support/need.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
const authority = withAuthority();

/** The README's only example with this in it. */
const recipe = (with_: string): string => {
  const blocks = [...README.matchAll(/^```(?:sh|ts)\n(.*?)^```$/gms)].map(([, code]) => code ?? '');
  const [found = '', ...more] = blocks.filter((code) => code.includes(with_));
  expect([found !== '', more.length]).toEqual([true, 0]);
  return found;
};

const scene = async () => {
  const login = await createSharedLogin();
  const { access_token: token } = await login.importGrant('work');
  const api = await startResource(
    ({ method, url }) =>
      url === '/big.iso'
        ? { status: 302, headers: { location: '/elsewhere.iso' } }
        : { status: 200, body: `${method} ${url}\n` },
    authority().issue('DNS:localhost'),
  );
  const directory = join(login.home, '..');
  const env = {
    PATH: [join(ROOT, 'bin'), dirname(process.execPath), process.env.PATH].join(delimiter),
    HOME: directory,
    TOKENCTL_HOME: login.home,
    SSL_CERT_FILE: authority().file,
    NODE_EXTRA_CA_CERTS: authority().file,
  };
  const run = (program: string, ...args: string[]) =>
    execa(program, args, { cwd: directory, env, extendEnv: false, reject: false, stdin: 'ignore' });
  return { ...login, api, token, directory, run };
};

test('curl works as the README says', async (context) => {
  need(context, hasCurl, 'curl');
  const { run, api, token, directory } = await scene();
  const commands = recipe('tokenctl curl work').replaceAll('api.example.com', api.host);
  const { exitCode, stdout } = await run('sh', '-ec', commands);
  expect([exitCode, stdout.split('\n')]).toEqual([
    0,
    [expect.anything(), 'GET /me', 'POST /items', 'PUT /site.tgz'],
  ]);
  expect(readFileSync(join(directory, 'big.iso'), 'utf8')).toBe('GET /elsewhere.iso\n');
  expect(api.seen.map(({ authorization }) => authorization)).toEqual(
    Array(5).fill(`Bearer ${token}`),
  );
  expect(api.seen[1]?.body).toBe('{"name":"new"}');
});

test('fetch works as the README says', async () => {
  const { run, api, token, directory } = await scene();
  await run('tokenctl', 'hosts', 'work', 'add', api.host);
  const program = recipe('tokens.fetch(')
    .replaceAll('api.example.com', api.host)
    .replace("'tokenctl'", `'${pathToFileURL(join(ROOT, 'dist/index.js')).href}'`);
  const path = join(directory, 'program.mjs');
  writeFileSync(path, `${program}\nconsole.log(response.status, await response.text());`);
  const { stdout, stderr } = await run(process.execPath, path);
  expect([stdout, stderr]).toEqual(['200 GET /me\n', '']);
  expect(api.seen).toMatchObject([{ authorization: `Bearer ${token}` }]);
});
