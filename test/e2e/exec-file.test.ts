import { once } from 'node:events';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createSharedLogin, type SharedLogin } from '../support/login.ts';
import { need } from '../support/need.ts';
import { startWithFile } from '../support/running-exec.ts';
import { canTrace } from '../support/strace.ts';
import { hasTerminals, openTerminal } from '../support/terminal.ts';
import { TOKENCTL } from '../support/tokenctl.ts';

const soon = <T>(check: () => T | Promise<T>) => vi.waitFor(check, { timeout: 60_000 });

const storedToken = async (login: SharedLogin): Promise<string> =>
  (await login.run(['get', 'work', '--no-refresh'])).stdout.trim();

describe('the file of exec --file', () => {
  test('is ours alone, in a directory of its own, in memory where there is such a place', async () => {
    const login = await createSharedLogin();
    const { access_token } = await login.importGrant('work');
    const run = await startWithFile(login);
    expect(run.token()).toBe(access_token);
    if (process.platform === 'linux' && existsSync('/dev/shm')) {
      expect(statfsSync(run.path).type).toBe(statfsSync('/dev/shm').type);
    }
    const modes = [run.path, dirname(run.path)].map((path) => statSync(path).mode & 0o777);
    expect(modes).toEqual([0o600, 0o700]);
    expect(readdirSync(dirname(run.path))).toEqual(['work']);
    process.kill(run.program, 'SIGTERM');
    expect(await run.result).toMatchObject({ signal: 'SIGTERM', stderr: '' });
    expect(existsSync(dirname(run.path))).toBe(false);
  });

  test('is the only place with the token, if no variable is named for it', async () => {
    const login = await createSharedLogin();
    const { access_token } = await login.importGrant('work');
    const seen = await login.run([
      ...['exec', 'work', '--file', 'F'],
      ...['--', 'sh', '-c', 'env; printf "file: "; cat "$F"'],
    ]);
    const [environment, file] = seen.stdout.split('file: ');
    expect([seen.code, environment?.includes(access_token), file]).toEqual([
      0,
      false,
      access_token,
    ]);
    const both = ['exec', 'work', '--file', 'F', '--env', 'T', '--'];
    const { code } = await login.run([...both, 'sh', '-c', '[ "$T" = "$(cat "$F")" ]']);
    expect(code).toBe(0);
  });

  test('is renewed when the token is due, by one of all', async () => {
    const login = await createSharedLogin({ accessTokenLifetime: 3600 });
    const { access_token } = await login.importGrant('work', 4);
    const runs = await Promise.all([1, 2, 3].map(() => startWithFile(login)));
    await soon(() => {
      const tokens = new Set(runs.map((run) => run.token()));
      expect([tokens.size, tokens.has(access_token)]).toEqual([1, false]);
    });
    expect(login.server.tokenRequests).toBe(1);
    expect(runs.map((run) => run.said())).toEqual(['', '', '']);
    expect(runs[0]?.token()).toBe(await storedToken(login));
    expect(readdirSync(dirname(runs[0]?.path ?? ''))).toEqual(['work']);
  });

  test('follows what other processes renew, and what they find rejected', async () => {
    const login = await createSharedLogin();
    await login.importGrant('work');
    const run = await startWithFile(login);
    const before = run.token();
    expect((await login.run(['invalidate', 'work'])).code).toBe(0);
    await soon(() => expect(run.token()).not.toBe(before));
    expect(run.token()).toBe(await storedToken(login));
    const forced = (await login.run(['get', 'work', '--force'])).stdout.trim();
    await soon(() => expect(run.token()).toBe(forced));
    expect([login.server.tokenRequests, login.server.reuseDetections]).toEqual([2, 0]);
  });

  test('is fresh soon after a sleep that outlasted the token', async () => {
    const login = await createSharedLogin();
    const { access_token } = await login.importGrant('work', 3);
    const run = await startWithFile(login, { goesOn: 'kill -STOP $PPID; exec sleep 600' });
    await new Promise((resolve) => setTimeout(resolve, 4_000));
    expect(run.token()).toBe(access_token);
    run.child.kill('SIGCONT');
    await soon(() => expect(run.token()).not.toBe(access_token));
  });

  test('keeps the old token through an outage, says so once, and recovers', async () => {
    const login = await createSharedLogin();
    const { access_token } = await login.importGrant('work', 2);
    login.server.setFault({ kind: 'status', status: 503, body: {} });
    const run = await startWithFile(login, { options: ['--timeout', '1s'] });
    await soon(() => expect(run.said()).toContain('keeps the token of before'));
    const requests = login.server.tokenRequests;
    await soon(() => expect(login.server.tokenRequests).toBeGreaterThan(requests));
    expect(run.said().match(/\n/g)).toHaveLength(1);
    expect(run.token()).toBe(access_token);
    login.server.setFault(null);
    await soon(() => expect(run.token()).not.toBe(access_token));
    expect(run.said().match(/\n/g)).toHaveLength(1);
  });

  test('keeps the token of a dead login, says so once, and goes on when somebody signs in', async () => {
    const login = await createSharedLogin();
    await login.importGrant('work', 2);
    login.server.setFault({ kind: 'status', status: 400, body: { error: 'invalid_grant' } });
    const run = await startWithFile(login);
    await soon(() => expect(run.said()).toContain('(tokenctl login work)'));
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect(run.said().match(/keeps the token of before\n/g)).toHaveLength(1);
    expect(login.server.tokenRequests).toBe(1);
    login.server.setFault(null);
    const again = await login.importGrant('work');
    await soon(() => expect(run.token()).toBe(again.access_token));
  });

  test('is made again where somebody tidied it away', async () => {
    const login = await createSharedLogin();
    await login.importGrant('work');
    const run = await startWithFile(login, {
      goesOn: 'rm -r "$(dirname "$TOKEN_FILE")"; exec sleep 600',
    });
    await soon(() => expect(existsSync(run.path)).toBe(false));
    const forced = (await login.run(['get', 'work', '--force'])).stdout.trim();
    await soon(() => expect(existsSync(run.path) && run.token()).toBe(forced));
    expect(statSync(dirname(run.path)).mode & 0o777).toBe(0o700);
  });
});

describe('the end of exec --file', () => {
  test.each(['SIGTERM', 'SIGINT', 'SIGHUP'] as const)(
    'by %s leaves nothing behind',
    async (signal) => {
      const login = await createSharedLogin();
      await login.importGrant('work');
      const run = await startWithFile(login);
      run.child.kill(signal);
      expect(await run.result).toMatchObject({ code: null, signal, stderr: '' });
      expect(existsSync(dirname(run.path))).toBe(false);
    },
  );

  test('is when the program ends, whatever it thinks of signals', async () => {
    const login = await createSharedLogin();
    await login.importGrant('work');
    const run = await startWithFile(login, {
      goesOn:
        'trap "cat $TOKEN_FILE >/dev/null && exit 5" TERM; echo armed; while :; do sleep 0.1; done',
    });
    await soon(() => expect(run.printed()).toContain('armed'));
    run.child.kill('SIGTERM');
    expect(await run.result).toMatchObject({ code: 5, stderr: '' });
    expect(existsSync(dirname(run.path))).toBe(false);
  });

  test.each(['the program', 'us'])(
    'by a signal to %s waits until a rotated token is saved',
    async (whom) => {
      const login = await createSharedLogin({ latencyMs: 1_500 });
      await login.importGrant('work', 3);
      const run = await startWithFile(login);
      await soon(() => expect(login.server.rotations).toBe(1));
      // Rotated on the server, and the answer still on its way.
      process.kill(whom === 'us' ? (run.child.pid ?? 0) : run.program, 'SIGTERM');
      expect(await run.result).toMatchObject({ signal: 'SIGTERM', stderr: '' });
      expect(existsSync(dirname(run.path))).toBe(false);
      expect((await login.run(['get', 'work'])).code).toBe(0);
      expect([login.server.tokenRequests, login.server.reuseDetections]).toEqual([1, 0]);
    },
  );

  test('by the closing of its terminal leaves nothing behind', async (context) => {
    need(context, hasTerminals(), 'script(1) of util-linux');
    const login = await createSharedLogin();
    await login.importGrant('work');
    const terminal = openTerminal(
      login,
      'exec "$@" exec work --file F -- sh -c \'echo "path $F."; exec sleep 600\'',
    );
    await terminal.shows(/path (.*)\.\r?\n/);
    const [, path = ''] = /path (.*)\.\r?\n/.exec(terminal.shown()) ?? [];
    expect(existsSync(path)).toBe(true);
    terminal.close();
    await soon(() => expect(existsSync(dirname(path))).toBe(false));
  });

  test('by SIGKILL leaves a file that the next exec removes, and not those of the living', async () => {
    const login = await createSharedLogin();
    await login.importGrant('work');
    const { env } = createRuntime();
    const killed = await startWithFile(login, { env });
    const living = await startWithFile(login, { env });
    killed.child.kill('SIGKILL');
    // Not the result: the program holds its stdout, and goes on.
    await once(killed.child, 'exit');
    expect(existsSync(killed.path)).toBe(true);
    const next = await login.run(['exec', 'work', '--env', 'T', '--', 'true'], { env });
    expect(next).toMatchObject({ code: 0, stderr: '' });
    expect(existsSync(dirname(killed.path))).toBe(false);
    expect(existsSync(living.path)).toBe(true);
  });

  test('by a signal before the program has started leaves no file either', async (context) => {
    need(context, await canTrace(), 'strace(1)');
    const login = await createSharedLogin();
    await login.importGrant('work');
    const { env, entries } = createRuntime();
    // Sent when the token is put into its file, and the program is not there yet.
    const inject = 'inject=rename:signal=SIGTERM:when=1';
    const log = join(login.home, '..', 'calls');
    const strace = ['strace', '-f', '-qq', '-o', log, '-e', 'trace=rename', '-e', inject];
    const { signal, stdout } = await login.run(
      ['exec', 'work', '--file', 'F', '--', 'sh', '-c', 'exec sleep 600'],
      { env, command: [...strace, ...TOKENCTL] },
    );
    expect([signal, stdout]).toEqual(['SIGTERM', '']);
    expect(readFileSync(log, 'utf8')).toMatch(/rename\(.*tokenctl-exec\..*INJECTED|--- SIGTERM/s);
    expect(entries()).toEqual([]);
  });

  test('leaves no file where the program was not even found', async () => {
    const login = await createSharedLogin();
    await login.importGrant('work');
    const { env, entries } = createRuntime();
    const args = ['exec', 'work', '--file', 'F', '--', './nothing'];
    expect(await login.run(args, { env })).toMatchObject({ code: 127 });
    expect(entries()).toEqual([]);
    // It would have been there.
    const run = await startWithFile(login, { env });
    expect(entries()).toEqual([basename(dirname(run.path))]);
  });
});

/** A place for the files that no other process looks into: the one in memory is everybody's. */
const createRuntime = () => {
  const base = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
  const directory = mkdtempSync(join(base, 'tokenctl-test-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return {
    env: { XDG_RUNTIME_DIR: directory, TMPDIR: directory },
    entries: () => readdirSync(directory),
  };
};
