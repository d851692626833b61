import type { ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { isatty } from 'node:tty';

/** From the keyboard these reach all that run in the foreground of a terminal: the program has had them. */
const KEYBOARD: ReadonlySet<NodeJS.Signals> = new Set(['SIGINT', 'SIGQUIT', 'SIGTSTP', 'SIGWINCH']);

const PASSED: readonly NodeJS.Signals[] =
  process.platform === 'win32'
    ? ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGBREAK']
    : ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGCONT', ...KEYBOARD];

/**
 * Passes signals to another program, each once. This process itself is only stopped by them, never ended.
 *
 * @param beforeStop waited for before this process is stopped
 */
export const passSignals = (
  beforeStop: () => Promise<unknown>,
): { to: (child: ChildProcess) => void; end: () => void } => {
  let child: ChildProcess | null = null;
  /** Counts what stops and continues: a stop that is overtaken does not happen. */
  let turn = 0;
  const stop = async () => {
    turn += 1;
    const mine = turn;
    await beforeStop();
    if (turn === mine) {
      // With nobody listening it has its own effect: we stand still in here until we are continued.
      process.removeListener('SIGTSTP', pass);
      process.kill(process.pid, 'SIGTSTP');
      setImmediate(() => turn >= 0 && process.on('SIGTSTP', pass));
    }
  };
  const pass = (signal: NodeJS.Signals) => {
    if (child?.pid !== undefined && !(KEYBOARD.has(signal) && hadFromTerminal(child.pid))) {
      child.kill(signal);
    }
    if (signal === 'SIGTSTP') {
      void stop();
    } else if (signal === 'SIGCONT') {
      turn += 1;
    }
  };

  for (const signal of PASSED) {
    process.on(signal, pass);
  }
  return {
    to: (started) => {
      child = started;
    },
    end: () => {
      turn = Number.NEGATIVE_INFINITY;
      for (const signal of PASSED) {
        process.removeListener(signal, pass);
      }
    },
  };
};

/** Dies of this signal. Gives the exit code that stands for it, in case that it does not come to that. */
export const dieOf = async (signal: NodeJS.Signals): Promise<number> => {
  try {
    // Node.js itself ignores or handles some: once nobody listens any more it is the system's own again.
    const nobody = () => {};
    process.on(signal, nobody).removeListener(signal, nobody);
  } catch {
    // SIGKILL needs no such thing.
  }
  process.kill(process.pid, signal);
  // Delivered within a turn of the event loop; this is far beyond.
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  return 128 + constants.signals[signal];
};

/** Whether we and this process are in the foreground of our terminal, and what is typed there reaches both. */
const hadFromTerminal = (pid: number): boolean => {
  if (process.platform !== 'linux') {
    return [0, 1, 2].some((descriptor) => isatty(descriptor));
  }
  const [ours, theirs] = [processGroup('self'), processGroup(pid)];
  return ours !== null && ours.foreground === ours.group && theirs?.group === ours.group;
};

/** proc_pid_stat(5): the command may hold spaces and parentheses, so fields count from the last `)`. */
const processGroup = (pid: number | 'self'): { group: string; foreground: string } | null => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const [, , group = '', , , foreground = ''] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { group, foreground };
  } catch {
    return null;
  }
};
