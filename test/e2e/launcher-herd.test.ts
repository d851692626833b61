import { chmodSync, existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { execa } from 'execa';
import { beforeEach, describe, expect, it } from 'vitest';
import { isInstalled, LAUNCHER, SHELLS, whereIs } from '../launcher/driver.ts';
import { storedRecord, takeOver, takeOverDue } from '../support/expired-login.ts';
import { createSharedLogin, type SharedLogin } from '../support/login.ts';
import { need } from '../support/need.ts';

const NODE = process.env.TOKENCTL_TEST_NODE ?? process.execPath;
const PROCESSES = 30;

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The token has expired, and not in this very second: some shells compare whole ones. */
const expire = async (login: SharedLogin): Promise<void> => {
  await takeOver(login);
  for (const file of ['work.herd', 'tokenctl-anchor']) {
    utimesSync(join(dirname(login.recordPath('work')), file), 1, Date.now() / 1000 - 2);
  }
};

/** A login, and launches of it in this shell, with a `node` that counts how often it was started. */
const createHerd = async (shell: readonly string[], options = {}) => {
  const login = await createSharedLogin(options);
  const bin = join(dirname(login.home), 'bin');
  const starts = join(bin, 'starts');
  mkdirSync(bin);
  writeFileSync(
    join(bin, 'node'),
    `#!/bin/sh\necho "$@" >>'${starts}'\n[ ! -e '${bin}/stop' ] || kill -STOP $$\nexec '${NODE}' "$@"\n`,
  );
  chmodSync(join(bin, 'node'), 0o755);
  const [command = '', ...before] = shell;
  const env = {
    PATH: `${bin}:/usr/bin:/bin`,
    HOME: '/nonexistent',
    TOKENCTL_HOME: login.home,
    LC_ALL: 'C.UTF-8',
  };
  const start = (...args: string[]) =>
    execa(whereIs(command), [...before, LAUNCHER, 'get', 'work', ...args], {
      env,
      extendEnv: false,
      reject: false,
      stripFinalNewline: false,
      stdin: 'ignore',
    });
  return {
    login,
    bin,
    start,
    launch: async (...args: string[]): Promise<Outcome> => {
      const { exitCode, stdout, stderr } = await start(...args);
      return { code: exitCode ?? -1, stdout, stderr };
    },
    starts: () => (existsSync(starts) ? readFileSync(starts, 'utf8').split('\n').slice(0, -1) : []),
  };
};

describe.each(SHELLS)('in %s, a herd', (name, ...shell) => {
  beforeEach((context) => {
    need(context, isInstalled(shell[0] ?? ''), name);
    need(context, existsSync('/usr/bin/flock'), 'flock(1)');
  });

  it('starts one Node.js for an expired token, and all print what it brought', async () => {
    const { login, launch, starts } = await createHerd(shell, { latencyMs: 1500 });
    await expire(login);
    const outcomes = await herdOf(PROCESSES, (index) =>
      launch(...(index % 3 === 0 ? ['--header'] : index % 3 === 1 ? ['--timeout', '20s'] : [])),
    );
    expect(outcomes.map(({ code, stderr }) => ({ code, stderr }))).toEqual(
      outcomes.map(() => ({ code: 0, stderr: '' })),
    );
    const tokens = outcomes.map(({ stdout }) => stdout.replace('Authorization: Bearer ', ''));
    expect(new Set(tokens).size).toBe(1);
    expect(login.server.tokenRequests).toBe(1);
    expect(starts()).toHaveLength(1);
  });

  it('hears from one Node.js why there is no token', async () => {
    const { login, launch, starts } = await createHerd(shell, { latencyMs: 1500 });
    await expire(login);
    const stored = storedRecord(login);
    const refreshToken = stored.kind === 'record' ? stored.record.refreshToken : null;
    login.server.revokeFamily(refreshToken?.reveal() ?? expect.fail());
    const outcomes = await herdOf(PROCESSES, () => launch());
    const [first] = outcomes;
    expect(first).toMatchObject({ code: 4, stdout: '' });
    expect(first?.stderr).toMatch(/^tokenctl: work: login required: .*\n$/);
    expect(outcomes).toEqual(outcomes.map(() => first));
    expect(login.server.tokenRequests).toBe(1);
    expect(starts()).toHaveLength(1);
  });
});

describe('a herd', () => {
  beforeEach((context) => need(context, existsSync('/usr/bin/flock'), 'flock(1)'));

  it('does not wait in the window, where the current token works', async () => {
    const { login, launch, starts } = await createHerd(['sh'], { latencyMs: 1000 });
    await takeOverDue(login);
    const outcomes = await herdOf(6, () => launch());
    expect(outcomes.map(({ code }) => code)).toEqual(outcomes.map(() => 0));
    expect(starts()).toHaveLength(6);
  });

  it('goes on with another Node.js if the one that it waits for is killed', async () => {
    const { login, bin, start, launch, starts } = await createHerd(['sh'], { latencyMs: 300 });
    await expire(login);
    writeFileSync(join(bin, 'stop'), '');
    const leader = start();
    await until(() => starts().length === 1);
    const others = herdOf(10, () => launch());
    await until(async () => (await waiting(login)) === 10);
    await execa('rm', [join(bin, 'stop')]);
    leader.kill('SIGKILL');
    const outcomes = await others;
    expect(outcomes.map(({ code, stderr }) => ({ code, stderr }))).toEqual(
      outcomes.map(() => ({ code: 0, stderr: '' })),
    );
    expect(starts()).toHaveLength(2);
    expect(login.server.tokenRequests).toBe(1);
    expect(starts()[1]).toMatch(/ get work( --timeout \d+s)?$/);
  });

  it('waits for one that was stopped no longer than it was told to, and starts no Node.js then', async () => {
    const { login, bin, start, launch, starts } = await createHerd(['sh']);
    await expire(login);
    writeFileSync(join(bin, 'stop'), '');
    const leader = start();
    await until(() => starts().length === 1);
    const outcomes = await herdOf(10, () => launch('--timeout', '1s'));
    leader.kill('SIGKILL');
    expect(new Set(outcomes.map((outcome) => JSON.stringify(outcome)))).toEqual(
      new Set([
        JSON.stringify({
          code: 5,
          stdout: '',
          stderr:
            'tokenctl: work: timed out waiting for another process that is refreshing (try again, or with a longer --timeout)\n',
        }),
      ]),
    );
    expect(starts()).toHaveLength(1);
  });

  it('prints the token that somebody else has brought in the meantime, whoever is stopped', async () => {
    const { login, bin, start, launch, starts } = await createHerd(['sh']);
    await expire(login);
    writeFileSync(join(bin, 'stop'), '');
    const leader = start();
    await until(() => starts().length === 1);
    const others = herdOf(5, () => launch('--timeout', '3s'));
    await until(async () => (await waiting(login)) === 5);
    const { stdout } = await login.run(['get', 'work']);
    const outcomes = await others;
    leader.kill('SIGKILL');
    expect(outcomes).toEqual(outcomes.map(() => ({ code: 0, stdout, stderr: '' })));
    expect(starts()).toHaveLength(1);
  });

  it('is none where more is asked for than the launcher can answer', async () => {
    const { login, launch, starts } = await createHerd(['sh'], { latencyMs: 700 });
    await expire(login);
    const outcomes = await herdOf(4, () => launch('--json'));
    expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect(starts()).toHaveLength(4);
    expect(login.server.tokenRequests).toBe(1);
  });
});

const herdOf = (count: number, launch: (index: number) => Promise<Outcome>): Promise<Outcome[]> =>
  Promise.all(Array.from({ length: count }, (_, index) => launch(index)));

const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await condition())) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

/** How many wait for the lock of the login's herd. */
const waiting = async ({ home }: SharedLogin): Promise<number> => {
  const { stdout } = await execa('sh', [
    '-c',
    'for p in /proc/[0-9]*; do tr "\\0" " " <"$p/cmdline" 2>/dev/null | grep -q "^/usr/bin/flock" && readlink "$p/fd/9"; done; :',
  ]);
  return stdout.split('\n').filter((path) => path.startsWith(home)).length;
};
