import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { firstLine } from './lock-processes.ts';

/** How far a holder goes. */
export const STEPS = [
  ...(['prepared', 'acquired', 'reserved', 'gated', 'written', 'committed', 'released'] as const),
];
export type Step = (typeof STEPS)[number];
/** What it does there: stay, end, or leave it to Node.js to find that there is nothing more to do. */
export type Then = 'wait' | 'exit' | 'idle';

export interface Holder {
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; signal: NodeJS.Signals | null; said: string }>;
}

export interface Holders {
  readonly directory: string;
  readonly lockPath: string;
  readonly recordPath: string;
  /** Resolves when it has come that far. */
  start(step: Step, then: Then): Promise<Holder>;
  stop(): Promise<void>;
}

/** Real processes that hold the lock, up to any step of it. */
export const prepareHolders = async (): Promise<Holders> => {
  const directory = await mkdtemp(join(tmpdir(), 'tokenctl-holder-'));
  const program = join(directory, 'holder.mjs');
  await build({
    entryPoints: [resolve(import.meta.dirname, 'lock-holder.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    // proper-lockfile is CommonJS.
    banner: {
      js: "import { createRequire as r } from 'node:module'; const require = r(import.meta.url);",
    },
    logLevel: 'warning',
  });
  const lockPath = join(directory, 'x.lock');
  const recordPath = join(directory, 'x.json');
  const children: ChildProcess[] = [];
  return {
    directory,
    lockPath,
    recordPath,
    start: async (step, then) => {
      const child = spawn(process.execPath, [program, lockPath, recordPath, step, then], {
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      children.push(child);
      let said = '';
      child.stderr.on('data', (data) => {
        said += data;
      });
      const ended = once(child, 'close').then(([code, signal]) => ({ code, signal, said }));
      await firstLine(child);
      return { child, ended };
    },
    stop: async () => {
      for (const child of children) {
        child.kill('SIGKILL');
      }
      await rm(directory, { recursive: true, force: true });
    },
  };
};
