import { execFileSync, spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { createSharedLogin, type SharedLogin } from '../support/login.ts';
import { need } from '../support/need.ts';

const BIN = resolve(import.meta.dirname, '../../bin/tokenctl.js');

/** Mounting takes a mount namespace of our own, and that takes root. */
const canMount =
  process.platform === 'linux' &&
  process.geteuid?.() === 0 &&
  spawnSync('unshare', ['-m', 'true']).status === 0;

/** Runs a shell script in a mount namespace of its own, with $HOME_DIR, $RECORD and tokenctl as "$@". */
const mounted = (login: SharedLogin, script: string) =>
  execa('unshare', ['-m', 'sh', '-c', script, 'sh', process.execPath, BIN], {
    env: {
      TOKENCTL_HOME: login.home,
      HOME_DIR: login.home,
      RECORD: login.recordPath('work'),
    },
    reject: false,
  });

test('a credential file that is a mount of its own is found out before anything is spent', async (context) => {
  need(context, canMount, 'root and unshare(1)');
  const login = await createSharedLogin();
  await login.importGrant('work', 0);
  const before = await readFile(login.recordPath('work'));
  const result = await mounted(login, 'mount --bind "$RECORD" "$RECORD" && exec "$@" get work');
  expect(result.exitCode).toBe(6);
  expect(result.stderr).toContain('EBUSY');
  expect(login.server.tokenRequests).toBe(0);
  expect(await readFile(login.recordPath('work'))).toEqual(before);
  expect((await login.run(['get', 'work'])).code).toBe(0);
});

test('a read-only home refuses an expired token before anything is spent, and serves one that is due', async (context) => {
  need(context, canMount, 'root and unshare(1)');
  const login = await createSharedLogin();
  await login.importGrant('work', 0);
  const readOnly =
    'mount --bind "$HOME_DIR" "$HOME_DIR" && mount -o remount,ro,bind "$HOME_DIR" && exec "$@" get work';
  const expired = await mounted(login, readOnly);
  expect(expired.exitCode).toBe(6);
  expect(expired.stderr).toContain('EROFS');
  const { access_token } = await login.importGrant('work', 3600);
  execFileSync('sed', ['-i', 's/"refresh_at":0.75/"refresh_at":1e-9/', login.recordPath('work')]);
  const due = await mounted(login, readOnly);
  expect(due).toMatchObject({ exitCode: 0, stdout: access_token });
  expect(due.stderr).toContain('EROFS');
  expect(login.server.tokenRequests).toBe(0);
});

test('a full disk is found out before anything is spent', async (context) => {
  need(context, canMount, 'root and unshare(1)');
  const login = await createSharedLogin();
  await login.importGrant('work', 0);
  const result = await mounted(
    login,
    // In its own place: elsewhere it would be a copy.
    `cp -a "$HOME_DIR" "$HOME_DIR.saved" && mount -t tmpfs -o size=64k tmpfs "$HOME_DIR" &&
     cp -a "$HOME_DIR.saved/." "$HOME_DIR" && chmod 700 "$HOME_DIR/credentials" &&
     dd if=/dev/zero of="$HOME_DIR/rest" bs=1k 2>/dev/null; exec "$@" get work`,
  );
  expect(result.exitCode).toBe(6);
  expect(result.stderr).toContain('ENOSPC');
  expect(login.server.tokenRequests).toBe(0);
});
