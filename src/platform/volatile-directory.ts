import { type Stats, statfsSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { isAbsolute } from 'node:path';

/** File systems in memory: statfs(2), TMPFS_MAGIC and RAMFS_MAGIC. */
const IN_MEMORY: ReadonlySet<number> = new Set([0x01021994, 0x858458f6]);
const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;

/**
 * Directories for what should not outlive this boot, best first: of our own in memory, of all in memory,
 * and the temporary directory, wherever that is. One of those that others can write to is sticky.
 */
export const volatileDirectories = ({ XDG_RUNTIME_DIR }: NodeJS.ProcessEnv): string[] => {
  const uid = process.geteuid?.();
  const inMemory = [
    XDG_RUNTIME_DIR ?? '',
    // Where it points after a login; cron jobs and services lack the variable.
    process.platform === 'linux' && uid !== undefined ? `/run/user/${uid}` : '',
    process.platform === 'linux' ? '/dev/shm' : '',
  ].filter(isInMemory);
  // A relative one is another one to a program that changes its directory.
  return [...new Set([...inMemory, tmpdir()])].filter((path) => isAbsolute(path) && isSafe(path));
};

const isInMemory = (path: string): boolean => {
  try {
    return IN_MEMORY.has(statfsSync(path).type);
  } catch {
    return false;
  }
};

/** Nobody else could move what we make in there out of the way, and put something else in its place. */
const isSafe = (path: string): boolean => {
  let stats: Stats;
  try {
    stats = statSync(path);
  } catch {
    return false;
  }
  const { mode, uid } = stats;
  const ours = process.geteuid === undefined || uid === process.geteuid() || uid === 0;
  const closed = (mode & OTHERS_WRITE) === 0 || (mode & STICKY) !== 0;
  return stats.isDirectory() && (process.platform === 'win32' || (ours && closed));
};
