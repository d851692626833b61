import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { createSharedLogin, type SharedLogin } from '../support/login.ts';
import { need } from '../support/need.ts';

/** INCIDENTS 9: a copied or restored store is recognised before its token is spent. */

const BIN = resolve(import.meta.dirname, '../../bin/tokenctl.js');

test('a copied store serves a token that lives, then refuses, and says the one command that moves it', async () => {
  const login = await createSharedLogin();
  const { access_token } = await login.importGrant('work', 3600);
  const copy = copyOf(login);
  const inCopy = (args: string[]) => login.run(args, { env: { TOKENCTL_HOME: copy } });
  expect(await inCopy(['get', 'work'])).toMatchObject({ code: 0, stdout: `${access_token}\n` });

  const refused = await inCopy(['get', 'work', '--force']);
  expect(refused).toMatchObject({ code: 6, stdout: '' });
  expect(refused.stderr).toMatch(
    /^tokenctl: work: .*copied here from .*\(tokenctl adopt work\)\n$/,
  );
  expect((await inCopy(['status'])).stdout).toContain('tokenctl adopt work');
  expect(login.server.tokenRequests).toBe(0);
  // The original is not affected.
  expect((await login.run(['get', 'work', '--force'])).code).toBe(0);
});

test('after adopt the copy renews, and only once', async () => {
  const login = await createSharedLogin();
  await login.importGrant('work', 0);
  const copy = copyOf(login);
  rmSync(login.home, { recursive: true });
  const env = { TOKENCTL_HOME: copy };
  expect((await login.run(['get', 'work'], { env })).code).toBe(6);
  expect(await login.run(['adopt', 'work'], { env })).toMatchObject({
    code: 0,
    stdout: 'Adopted work: it lives here now.\n',
  });
  expect((await login.run(['adopt', '--all', '--json'], { env })).stdout).toBe(
    '[{"login":"work","adopted":false}]\n',
  );
  const got = await login.runMany(10, ['get', 'work'], { env });
  expect(new Set(got.map(({ stdout }) => stdout)).size).toBe(1);
  expect({ ...login.server }).toMatchObject({ tokenRequests: 1, reuseDetections: 0 });
});

test('a record restored from a backup in its own place does not spend a spent token', async () => {
  const login = await createSharedLogin();
  await login.importGrant('work', 0);
  const backup = `${login.home}-backup.json`;
  copyFileSync(login.recordPath('work'), backup);
  expect((await login.run(['get', 'work'])).code).toBe(0);
  copyFileSync(backup, login.recordPath('work'));
  const refused = await login.run(['get', 'work']);
  expect(refused).toMatchObject({ code: 6, stdout: '' });
  expect(refused.stderr).toContain('restored from a backup');
  expect(refused.stderr).toContain('tokenctl adopt work');
  expect({ ...login.server }).toMatchObject({ tokenRequests: 1, reuseDetections: 0 });
});

test('the same directory bound to another path, on another machine, is no copy', async (context) => {
  const canMount =
    process.platform === 'linux' &&
    process.geteuid?.() === 0 &&
    spawnSync('unshare', ['-m', 'true']).status === 0;
  need(context, canMount, 'root and unshare(1)');
  const login = await createSharedLogin();
  await login.importGrant('work', 0);
  const elsewhere = join(dirname(login.home), 'elsewhere');
  const machineId = join(dirname(login.home), 'machine-id');
  writeFileSync(machineId, '0123456789abcdef0123456789abcdef\n');
  const inContainer = (script: string) =>
    execa('unshare', ['-m', 'sh', '-c', script, 'sh', process.execPath, BIN, 'get', 'work'], {
      env: { HERE: login.home, TOKENCTL_HOME: elsewhere, MACHINE_ID: machineId },
      reject: false,
    });
  const otherMachine =
    '[ -e /etc/machine-id ] || : >/etc/machine-id; mount --bind "$MACHINE_ID" /etc/machine-id';
  const bound = await inContainer(
    `${otherMachine} && mkdir -p "$TOKENCTL_HOME" && mount --bind "$HERE" "$TOKENCTL_HOME" && exec "$@"`,
  );
  expect(bound).toMatchObject({ exitCode: 0, stderr: '' });
  // The same with a copy is one.
  cpSync(login.home, `${elsewhere}-copy`, { recursive: true });
  const copied = await inContainer(
    `${otherMachine} && export TOKENCTL_HOME="$TOKENCTL_HOME-copy" && exec "$@" --force`,
  );
  expect(copied.exitCode).toBe(6);
  expect(copied.stderr).toContain('tokenctl adopt work');
  expect(login.server.tokenRequests).toBe(1);
});

const copyOf = ({ home }: SharedLogin): string => {
  cpSync(home, `${home}-copy`, { recursive: true });
  return `${home}-copy`;
};
