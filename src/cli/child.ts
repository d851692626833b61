import { type ChildProcess, type SpawnOptions, type StdioOptions, spawn } from 'node:child_process';
import { abbreviated, errnoOf, printable, TokenctlError } from '../errors.ts';
import { holdsSignals } from '../platform/signals.ts';
import { dieOf, passSignals } from './child-signals.ts';
import { EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND, EXIT_OWN_FAILURE } from './exit-codes.ts';
import { reportError } from './report.ts';

export interface ChildOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Our own stdin, stdout and stderr, if it does not say. */
  readonly stdio?: StdioOptions;
}

/** How another program ended. */
export type Ending =
  | { readonly kind: 'exited'; readonly code: number }
  | { readonly kind: 'killed'; readonly signal: NodeJS.Signals }
  /** With the exit code that says so. */
  | { readonly kind: 'not started'; readonly code: number; readonly error: TokenctlError };

export interface Child {
  /** For its pipes, if it has any. */
  readonly process: ChildProcess;
  /**
   * When it has ended. What it leaves behind in the background is not waited for, nor is what is still in
   * its pipes.
   */
  readonly ended: Promise<Ending>;
}

/**
 * Starts another program, found by PATH, without a shell. Signals that come from now on are passed to it,
 * and do nothing to us: we end when it does. `ended` never fails.
 *
 * @throws {TokenctlError} `refused` what no system call takes
 */
export const startChild = (
  command: string,
  args: readonly string[],
  { env, stdio = 'inherit' }: ChildOptions,
): Child => {
  // A stream that is made later would make the child's stderr non-blocking under its hands.
  process.stderr.writableLength;
  const signals = passSignals(untilSaved);
  const child = spawnOrRefuse(command, args, { env, stdio });
  signals.to(child);
  const ended = new Promise<Ending>((resolve) => {
    child.once('exit', (code, signal) =>
      resolve(signal === null ? { kind: 'exited', code: code ?? 0 } : { kind: 'killed', signal }),
    );
    child.on('error', (error) => {
      // Others come when a signal could not be sent, and it has ended meanwhile.
      if (child.pid === undefined) {
        resolve(notStarted(command, errnoOf(error) ?? 'unknown error'));
      }
    });
  });
  return { process: child, ended: ended.finally(signals.end) };
};

/** Ends as the program did. Of a signal this dies as well, so that a shell sees what it would have seen. */
export const endLike = async (ending: Ending, json = false): Promise<void> => {
  if (ending.kind === 'exited') {
    process.exitCode = ending.code;
  } else if (ending.kind === 'killed') {
    process.exitCode = await dieOf(ending.signal);
  } else {
    reportError(ending.error, json);
    process.exitCode = ending.code;
  }
};

/** A refresh token that has been spent is not left, and Ctrl-Z stops nothing, before its successor is safe. */
export const untilSaved = async (): Promise<void> => {
  while (holdsSignals()) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
};

const spawnOrRefuse = (command: string, args: readonly string[], options: SpawnOptions) => {
  // With NODE_DEBUG=child_process Node.js would print all of it, and a token is in the environment.
  const { write } = process.stderr;
  process.stderr.write = () => true;
  try {
    return spawn(command, args, options);
  } catch {
    // Not the error of Node.js: it repeats what it was given.
    throw new TokenctlError('refused', 'the program was not started: a NUL, or nothing, was given');
  } finally {
    process.stderr.write = write;
  }
};

const notStarted = (command: string, errno: string): Ending => {
  const [code, why] = PROBLEMS[errno] ?? [EXIT_NOT_EXECUTABLE, `it cannot be executed (${errno})`];
  const error = new TokenctlError('refused', `'${shown(command)}' was not started: ${why}`, {
    hint: HINTS[code],
  });
  return { kind: 'not started', code, error };
};

/** A path is worth reading whole; of any other long word nobody knows what strayed there. */
const shown = (command: string): string =>
  /^\.{0,2}\//.test(command) ? printable(command) : abbreviated(command);

const NO_RESOURCES = 'there are no resources for another process';

const PROBLEMS: Readonly<Record<string, readonly [code: number, why: string]>> = {
  ENOENT: [EXIT_NOT_FOUND, 'there is no such program'],
  ENOTDIR: [EXIT_NOT_FOUND, 'there is no such program'],
  EACCES: [EXIT_NOT_EXECUTABLE, 'it is not executable'],
  E2BIG: [EXIT_NOT_EXECUTABLE, 'its arguments and environment are too long'],
  // These come of fork(2), not of the program.
  EAGAIN: [EXIT_OWN_FAILURE, NO_RESOURCES],
  ENOMEM: [EXIT_OWN_FAILURE, NO_RESOURCES],
  EMFILE: [EXIT_OWN_FAILURE, NO_RESOURCES],
  ENFILE: [EXIT_OWN_FAILURE, NO_RESOURCES],
};

const HINTS: Readonly<Record<number, string>> = {
  [EXIT_NOT_FOUND]: 'check its name, and PATH; a function or alias of the shell is no program',
  [EXIT_OWN_FAILURE]: 'try again',
};
