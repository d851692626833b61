import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Missing } from './results.ts';

declare const BENCH_ROOT: string;
declare const BENCH_OUT: string;

/** The project's directory, and the one of the bundled programs of the bench. */
export const ROOT = BENCH_ROOT;
export const PROGRAMS = BENCH_OUT;

/** How much is measured: more of it, and less noise. */
export interface Effort {
  readonly rounds: number;
  /** Commands are so short that only many in a row can be timed. */
  readonly batchMs: number;
  readonly manyLogins: number;
  /** Processes at once, and how many times. */
  readonly bursts: readonly { readonly processes: number; readonly rounds: number }[];
  readonly repeats: number;
}

export const FULL: Effort = {
  rounds: 25,
  batchMs: 60,
  manyLogins: 10_000,
  bursts: [
    { processes: 10, rounds: 9 },
    { processes: 100, rounds: 7 },
    { processes: 500, rounds: 3 },
  ],
  repeats: 7,
};

export const QUICK: Effort = {
  rounds: 7,
  batchMs: 40,
  manyLogins: 1_000,
  bursts: [
    { processes: 10, rounds: 3 },
    { processes: 100, rounds: 2 },
  ],
  repeats: 3,
};

/** One run of the bench: how much is wanted, where there is room, what could not be measured. */
export interface Bench {
  readonly effort: Effort;
  readonly missing: readonly Missing[];
  wants(group: string, name: string): boolean;
  miss(name: string, why: string): void;
  /** Shows what is going on: `topic: details`, or nothing when it is over. */
  progress(text: string): void;
  /** A new directory: on disk, or where fsync costs nothing. */
  directory(where: 'disk' | 'memory'): string;
  /** What must be ended with the bench, the last one first. */
  atEnd(cleanUp: () => void | Promise<void>): void;
  end(): Promise<void>;
}

export const createBench = (effort: Effort, only: RegExp): Bench => {
  const missing: Missing[] = [];
  const cleanUps: (() => void | Promise<void>)[] = [];
  let directories = 0;
  const places = { disk: scratch(tmpdir()), memory: scratch(memoryDirectory()) };
  return {
    effort,
    missing,
    wants: (group, name) => only.test(`${group}: ${name}`),
    miss: (name, why) => {
      missing.push({ name, why });
    },
    progress: showProgress(),
    directory: (where) => {
      directories += 1;
      const path = join(places[where], String(directories));
      mkdirSync(path, { mode: 0o700 });
      return path;
    },
    atEnd: (cleanUp) => {
      cleanUps.unshift(cleanUp);
    },
    end: async () => {
      for (const cleanUp of cleanUps.splice(0)) {
        await cleanUp();
      }
      for (const place of Object.values(places)) {
        rmSync(place, { recursive: true, force: true });
      }
    },
  };
};

/** Where nobody looks now, the topics will do. */
const showProgress = () => {
  let topic = '';
  return (text: string) => {
    const next = text.replace(/:.*/, '');
    if (process.stderr.isTTY) {
      process.stderr.write(`\r\u001b[K${text}`);
    } else if (next !== '' && next !== topic) {
      topic = next;
      process.stderr.write(`${topic} …\n`);
    }
  };
};

const scratch = (parent: string): string => mkdtempSync(join(parent, 'tokenctl-bench-'));

/** Ten thousand logins with their fsyncs would take minutes on a disk; reading them costs the same. */
const memoryDirectory = (): string => (existsSync('/dev/shm') ? '/dev/shm' : tmpdir());
