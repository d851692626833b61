import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createSharedLogin } from '../support/login.ts';

const stage = async (lifetime?: number) => {
  const login = await createSharedLogin({ scope: 'read write admin' });
  await login.importGrant('work', lifetime);
  const extras = () =>
    readdirSync(join(login.home, 'credentials')).filter((entry) => entry.includes('~'));
  return { ...login, extras };
};

describe('get --scope', () => {
  test('gives another access token, asked for once, and leaves the own one as it is', async () => {
    const { run, runMany, server, extras, home } = await stage();
    const own = await run(['get', 'work']);
    const all = await runMany(20, ['get', 'work', '--scope', 'read']);
    expect(all.map(({ code, stderr }) => [code, stderr])).toEqual(Array(20).fill([0, '']));
    expect(new Set(all.map(({ stdout }) => stdout)).size).toBe(1);
    expect(all[0]?.stdout).not.toBe(own.stdout);
    expect([server.refreshes, server.reuseDetections]).toEqual([1, 0]);
    expect(await run(['get', 'work'])).toMatchObject({ code: 0, stdout: own.stdout });
    expect(extras()).toEqual([expect.stringMatching(/^work~[0-9a-f]{16}\.json$/)]);
    const file = join(home, 'credentials', extras()[0] ?? '');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const record = JSON.parse(readFileSync(file, 'utf8'));
    expect([record.refresh_token, record.scope]).toEqual([null, 'read']);
    // In another order it is the same, and another scope is another token.
    const json = await run(['get', 'work', '--scope', 'write read', '--json']);
    expect(JSON.parse(json.stdout).scope).toBe('write read');
    expect((await run(['get', 'work', '--scope', 'read  write'])).code).toBe(0);
    expect(server.refreshes).toBe(2);
    // The login itself goes on with the refresh token that all of them share.
    expect((await run(['get', 'work', '--force'])).code).toBe(0);
    expect([server.refreshes, server.reuseDetections]).toEqual([3, 0]);
    expect((await run(['status', '--json'])).stdout.match(/"login"/g)).toHaveLength(1);
  });

  test('is renewed at its own expiry, and when it is rejected', async () => {
    const { run, server } = await stage();
    const { stdout } = await run(['get', 'work', '--scope', 'read']);
    const renewed = await run(['get', 'work', '--scope', 'read', '--force']);
    expect(renewed.stdout).not.toBe(stdout);
    const kept = await run(['get', 'work', '--scope', 'read', '--rejected', '-'], {
      input: stdout,
    });
    expect(kept.stdout).toBe(renewed.stdout);
    expect(server.refreshes).toBe(2);
  });

  test('that is not granted fails for itself, and never for the login', async () => {
    const { run, server } = await stage(0);
    const refused = await run(['get', 'work', '--scope', 'everything']);
    expect([refused.code, refused.stderr]).toEqual([6, expect.stringContaining('invalid_scope')]);
    const requests = server.requests.length;
    expect((await run(['get', 'work', '--scope', 'everything'])).code).toBe(6);
    expect(server.requests).toHaveLength(requests);
    expect((await run(['get', 'work'])).code).toBe(0);
  });

  test('goes with the login: removed, or replaced by another grant', async () => {
    const { run, extras, importGrant } = await stage();
    await run(['get', 'work', '--scope', 'read']);
    expect(extras()).toHaveLength(1);
    await importGrant('work');
    expect(extras()).toEqual([]);
    await run(['get', 'work', '--scope', 'read']);
    await run(['remove', 'work', '--yes']);
    expect(extras()).toEqual([]);
    expect((await run(['get', 'work', '--scope', 'read'])).code).toBe(3);
  });

  test('a damaged file of it is asked for again', async () => {
    const { run, extras, home } = await stage();
    await run(['get', 'work', '--scope', 'read']);
    const { writeFileSync } = await import('node:fs');
    writeFileSync(join(home, 'credentials', extras()[0] ?? ''), 'rubbish');
    expect((await run(['get', 'work', '--scope', 'read'])).code).toBe(0);
  });

  test('of a dead login is exit 4, and says so for all', async () => {
    const { run, server, importGrant } = await stage(0);
    const { refresh_token } = (await importGrant('work', 0)) as unknown as {
      refresh_token: string;
    };
    server.revokeFamily(refresh_token);
    expect((await run(['get', 'work', '--scope', 'read'])).code).toBe(4);
    const requests = server.requests.length;
    expect((await run(['get', 'work'])).code).toBe(4);
    expect(server.requests).toHaveLength(requests);
  });

  test.each([
    ['a resource that is none', ['--resource', 'api'], /absolute URI/],
    ['a scope with a line in it', ['--scope', 'a\nb'], /separated by spaces/],
    ['with --login', ['--scope', 'a', '--login'], /exclude/],
  ])('%s is usage', async (_, args, message) => {
    const { run } = await stage();
    const { code, stderr } = await run(['get', 'work', ...args]);
    expect([code, stderr]).toEqual([2, expect.stringMatching(message)]);
  });
});

test('get --resource sends what RFC 8707 says', async () => {
  const { run, server } = await stage();
  await run(['get', 'work', '--resource', 'https://api.example.com/']);
  expect(server.refreshes).toBe(1);
  expect((await run(['get', 'work', '--resource', 'https://api.example.com/'])).code).toBe(0);
  expect(server.refreshes).toBe(1);
});
