import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { expect, onTestFinished } from 'vitest';
import type { Credential } from '../../src/credential.ts';
import { createJudge } from '../../src/lock/judge.ts';
import { later, type Moment, systemClock } from '../../src/platform/clock.ts';
import { loginStore } from '../../src/store/file.ts';

export const LAUNCHER = resolve(import.meta.dirname, '../../bin/tokenctl');

/** Shells that may be somebody's `sh`, each as it would be started by that name and by its own. */
export const SHELLS: readonly (readonly [name: string, ...command: string[]])[] = [
  ['dash', 'dash'],
  ['bash', 'bash'],
  ['bash as sh', 'bash', '--posix'],
  ['busybox ash', 'busybox', 'ash'],
  ['zsh', 'zsh', '-f'],
  ['zsh as sh', 'zsh', '--emulate', 'sh'],
  ['ksh93', 'ksh93'],
  ['mksh', 'mksh'],
  ['yash', 'yash'],
  ['yash as sh', 'yash', '--posixly-correct'],
];

export const isInstalled = (program: string): boolean => whereIs(program) !== '';

/** Its absolute path, whatever PATH a launch is given. */
export const whereIs = (program: string): string =>
  spawnSync('sh', ['-c', 'command -v "$0"', program], { encoding: 'utf8' }).stdout.trim();

/** The system's own `sh`, if nothing is said. */
export const SH: readonly string[] = ['sh'];

export interface Launch {
  readonly args: readonly string[];
  /** Nothing else is in its environment. */
  readonly env?: NodeJS.ProcessEnv;
  readonly shell?: readonly string[];
  readonly cwd?: string;
  readonly input?: string | Buffer;
}

export interface Launched {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** What Node.js was started with, if it was. */
  readonly node: { readonly args: readonly string[]; readonly env: string } | null;
}

/** A directory for one test, with a home and a `node` that only tells that it was asked. */
export const createPlace = () => {
  const directory = mkdtempSync(join(tmpdir(), 'tokenctl-launcher-test-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const home = join(directory, 'home');
  const bin = join(directory, 'bin');
  mkdirSync(bin);
  writeFileSync(
    join(bin, 'node'),
    `#!/bin/sh\nprintf '%s\\n' "$@" >'${directory}/args'\n/usr/bin/env >'${directory}/env'\n/bin/cat >'${directory}/stdin'\n`,
  );
  chmodSync(join(bin, 'node'), 0o755);
  const path = `${bin}:/usr/local/bin:/usr/bin:/bin`;
  const seen = ['args', 'env', 'stdin'].map((name) => join(directory, name));
  const withNode = (launched: Omit<Launched, 'node'>): Launched => {
    const [asked, environment] = seen.map(readOrNull);
    const node =
      asked == null ? null : { args: asked.split('\n').slice(0, -1), env: environment ?? '' };
    return { ...launched, node };
  };
  const recordPath = (login = 'work') => join(home, 'credentials', `${login}.json`);
  return {
    directory,
    home,
    path,
    recordPath,
    anchorPath: join(home, 'credentials', 'tokenctl-anchor'),
    /** Puts a record there as Node.js would: under its lock, with its deadline. */
    save: (record: Credential, login = 'work') => save(home, login, record),
    /** Gives the record another token by hand, and its file the time that it had. */
    replaceToken: (token: string, login = 'work') => {
      const path = recordPath(login);
      const { mtimeMs } = statSync(path);
      const text = readFileSync(path, 'utf8');
      const [fresh = ''] = text.split('\n');
      const length = fresh.replace(/\d+",$/, `${token.length}",`);
      writeFileSync(
        path,
        text
          .replace(fresh, length)
          .replace(/^"access_token":.*$/m, () => `"access_token":"${token}",`),
      );
      utimesSync(path, 1, mtimeMs / 1000);
    },
    launch: ({ args, env = {}, shell = SH, cwd = directory, input = '' }: Launch): Launched => {
      for (const file of seen) {
        rmSync(file, { force: true });
      }
      const [command = '', ...rest] = shell;
      const { status, stdout, stderr } = spawnSync(whereIs(command), [...rest, LAUNCHER, ...args], {
        env: { PATH: path, HOME: '/nonexistent', TOKENCTL_HOME: home, ...env },
        cwd,
        input,
        encoding: 'utf8',
        timeout: 60_000,
      });
      return withNode({ code: status, stdout, stderr });
    },
    /** The same, to do something meanwhile; the first in its place. */
    start: async ({ args, shell = SH, input = '' }: Launch): Promise<Launched> => {
      const [command = '', ...rest] = shell;
      const { exitCode, stdout, stderr } = await execa(
        whereIs(command),
        [...rest, LAUNCHER, ...args],
        {
          env: { PATH: path, HOME: '/nonexistent', TOKENCTL_HOME: home },
          ...{ extendEnv: false, cwd: directory, input, reject: false, timeout: 60_000 },
        },
      );
      return withNode({ code: exitCode ?? null, stdout, stderr });
    },
    stdinOfNode: () => readOrNull(join(directory, 'stdin')),
    /** Many launches for the price of one process start, each in a home of its own. */
    launchAll: (launches: readonly (Launch & { readonly home: string })[]): Launched[] =>
      launchAll(directory, path, launches),
  };
};

export type Place = ReturnType<typeof createPlace>;

export const save = async (home: string, login: string, record: Credential): Promise<void> => {
  const turn = await loginStore(login, { TOKENCTL_HOME: home }).tryLease(createJudge());
  const { lease } = turn.kind === 'held' ? turn : expect.fail(turn.kind);
  const previous = (await lease.read())?.record ?? null;
  expect(await lease.reserve(previous)).toBe('done');
  expect(await lease.write(record, previous)).toBe('done');
  expect(await lease.commit()).toBe('done');
  await lease.release();
};

/** This many seconds ago, on both clocks. */
export const ago = (seconds: number): Moment => later(systemClock(), -seconds * 1000);

const launchAll = (
  directory: string,
  path: string,
  launches: readonly (Launch & { readonly home: string })[],
): Launched[] => {
  const out = mkdtempSync(join(directory, 'all-'));
  const script = launches.map(({ args, env = {}, shell = SH, home }, index) => {
    const environment = { PATH: path, HOME: '/nonexistent', TOKENCTL_HOME: home, ...env };
    const assignments = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
    const command = ['env', '-i', ...assignments, ...shell, LAUNCHER, ...args].map(quoted);
    return `${command.join(' ')} >${index}.out 2>${index}.err </dev/null; echo $? >${index}.code
[ ! -e ../args ] || { mv ../args ${index}.args; mv ../env ${index}.env; }`;
  });
  writeFileSync(join(out, 'script'), `cd ${quoted(out)} || exit\n${script.join('\n')}\n`);
  execFileSync('sh', [join(out, 'script')], { stdio: 'ignore' });
  return launches.map((_launch, index) => {
    const read = (what: string) => readOrNull(join(out, `${index}.${what}`));
    const asked = read('args');
    return {
      code: Number(read('code')),
      stdout: read('out') ?? '',
      stderr: read('err') ?? '',
      node:
        asked === null ? null : { args: asked.split('\n').slice(0, -1), env: read('env') ?? '' },
    };
  });
};

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

const readOrNull = (path: string): string | null => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
};
