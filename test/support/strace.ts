import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Home, Result } from './tokenctl.ts';

/** The two threads that make system calls of interest: JavaScript's, and libuv's one worker. */
export type Thread = 'main' | 'worker';

export interface Call {
  readonly thread: Thread;
  readonly name: string;
  /** It is the nth call of this name in its thread. */
  readonly nth: number;
  /** As strace(1) prints it when it begins, strings left out. */
  readonly text: string;
}

export interface Traced {
  readonly result: Result;
  readonly calls: readonly Call[];
}

/** A system call that kills its process instead of being made. */
export type Target = Pick<Call, 'thread' | 'name' | 'nth'>;

const EVERY_CALL = '%file,%desc,%network,exit_group';

/**
 * Runs the command under strace(1), which attaches when Node.js has started and before the program
 * has: to all threads, to see what it does, or to the one that is to be killed at `target`.
 *
 * strace counts the calls of each thread by themselves. So that these counts mean something,
 * libuv gets one worker, and where there is a target no other thread is counted.
 */
export const runTraced = async (
  { start }: Home,
  args: readonly string[],
  target?: Target,
): Promise<Traced> => {
  const directory = mkdtempSync(join(tmpdir(), 'tokenctl-strace-'));
  const hold = join(directory, 'hold.cjs');
  const held = join(directory, 'held');
  const log = join(directory, 'log');
  writeFileSync(hold, HOLD);
  const running = start(args, {
    env: { NODE_OPTIONS: `--require ${hold}`, UV_THREADPOOL_SIZE: '1', TEST_HELD: held },
  });
  try {
    const pid = present(running.child.pid);
    await until('it stops itself', () => stateOf(pid) === 'T');
    const threads = { main: pid, worker: Number(readFileSync(held, 'utf8')) };
    const tracing =
      target === undefined
        ? ['-f', '-p', `${pid}`]
        : [
            ...['-p', `${threads[target.thread]}`],
            ...['-e', `inject=${target.name}:signal=KILL:when=${target.nth}`],
          ];
    const strace = spawn(
      'strace',
      ['-q', '-yy', '-s', '0', '-o', log, '-e', `trace=${EVERY_CALL}`, ...tracing],
      { stdio: 'ignore' },
    );
    const ended = once(strace, 'exit');
    const traced = target === undefined ? Object.values(threads) : [threads[target.thread]];
    await until('strace attaches', () => traced.every((thread) => isTraced(pid, thread)));
    process.kill(pid, 'SIGCONT');
    const result = await running.result;
    await ended;
    const text = readFileSync(log, 'utf8');
    const calls = target === undefined ? parseAll(text, threads) : parseThread(text, target.thread);
    return { result, calls };
  } finally {
    running.child.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  }
};

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

/** Starts the worker, leaves word which thread it is, and stops until somebody lets it go on. */
const HOLD = `
const fs = require('node:fs');
const threads = () => fs.readdirSync('/proc/self/task');
const before = new Set(threads());
fs.access('/', () => {});
fs.writeFileSync(process.env.TEST_HELD, threads().filter((id) => !before.has(id)).join(' '));
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
  const deadline = performance.now() + 20_000;
  while (!condition()) {
    if (performance.now() > deadline) {
      throw new Error(`waited in vain until ${what}`);
    }
    await sleep(5);
  }
};

const parseAll = (log: string, threads: Readonly<Record<Thread, number>>): Call[] => {
  const counters = { main: new Map<string, number>(), worker: new Map<string, number>() };
  return log.split('\n').flatMap((line) => {
    const [, id, text = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const thread = (['main', 'worker'] as const).find((role) => threads[role] === Number(id));
    return thread === undefined ? [] : parseCall(text, thread, counters[thread]);
  });
};

const parseThread = (log: string, thread: Thread): Call[] => {
  const counter = new Map<string, number>();
  return log.split('\n').flatMap((line) => parseCall(line, thread, counter));
};

const parseCall = (line: string, thread: Thread, counter: Map<string, number>): Call[] => {
  // `<... read resumed>`, `+++ exited +++` and `--- SIGCONT ---` begin no call.
  const [, name] = /^([a-z]\w*)\(/.exec(line) ?? [];
  if (name === undefined) {
    return [];
  }
  const nth = (counter.get(name) ?? 0) + 1;
  counter.set(name, nth);
  // What it returned is known of some calls only.
  return [{ thread, name, nth, text: line.replace(/ += [^=]*$| <unfinished \.\.\.>$/, '') }];
};

const present = <T>(value: T | undefined): T => {
  if (value === undefined) {
    throw new Error('the process did not start');
  }
  return value;
};
