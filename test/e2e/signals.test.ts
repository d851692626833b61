import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { describe, expect, type TestContext, test, vi } from 'vitest';
import type { AuthorizationServer } from '../../src/demo/authorization-server.ts';
import { processState } from '../../src/platform/process-identity.ts';
import { createSharedLogin, rounds, type SharedLogin } from '../support/login.ts';
import { need } from '../support/need.ts';
import { createRandom, type Random } from '../support/storm-random.ts';
import { hasTerminals, openTerminal } from '../support/terminal.ts';
import { TOKENCTL } from '../support/tokenctl.ts';

const needTerminals = (context: TestContext) =>
  need(context, hasTerminals(), 'script(1) of util-linux');

describe('interrupted at random moments', () => {
  test('a refresh loses nothing and leaves nothing behind', async () => {
    const random = seededRandom();
    const login = await createSharedLogin({ latencyBeforeMs: 10, latencyMs: 20 });
    await login.importGrant('work');
    let typicalMs = 300;
    let interrupted = 0;
    for (let round = 0; round < rounds(30, 300); round += 1) {
      const shot = aim(random, typicalMs);
      const running = login.start(['get', 'work', '--force']);
      const disarm = shoot(login.server, shot, (signal) => running.child.kill(signal));
      const { code, signal, stderr, ms } = await running.result;
      disarm();
      // It may have been faster.
      expect([shot, code, signal]).toEqual(
        code === null ? [shot, null, shot.signal] : [shot, 0, null],
      );
      expect([shot, stderr]).toEqual([shot, '']);
      expect([shot, await strayFiles(login)]).toEqual([shot, []]);
      const next = await login.run(['get', 'work']);
      expect([shot, next.code, next.stderr]).toEqual([shot, 0, '']);
      expect([shot, login.server.reuseDetections]).toEqual([shot, 0]);
      interrupted += code === null ? 1 : 0;
      typicalMs = code === null ? typicalMs : (typicalMs * 9 + ms) / 10;
    }
    // Where every shot came too late nothing was proved.
    expect(interrupted).toBeGreaterThan(rounds(30, 300) / 4);
  });

  test('some of many cost the others nothing', async () => {
    const random = seededRandom();
    const login = await createSharedLogin({ latencyBeforeMs: 10, latencyMs: 50 });
    for (let round = 0; round < rounds(4, 40); round += 1) {
      await login.importGrant('work', 0);
      login.server.clearLog();
      const all = Array.from({ length: 6 }, () => login.start(['get', 'work']));
      const victims = all.slice(0, 3);
      const disarms = victims.map(({ child }) =>
        shoot(login.server, aim(random, 600), (signal) => child.kill(signal)),
      );
      const results = await Promise.all(all.map(({ result }) => result));
      for (const disarm of disarms) {
        disarm();
      }
      const others = results.slice(victims.length);
      expect(others.map(({ code, stderr }) => [code, stderr])).toEqual(Array(3).fill([0, '']));
      const printed = new Set(results.map(({ stdout }) => stdout).filter((text) => text !== ''));
      expect(printed.size).toBe(1);
      expect(login.server.rotations).toBe(1);
      expect(login.server.reuseDetections).toBe(0);
      expect(await strayFiles(login)).toEqual([]);
    }
  });
});

describe('the status that a shell sees', () => {
  test.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('after %s is %i, when the new token is safe', async (signal, status) => {
    const login = await createSharedLogin({ latencyMs: 100 });
    await login.importGrant('work', 0);
    const shell = inShell(
      login,
      '"$@" get work & echo $! >"$TOKENCTL_HOME/pid"; wait $!; echo "status $?"',
    );
    whenRotated(login, async () => {
      process.kill(Number(await readFile(join(login.home, 'pid'))), signal);
    });
    expect((await shell).stdout).toBe(`status ${status}`);
    await expectSaved(login);
  });

  test('when nobody reads is 141, and the new token is safe', async () => {
    const login = await createSharedLogin({ latencyMs: 100 });
    await login.importGrant('work', 0);
    const { stdout, stderr } = await inShell(
      login,
      '{ { "$@" get work; echo "status $?" >&4; } | true; } 4>&1',
    );
    expect([stdout, stderr]).toEqual(['status 141', '']);
    await expectSaved(login);
  });
});

describe('in a terminal', () => {
  test('Ctrl-C waits until the new token is safe, however often it is pressed', async (context) => {
    needTerminals(context);
    const login = await createSharedLogin({ latencyMs: 300 });
    const { access_token } = await login.importGrant('work', 0);
    const terminal = openTerminal(
      login,
      'trap : INT\n"$@" get work\necho "status $?"\nread answer',
    );
    whenRotated(login, () => {
      for (const ms of [0, 50, 100]) {
        setTimeout(() => terminal.type('\x03'), ms);
      }
    });
    await terminal.shows(/status \d+/);
    expect(terminal.shown()).toContain('status 130');
    terminal.close();
    await expectSaved(login);
    expect(terminal.shown()).not.toContain(access_token);
  });

  test('Ctrl-Z stops it only when the new token is safe, and fg goes on', async (context) => {
    needTerminals(context);
    const login = await createSharedLogin({ latencyMs: 300 });
    await login.importGrant('work', 0);
    const terminal = openTerminal(
      login,
      'set -m\n"$@" get work\necho "status $?"\nread answer\nfg\necho "status $?"\nread answer',
    );
    whenRotated(login, () => terminal.type('\x1a'));
    // 128 and SIGTSTP: stopped, not ended.
    await terminal.shows(/status 148/);
    const saved = await expectSaved(login);
    expect(terminal.shown()).not.toContain(saved);
    terminal.type('\n');
    await terminal.shows(/status 0/);
    expect(terminal.shown()).toContain(saved);
    terminal.close();
    expect(login.server.tokenRequests).toBe(1);
  });

  test('that is closed, the new token is saved before the command ends', async (context) => {
    needTerminals(context);
    const login = await createSharedLogin({ latencyMs: 300 });
    await login.importGrant('work', 0);
    const terminal = openTerminal(login, 'echo "pid $$"; exec "$@" get work');
    await terminal.shows(/pid \d+/);
    const pid = Number(/pid (\d+)/.exec(terminal.shown())?.[1]);
    await new Promise<void>((resolve) => whenRotated(login, () => resolve(terminal.close())));
    await vi.waitFor(() => expect([null, 'Z']).toContain(processState(pid)), 20_000);
    await expectSaved(login);
  });
});

describe('a program that uses the library', () => {
  test('and refreshes two logins, has both safe before a signal ends it', async () => {
    const login = await createSharedLogin({ latencyMs: 300 });
    await login.importGrant('one', 0);
    await login.importGrant('two', 0);
    const program = runProgram(
      login,
      `const tokens = ['one', 'two'].map((name) => createTokenManager({ store: fileStore(name) }));
       await Promise.all(tokens.map((manager) => manager.getValidToken()));
       console.log('went on');`,
    );
    let rotated = 0;
    login.server.onRotated(() => {
      rotated += 1;
      if (rotated === 2) {
        program.kill('SIGTERM');
      }
    });
    expect(await program).toMatchObject({ signal: 'SIGTERM', stdout: '', stderr: '' });
    for (const name of ['one', 'two']) {
      expect(await login.run(['get', name])).toMatchObject({ code: 0, stderr: '' });
    }
    expect(login.server.tokenRequests).toBe(2);
  });

  test('and listens to signals itself, hears each once and decides alone', async () => {
    const login = await createSharedLogin({ latencyMs: 300 });
    await login.importGrant('work', 0);
    const program = runProgram(
      login,
      `for (const signal of ['SIGTERM', 'SIGTSTP']) {
         process.on(signal, () => console.log('heard', signal));
       }
       await createTokenManager({ store: fileStore('work') }).getValidToken();
       await new Promise((resolve) => setTimeout(resolve, 200));
       console.log('went on');`,
    );
    whenRotated(login, () => {
      program.kill('SIGTERM');
      program.kill('SIGTSTP');
    });
    const { stdout } = await program;
    expect(stdout.split('\n').sort()).toEqual(['heard SIGTERM', 'heard SIGTSTP', 'went on']);
    await expectSaved(login);
  });
});

const runProgram = ({ home }: SharedLogin, code: string) => {
  const library = resolve(import.meta.dirname, '../../dist/index.js');
  const program = `import { createTokenManager, fileStore } from ${JSON.stringify(library)};\n${code}`;
  return execa(process.execPath, ['--input-type=module', '-e', program], {
    env: { TOKENCTL_HOME: home },
    reject: false,
    forceKillAfterDelay: false,
  });
};

/** Says its seed, so that what failed once can be run again. */
const seededRandom = (): Random => {
  const seed = process.env.TOKENCTL_TEST_SEED ?? `${Date.now()}`;
  console.log(`TOKENCTL_TEST_SEED=${seed} repeats this`);
  return createRandom(seed);
};

interface Shot {
  readonly signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP';
  readonly after: 'start' | 'onTokenRequest' | 'onRotated';
  readonly ms: number;
}

const aim = (random: Random, typicalMs: number): Shot => {
  const after = random.pick<Shot['after']>(['start', 'start', 'onTokenRequest', 'onRotated']);
  return {
    signal: random.pick<Shot['signal']>(['SIGINT', 'SIGTERM', 'SIGHUP']),
    after,
    ms: random.between(0, after === 'start' ? typicalMs : 60),
  };
};

/** Gives what takes the shot back. */
const shoot = (
  server: AuthorizationServer,
  { signal, after, ms }: Shot,
  kill: (signal: NodeJS.Signals) => void,
): (() => void) => {
  let timer: NodeJS.Timeout | undefined;
  const start = () => {
    timer ??= setTimeout(() => kill(signal), ms);
  };
  const end = after === 'start' ? start() : server[after](start);
  return () => {
    end?.();
    clearTimeout(timer);
  };
};

/** A shell script, with the command as "$@". */
const inShell = ({ home }: SharedLogin, script: string) =>
  execa('sh', ['-c', script, 'sh', ...TOKENCTL], {
    env: { TOKENCTL_HOME: home },
    stdin: 'ignore',
    reject: false,
  });

const whenRotated = ({ server }: SharedLogin, action: () => void | Promise<void>): void => {
  const end = server.onRotated(() => {
    end();
    return action();
  });
};

/** The next get prints it without asking anybody. Gives the access token. */
const expectSaved = async (login: SharedLogin): Promise<string> => {
  const next = await login.run(['get', 'work']);
  expect(next).toMatchObject({ code: 0, stderr: '' });
  expect(login.server.tokenRequests).toBe(1);
  expect(await strayFiles(login)).toEqual([]);
  return next.stdout.trim();
};

const strayFiles = async ({ home }: SharedLogin): Promise<string[]> =>
  (await readdir(join(home, 'credentials'), { recursive: true })).filter(
    (name) => !['work.json', 'work.herd', 'tokenctl-anchor'].includes(name),
  );
