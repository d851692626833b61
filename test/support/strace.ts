import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Call, parseAll, parseThread, type Thread } from './strace-log.ts';
import type { Home, Result } from './tokenctl.ts';

export interface Traced {
  readonly pid: number;
  readonly result: Result;
  readonly calls: readonly Call[];
  /** It did not end by itself in time. */
  readonly hung: boolean;
}

/** Some of the calls of one thread are not made, but have this effect instead. */
export interface Tampering {
  readonly thread: Thread;
  readonly injections: readonly Injection[];
  /** Only calls about one of these files count, and are seen; all others take their course. */
  readonly about?: (held: Held) => readonly string[];
}

export interface Injection {
  readonly name: string;
  readonly effect: 'signal=KILL' | `error=${string}` | `retval=${number}`;
  /** `3`: the third call of this name in its thread; `3+`: that one and every one after it. */
  readonly when: `${number}` | `${number}+`;
}

/** A process that has been started and has not begun to do anything. */
export interface Held {
  readonly pid: number;
  /** With which it will name its first lease. */
  readonly nonce: string;
}

export interface TraceOptions {
  readonly env?: NodeJS.ProcessEnv;
  /** After so long it is killed, and `hung` is true. */
  readonly limitMs?: number;
}

const EVERY_CALL = '%file,%desc,%network,exit_group';

/**
 * Runs the command under strace(1), which attaches when Node.js has started and before the program
 * has: to all threads, to see what it does, or to the one that is to be tampered with.
 *
 * strace counts the calls of each thread by themselves. So that these counts mean something,
 * libuv gets one worker, and where there is tampering no other thread is counted.
 */
export const runTraced = async (
  { start }: Home,
  args: readonly string[],
  tampering?: Tampering,
  { env = {}, limitMs = 60_000 }: TraceOptions = {},
): Promise<Traced> => {
  const directory = mkdtempSync(join(tmpdir(), 'tokenctl-strace-'));
  const hold = join(directory, 'hold.cjs');
  const held = join(directory, 'held');
  const log = join(directory, 'log');
  writeFileSync(hold, HOLD);
  const running = start(args, {
    env: { ...env, NODE_OPTIONS: `--require ${hold}`, UV_THREADPOOL_SIZE: '1', TEST_HELD: held },
  });
  let hung = false;
  const limit = setTimeout(() => {
    hung = running.child.kill('SIGKILL');
  }, limitMs);
  try {
    const pid = present(running.child.pid);
    await until('it stops itself', () => stateOf(pid) === 'T');
    const [worker, nonce = ''] = readFileSync(held, 'utf8').split(' ');
    const threads = { main: pid, worker: Number(worker) };
    const traced = tampering === undefined ? Object.values(threads) : [threads[tampering.thread]];
    const strace = spawn(
      'strace',
      [
        ...['-q', '-yy', '-s', '0', '-o', log, '-e', `trace=${EVERY_CALL}`],
        ...(tampering === undefined
          ? ['-f', '-p', `${pid}`]
          : ['-p', `${threads[tampering.thread]}`, ...optionsFor(tampering, { pid, nonce })]),
      ],
      { stdio: 'ignore' },
    );
    const ended = once(strace, 'exit');
    await until('strace attaches', () => traced.every((thread) => isTraced(pid, thread)));
    process.kill(pid, 'SIGCONT');
    const result = await running.result;
    await ended;
    const text = readFileSync(log, 'utf8');
    const calls =
      tampering === undefined ? parseAll(text, threads) : parseThread(text, tampering.thread);
    return { pid, result, calls, hung };
  } finally {
    clearTimeout(limit);
    running.child.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  }
};

const optionsFor = ({ injections, about }: Tampering, held: Held): string[] => [
  ...injections.flatMap(({ name, effect, when }) => [
    '-e',
    `inject=${name}:${effect}:when=${when}`,
  ]),
  ...(about?.(held) ?? []).flatMap((path) => ['-P', path]),
];

/** Whether strace is there and may attach to our own processes. */
export const canTrace = async (): Promise<boolean> => {
  const victim = spawn('sleep', ['10'], { stdio: 'ignore' });
  const strace = spawn('strace', ['-q', '-o', '/dev/null', '-p', `${victim.pid}`], {
    stdio: 'ignore',
  });
  const failed = new Promise<false>((resolve) => {
    strace.once('error', () => resolve(false)).once('exit', () => resolve(false));
  });
  const pid = present(victim.pid);
  try {
    return await Promise.race([failed, until('', () => isTraced(pid, pid)).then(() => true)]);
  } catch {
    return false;
  } finally {
    victim.kill('SIGKILL');
  }
};

/**
 * Starts the worker, leaves word which thread it is and how the first lease will be named (eight
 * random bytes are asked for by nobody else), and stops until somebody lets it go on.
 */
const HOLD = `
const fs = require('node:fs');
const crypto = require('node:crypto');
const threads = () => fs.readdirSync('/proc/self/task');
const before = new Set(threads());
fs.access('/', () => {});
const worker = threads().find((id) => !before.has(id));
const { randomBytes } = crypto;
let nonce = randomBytes(8);
fs.writeFileSync(process.env.TEST_HELD, worker + ' ' + nonce.toString('hex'));
crypto.randomBytes = (size, ...rest) => {
  const bytes = size === 8 && nonce !== null ? nonce : randomBytes(size, ...rest);
  nonce = bytes === nonce ? null : nonce;
  return bytes;
};
require('node:module').syncBuiltinESMExports();
delete process.env.NODE_OPTIONS;
process.kill(process.pid, 'SIGSTOP');
`;

const stateOf = (pid: number): string | undefined => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[0];
};

const isTraced = (pid: number, thread: number): boolean =>
  !/^TracerPid:\t0$/m.test(readFileSync(`/proc/${pid}/task/${thread}/status`, 'latin1'));

const until = async (what: string, condition: () => boolean): Promise<void> => {
  const deadline = performance.now() + 60_000;
  while (!condition()) {
    if (performance.now() > deadline) {
      throw new Error(`waited in vain until ${what}`);
    }
    await sleep(5);
  }
};

const present = <T>(value: T | undefined): T => {
  if (value === undefined) {
    throw new Error('the process did not start');
  }
  return value;
};
