import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createSharedLogin } from '../support/login.ts';

test('hosts are added, listed and removed, and say so in one form', async () => {
  const login = await createSharedLogin();
  await login.importGrant('work');
  const hosts = (...args: string[]) => login.run(['hosts', 'work', ...args]);
  expect(await hosts()).toMatchObject({
    code: 0,
    stdout: '',
    stderr: 'tokenctl: work: the login is bound to no host (tokenctl hosts work add HOST)\n',
  });
  const added = await hosts('add', 'https://GIT.example.com:443/', 'alice@git.example.com/acme/');
  expect(added).toMatchObject({
    code: 0,
    stdout: 'git.example.com\nalice@git.example.com/acme\n',
    stderr: '',
  });
  expect((await hosts('add', 'Git.Example.com')).stdout).toBe(added.stdout);
  expect(JSON.parse((await hosts('list', '--json')).stdout)).toEqual({
    login: 'work',
    hosts: ['git.example.com', 'alice@git.example.com/acme'],
  });
  const removed = await hosts('remove', 'GIT.example.com', 'never.example.com');
  expect(removed).toMatchObject({ code: 0, stdout: 'alice@git.example.com/acme\n' });
  expect(readFileSync(login.auditPath, 'utf8').match(/"event":"hosts"/g)).toHaveLength(2);
});

test('a change of the hosts takes nothing else from the login', async () => {
  const login = await createSharedLogin();
  const { access_token } = await login.importGrant('work', 0);
  await login.run(['hosts', 'work', 'add', 'git.example.com']);
  const renewed = await login.run(['get', 'work']);
  expect(renewed.code).toBe(0);
  expect(renewed.stdout.trim()).not.toBe(access_token);
  expect((await login.run(['hosts', 'work'])).stdout).toBe('git.example.com\n');
});

test.each<[string, string[], number, RegExp]>([
  ['a wildcard', ['work', 'add', '*.example.com'], 2, /is a wildcard; name each host/],
  ['http', ['work', 'add', 'http://git.example.com'], 2, /is not https/],
  ['a password', ['work', 'add', 'a:b@git.example.com'], 2, /no password/],
  ['no host', ['work', 'add'], 2, /add: a host is missing/],
  ['another action', ['work', 'frob'], 2, /add HOST…, remove HOST… or list/],
  ['an action before the name', ['add', 'work', 'git.example.com'], 2, /behind NAME/],
  [
    'too many',
    ['work', 'add', ...Array.from({ length: 101 }, (_, n) => `h${n}.example`)],
    2,
    /100/,
  ],
  ['an unknown login', ['nobody', 'add', 'git.example.com'], 3, /nobody/],
])('is refused: %s', async (_what, args, code, message) => {
  const login = await createSharedLogin();
  await login.importGrant('work');
  const refused = await login.run(['hosts', ...args]);
  expect(refused).toMatchObject({ code, stdout: '' });
  expect(refused.stderr).toMatch(message);
  expect((await login.run(['hosts', 'work'])).stdout).toBe('');
});

test('login and import bind to hosts as this does', async () => {
  const login = await createSharedLogin();
  const { server } = login;
  const input = JSON.stringify({ access_token: 'a', hosts: ['https://API.example.com:8443/v1/'] });
  expect((await login.run(['import', 'one'], { input })).code).toBe(0);
  expect((await login.run(['hosts', 'one'])).stdout).toBe('api.example.com:8443/v1\n');
  const wrong = await login.run([
    ...['login', 'two', '--client-credentials', '--client-id', 'x'],
    ...['--token-endpoint', server.tokenEndpoint, '--host', '*.example.com'],
  ]);
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toContain('is a wildcard');
});
