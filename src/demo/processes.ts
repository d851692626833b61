import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Lane } from './timeline.ts';

export interface Finished {
  readonly pid: number;
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly startedAt: number;
  readonly endedAt: number;
}

export interface Running {
  readonly child: ChildProcess;
  readonly finished: Promise<Finished>;
}

/** Starts a real process; `onLine` hears each line of its stdout. */
export const start = (
  command: readonly string[],
  env: NodeJS.ProcessEnv,
  { input, onLine }: { input?: string; onLine?: (line: string) => void } = {},
): Running => {
  const [file = '', ...args] = command;
  const startedAt = Date.now();
  const child = spawn(file, args, { env: { ...process.env, ...env }, stdio: 'pipe' });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    for (const line of text.split('\n').filter(Boolean)) {
      onLine?.(line);
    }
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.on('error', () => {
    // It ended before it read everything; its exit code tells.
  });
  if (input !== undefined) {
    child.stdin.end(input);
  }
  const finished = once(child, 'close').then(([code]) => ({
    pid: child.pid ?? 0,
    code: code as number | null,
    stdout,
    stderr,
    startedAt,
    endedAt: Date.now(),
  }));
  return { child, finished };
};

/** A process's line in the timeline, with when it was at the token endpoint, if it was. */
export const laneOf = (
  { pid, startedAt, endedAt }: Finished,
  end: Lane['end'],
  refreshing: Lane['refreshing'] = null,
): Lane => ({ label: String(pid), startedAt, endedAt, refreshing, end });
