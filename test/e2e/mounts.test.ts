import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { createSharedLogin } from '../support/login.ts';
import { canMount, EMPTY, FILL, mounted, onTmpfs, runtimeOf } from '../support/mounted.ts';
import { need } from '../support/need.ts';

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
  const result = await mounted(login, `${onTmpfs('size=64k')} && ${FILL}; exec "$@" get work`);
  expect(result.exitCode).toBe(6);
  expect(result.stderr).toContain('ENOSPC');
  expect(login.server.tokenRequests).toBe(0);
});

test('a disk that becomes full while the request is out has room for the answer', async (context) => {
  need(context, canMount, 'root and unshare(1)');
  const login = await createSharedLogin();
  await login.importGrant('work', 0);
  const script = `${onTmpfs('size=256k')}; "$@" get work && echo then && "$@" get work`;
  const { exitCode, stdout, stderr } = await mounted(login, script, FILL);
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
  const [first, , next] = stdout.split('\n');
  expect(next).toBe(first);
  expect(login.server.tokenRequests).toBe(1);
});

test('a token that is longer than the room reserved for it is kept where there is room', async (context) => {
  need(context, canMount, 'root and unshare(1)');
  const login = await createSharedLogin();
  await login.importGrant('work', 0);
  login.server.configure({ accessTokenBytes: 20_000 });
  const script = `${onTmpfs('size=512k')}
    "$@" get work; echo "exit $?"; ls "$XDG_RUNTIME_DIR" | wc -l
    ${EMPTY}; "$@" get work; echo "exit $?"`;
  const { stdout, stderr } = await mounted(login, script, FILL);
  const [first, ...rest] = stdout.split('\n');
  expect(first).toHaveLength(40_000);
  expect(rest).toEqual(['exit 8', '1', first, 'exit 0']);
  expect(stderr).toContain('ENOSPC');
  expect(readdirSync(runtimeOf(login))).toEqual([]);
  expect({ ...login.server }).toMatchObject({ tokenRequests: 1, reuseDetections: 0 });
});

test('what comes back to a store that has become read-only is kept elsewhere, and brought home', async (context) => {
  need(context, canMount, 'root and unshare(1)');
  const login = await createSharedLogin();
  await login.importGrant('work', 0);
  const readOnly = 'mount -o remount,ro,bind "$HOME_DIR"';
  const script = 'mount --bind "$HOME_DIR" "$HOME_DIR" && exec "$@" get work';
  const first = await mounted(login, script, readOnly);
  expect(first.exitCode).toBe(8);
  expect(first.stderr).toContain('EROFS');
  const [lifeboat] = readdirSync(runtimeOf(login));
  expect(first.stderr).toContain(lifeboat);
  // Nothing could be said in the store: the lease that was left keeps the spent token from going out.
  const env = { XDG_RUNTIME_DIR: runtimeOf(login) };
  const next = await login.run(['get', 'work'], { env });
  expect(next).toMatchObject({ code: 0, stdout: `${first.stdout}\n`, stderr: '' });
  expect(readdirSync(runtimeOf(login))).toEqual([]);
  expect((await login.run(['get', 'work', '--force'], { env })).code).toBe(0);
  expect({ ...login.server }).toMatchObject({ tokenRequests: 2, reuseDetections: 0 });
});

test.each([
  ['kilobytes', 'size', Array.from({ length: 14 }, (_, index) => `${8 + 4 * index}k`)],
  ['files', 'nr_inodes', Array.from({ length: 14 }, (_, index) => `${7 + index}`)],
])('with few %s left either nothing is spent, or all is saved', async (_what, limit, limits) => {
  const outcomes = new Set<number | undefined>();
  for (const most of limits) {
    const login = await createSharedLogin();
    await login.importGrant('work', 0);
    const script = `${onTmpfs(`${limit}=${most}`)} || exit 99
      "$@" get work; code=$?
      mount -o remount,size=1m,nr_inodes=100 "$HOME_DIR"
      "$@" get work || code=98
      exit "$code"`;
    const { exitCode, stderr } = await mounted(login, script);
    if (exitCode === 99) {
      // What is stored already does not fit.
      continue;
    }
    outcomes.add(exitCode);
    expect([0, 6], `${most}: ${stderr}`).toContain(exitCode);
    expect(stderr === '' || stderr.includes('ENOSPC'), stderr).toBe(true);
    expect({ ...login.server }, most).toMatchObject({ tokenRequests: 1, reuseDetections: 0 });
  }
  expect([...outcomes].sort()).toEqual([0, 6]);
});
