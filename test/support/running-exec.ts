import { readFileSync } from 'node:fs';
import { onTestFinished, vi } from 'vitest';
import type { SharedLogin } from './login.ts';
import type { RunOptions } from './tokenctl.ts';

/** An `exec --file` whose program has said its own process id and the file's path, and sleeps. */
export const startWithFile = async (
  login: SharedLogin,
  {
    options = [],
    goesOn = 'exec sleep 600',
    env = {},
  }: {
    readonly options?: readonly string[];
    /** What the program does then, a shell script. */
    readonly goesOn?: string;
    readonly env?: RunOptions['env'];
  } = {},
) => {
  const script = `echo "$$ $TOKEN_FILE"; ${goesOn}`;
  const args = ['exec', 'work', '--file', 'TOKEN_FILE', ...options, '--', 'sh', '-c', script];
  const { child, result } = login.start(args, { env });
  onTestFinished(() => void child.kill('SIGKILL'));
  let out = '';
  child.stdout?.on('data', (chunk) => {
    out += chunk;
  });
  let err = '';
  child.stderr?.on('data', (chunk) => {
    err += chunk;
  });
  const [, pid = '', path = ''] = await vi.waitFor(
    () => {
      const said = /^(\d+) (\/.*)\n/.exec(out);
      if (said === null) {
        throw new Error(`not started: ${err}`);
      }
      return said;
    },
    { timeout: 60_000 },
  );
  const program = Number(pid);
  onTestFinished(async () => {
    try {
      process.kill(program, 'SIGKILL');
    } catch {
      // It has ended.
    }
    // So that it tidies up.
    await result;
  });
  return {
    child,
    result,
    program,
    path,
    printed: () => out,
    said: () => err,
    token: () => readFileSync(path, 'utf8'),
  };
};
