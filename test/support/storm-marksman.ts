import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Blow } from './storm-blows.ts';
import type { Running } from './storm-processes.ts';
import { examine } from './storm-sight.ts';

export interface Marksman {
  /** Resolves when the blow has been dealt (and the stop is not over yet). */
  strike(target: Running, blow: Blow): Promise<void>;
  /** Lets everybody go on who has been stopped. */
  release(): void;
}

/**
 * Signals the storm's processes, and puts down what each that is killed had achieved: it is stopped
 * first, so that nothing changes between that look and its end.
 */
export const createMarksman = (home: string): Marksman => {
  const stopped = new Map<Running, NodeJS.Timeout>();

  const goOn = (target: Running): void => {
    clearTimeout(stopped.get(target));
    stopped.delete(target);
    if (!target.over) {
      signal(target, 'SIGCONT');
    }
  };

  const stop = (target: Running, ms: number): void => {
    if (!stopped.has(target) && signal(target, 'SIGSTOP')) {
      stopped.set(
        target,
        setTimeout(() => goOn(target), ms),
      );
    }
  };

  const kill = async (target: Running): Promise<void> => {
    target.over = true;
    // Not put down: it is part of the kill.
    if (!deliver(target.pid, 'SIGSTOP') || !(await standsStill(target.pid))) {
      return;
    }
    target.autopsy = examine(home, target.login, target.pid);
    signal(target, 'SIGKILL');
  };

  return {
    strike: async (target, blow) => {
      if (target.over) {
        return;
      }
      if ('stopMs' in blow) {
        stop(target, blow.stopMs);
      } else if (blow.signal === 'SIGKILL') {
        await kill(target);
      } else {
        signal(target, blow.signal);
      }
    },
    release: () => {
      for (const target of [...stopped.keys()]) {
        goOn(target);
      }
    },
  };
};

const signal = (target: Running, name: NodeJS.Signals): boolean => {
  const at = Date.now();
  const delivered = deliver(target.pid, name);
  if (delivered) {
    target.signals.push({ signal: name, at });
  }
  return delivered;
};

const deliver = (pid: number, name: NodeJS.Signals): boolean => {
  try {
    return process.kill(pid, name);
  } catch {
    // It has ended by itself.
    return false;
  }
};

/** All of its threads do; one that waits for a disk stops when it has it. False: it has ended. */
const standsStill = async (pid: number): Promise<boolean> => {
  for (;;) {
    const states = threadStates(pid);
    if ((states.get(pid) ?? 'X') === 'X') {
      return false;
    }
    if ([...states.values()].every((state) => state === 'T' || state === 'X')) {
      return true;
    }
    await sleep(1);
  }
};

/** One letter each, as proc_pid_stat(5) has them; X for those that have ended. */
const threadStates = (pid: number): Map<number, string> => {
  const states = new Map<number, string>();
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      states.set(Number(thread), threadState(`/proc/${pid}/task/${thread}/stat`));
    }
  } catch {
    // No such process.
  }
  return states;
};

const threadState = (path: string): string => {
  try {
    const stat = readFileSync(path, 'latin1');
    return stat
      .slice(stat.lastIndexOf(')') + 2)
      .charAt(0)
      .replace('Z', 'X');
  } catch {
    return 'X';
  }
};
