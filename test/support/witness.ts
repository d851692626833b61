import { existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Whether other processes' arguments and environments can be seen here. */
export const canWitness = existsSync('/proc/self/environ');

export interface Testimony {
  /** Everything that stood in the arguments of the process or of a descendant, at any time. */
  readonly arguments: string;
  readonly environment: string;
  /** Names of files and directories that were there, at any time. */
  readonly names: string;
  /** How often somebody looked while the process ran. */
  readonly looks: number;
}

/** Looks at a process, at all that it starts and at some directories until `ended`. */
export const witness = async (
  pid: number | undefined,
  directories: readonly string[],
  ended: Promise<unknown>,
): Promise<Testimony> => {
  const [args, environments, names] = [new Set<string>(), new Set<string>(), new Set<string>()];
  let isRunning = true;
  let looks = 0;
  const end = ended.finally(() => {
    isRunning = false;
  });
  while (isRunning && pid !== undefined) {
    for (const each of [pid, ...descendantsOf(pid)]) {
      const seen = readIfPossible(`/proc/${each}/cmdline`);
      args.add(seen);
      environments.add(readIfPossible(`/proc/${each}/environ`));
      looks += seen === '' ? 0 : 1;
    }
    for (const path of directories.flatMap(pathsBelow)) {
      names.add(path);
    }
    await Promise.race([sleep(5), end]);
  }
  await end;
  const [all, environment, paths] = [args, environments, names].map((set) => [...set].join('\n'));
  return { arguments: all ?? '', environment: environment ?? '', names: paths ?? '', looks };
};

/** All that is below a directory, as it is now. */
export const pathsBelow = (directory: string): string[] => {
  try {
    return readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((entry) =>
      join(directory, entry),
    );
  } catch {
    // It is gone, or something in it was while it was read.
    return [];
  }
};

export const contentOf = (path: string): string => {
  try {
    return lstatSync(path).isFile() ? readFileSync(path, 'utf8') : '';
  } catch {
    return '';
  }
};

/** By the parent that each process had when it was first seen. */
const parents = new Map<number, number>();

const descendantsOf = (pid: number): number[] => {
  const running = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number);
  for (const known of parents.keys()) {
    if (!running.includes(known)) {
      parents.delete(known);
    }
  }
  for (const other of running.filter((candidate) => !parents.has(candidate))) {
    const stat = readIfPossible(`/proc/${other}/stat`);
    parents.set(other, Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] ?? 0));
  }
  const isBelow = (candidate: number): boolean => {
    const parent = parents.get(candidate);
    return parent === pid || (parent !== undefined && parent > 1 && isBelow(parent));
  };
  return running.filter((candidate) => candidate !== pid && isBelow(candidate));
};

const readIfPossible = (path: string): string => {
  try {
    return readFileSync(path, 'utf8').replaceAll('\0', ' ');
  } catch {
    return '';
  }
};
