import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, openSync, readdirSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { createSharedLogin, type SharedLogin } from '../support/login.ts';
import { need } from '../support/need.ts';

const BIN = resolve(import.meta.dirname, '../../bin/tokenctl.js');
const NOBODY = 65_534;
const AS_NOBODY = [
  `--reuid=${NOBODY}`,
  `--regid=${NOBODY}`,
  '--clear-groups',
  process.execPath,
  BIN,
];

/** Root may write everywhere: it takes a user who may not, and may run what is tested. */
const canBeNobody =
  process.geteuid?.() === 0 && spawnSync('setpriv', [...AS_NOBODY, '--version']).status === 0;
const NEED = 'root, setpriv(1), and a checkout that every user may read';

const asNobody = ({ home }: SharedLogin, args: readonly string[]) =>
  execa('setpriv', [...AS_NOBODY, ...args], { env: { TOKENCTL_HOME: home }, reject: false });

/** Makes a login nobody's; gives the directory of its credentials. */
const giveAway = ({ home }: SharedLogin): string => {
  for (const path of [dirname(home), home]) {
    chownSync(path, NOBODY, NOBODY);
  }
  for (const entry of readdirSync(home, { recursive: true })) {
    chownSync(join(home, String(entry)), NOBODY, NOBODY);
  }
  return join(home, 'credentials');
};

test('a directory that may not be written to is found out before anything is spent', async (context) => {
  need(context, canBeNobody, NEED);
  const login = await createSharedLogin();
  await login.importGrant('work', 0);
  const credentials = giveAway(login);
  chmodSync(credentials, 0o500);
  const refused = await asNobody(login, ['get', 'work']);
  expect(refused).toMatchObject({ exitCode: 6, stdout: '' });
  expect(refused.stderr).toMatch(/^tokenctl: work: .*EACCES.*writable/);
  expect(login.server.tokenRequests).toBe(0);
  chmodSync(credentials, 0o700);
  expect(await asNobody(login, ['get', 'work'])).toMatchObject({ exitCode: 0, stderr: '' });
});

test('nor is a token withheld there that still works', async (context) => {
  need(context, canBeNobody, NEED);
  const login = await createSharedLogin();
  const { access_token } = await login.importGrant('work', 3600);
  execFileSync('sed', ['-i', 's/"refresh_at":0.75/"refresh_at":1e-9/', login.recordPath('work')]);
  chmodSync(giveAway(login), 0o500);
  const due = await asNobody(login, ['get', 'work']);
  expect(due).toMatchObject({ exitCode: 0, stdout: access_token });
  expect(due.stderr).toMatch(/^tokenctl: work: warning: .*EACCES/);
  expect(login.server.tokenRequests).toBe(0);
});

test('one that may not be written to any more when the answer comes has it put in place later', async (context) => {
  need(context, canBeNobody, NEED);
  const login = await createSharedLogin();
  await login.importGrant('work', 0);
  const credentials = giveAway(login);
  login.server.onRotated(() => chmod(credentials, 0o500));
  const first = await asNobody(login, ['get', 'work']);
  expect(first.exitCode).toBe(0);
  expect(first.stderr).toMatch(/^tokenctl: work: warning: .*EACCES.*the next run puts it there$/);
  expect(await asNobody(login, ['get', 'work'])).toMatchObject({ exitCode: 6, stdout: '' });
  chmodSync(credentials, 0o700);
  const next = await asNobody(login, ['get', 'work']);
  expect(next).toMatchObject({ exitCode: 0, stdout: first.stdout, stderr: '' });
  expect(login.server.tokenRequests).toBe(1);
});

test('an output that cannot be written to does not cost the token', async (context) => {
  need(context, process.platform === 'linux', '/dev/full');
  const login = await createSharedLogin();
  await login.importGrant('work', 0);
  const full = await execa(process.execPath, [BIN, 'get', 'work'], {
    env: { TOKENCTL_HOME: login.home },
    stdout: openSync('/dev/full', 'w') as unknown as 'ignore',
    reject: false,
  });
  expect(full.exitCode).toBe(6);
  expect(full.stderr).toMatch(/^tokenctl: work: stdout cannot be written to \(ENOSPC\)/);
  expect(await login.run(['get', 'work'])).toMatchObject({ code: 0, stderr: '' });
  expect(login.server.tokenRequests).toBe(1);
});
