import { spawn } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import type { Bench } from '../bench.ts';
import { environment } from '../shell-loop.ts';

type Argv = readonly [string, ...string[]];

interface With {
  readonly env?: NodeJS.ProcessEnv | undefined;
  readonly input?: string | undefined;
}

/** Runs a step of a preparation to its end. Gives its stdout. */
export const run = ([program, ...args]: Argv, { env, input = '' }: With = {}): Promise<string> =>
  new Promise((resolve, reject) => {
    const child = spawn(program, args, { env: environment({ env }), timeout: 120_000 });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('error', reject);
    child.stdin.on('error', () => {
      // It ended before it had read everything; its exit code tells.
    });
    child.stdin.end(input);
    child.on('close', (code) => {
      const said = stderr.trim().split('\n').at(-1) ?? '';
      if (code === 0) {
        resolve(stdout);
      } else {
        reject(new Error(`${program} ${args[0] ?? ''} failed with ${code}: ${said}`));
      }
    });
  });

/** Starts a daemon in the foreground, ended with the bench. Gives what it said until it was ready. */
export const startDaemon = async (
  bench: Bench,
  [program, ...args]: Argv,
  isReady: (said: string) => boolean | Promise<boolean>,
  { env, input }: With = {},
): Promise<{ pid: number; said: string }> => {
  const child = spawn(program, args, {
    env: environment({ env }),
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  let said = '';
  let ended: string | null = null;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  child.on('error', ({ message }) => {
    ended = message;
  });
  child.on('exit', (code) => {
    ended = `ended with ${code}`;
  });
  bench.atEnd(() => {
    child.kill();
  });
  child.stdin.end(input);
  for (let look = 0; look < LOOKS && ended === null; look += 1) {
    if (await isReady(said)) {
      return { pid: child.pid ?? 0, said };
    }
    await setTimeout(BETWEEN_MS);
  }
  throw new Error(`${program} did not get ready: ${ended ?? 'it is still not'}`);
};

const LOOKS = 100;
const BETWEEN_MS = 100;
