import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmdirSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { errnoOf, TokenctlError } from '../errors.ts';

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NONBLOCK = 0, O_NOFOLLOW = 0 } = constants;
/** A configuration that a person writes is a thousandth of this. */
const MAX_BYTES = 4 * 1024 * 1024;

/** A file of another program, as it is now. */
export interface TargetFile {
  /** Where it really is: a link to it stays what it is. */
  readonly path: string;
  /** Null if there is none. */
  readonly bytes: Buffer | null;
  readonly mode: number;
  readonly owner: { readonly uid: number; readonly gid: number } | null;
  /** Directories that have to be made for it, the outermost first. */
  readonly missing: readonly string[];
}

/** @throws {TokenctlError} `refused` unless it is a regular file of ours, of a sensible size */
export const readTarget = (named: string): TargetFile => {
  try {
    const path = resolved(named);
    if (path === null) {
      return { ...futurePlace(named), bytes: null, mode: 0, owner: null };
    }
    const file = openSync(path, O_RDONLY | O_NONBLOCK | O_NOFOLLOW);
    try {
      const stats = fstatSync(file);
      if (!stats.isFile()) {
        throw refuse(named, 'is not a regular file');
      }
      if (process.geteuid !== undefined && stats.uid !== process.geteuid()) {
        throw refuse(named, `belongs to another user (uid ${stats.uid})`);
      }
      if (stats.size > MAX_BYTES) {
        throw refuse(named, 'is larger than 4 MiB');
      }
      const { uid, gid } = stats;
      return {
        ...{ path, mode: stats.mode & 0o7777, owner: { uid, gid }, missing: [] },
        bytes: readFileSync(file),
      };
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw error instanceof TokenctlError
      ? error
      : refuse(named, `cannot be read (${errnoOf(error) ?? 'unknown error'})`);
  }
};

const resolved = (named: string): string | null => {
  try {
    return realpathSync.native(named);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') {
      throw error;
    }
    if (lstatSync(named, { throwIfNoEntry: false }) !== undefined) {
      throw refuse(named, 'is a link that leads nowhere');
    }
    return null;
  }
};

const futurePlace = (named: string): { path: string; missing: string[] } => {
  const directory = dirname(named);
  const real = resolved(directory);
  if (real !== null) {
    return { path: join(real, basename(named)), missing: [] };
  }
  const above = futurePlace(directory);
  return { path: join(above.path, basename(named)), missing: [...above.missing, above.path] };
};

export interface Replacement {
  /** Null: the file goes. */
  readonly bytes: Buffer | null;
  /** Of a file that is made. */
  readonly newMode: number;
  /** Beside the file, under a name that nobody else has. */
  readonly temporary: string;
  readonly usesLockFile: boolean;
}

/**
 * Puts this in the place of the file by rename, if it is still what was read. Of programs that write to it,
 * those that take a lock file meanwhile wait for us.
 */
export const replaceTarget = (
  target: TargetFile,
  { bytes, newMode, temporary, usesLockFile }: Replacement,
): 'done' | 'changed' | 'busy' => {
  const { path, missing } = target;
  const directory = dirname(path);
  try {
    for (const one of missing) {
      mkdirSync(one, { mode: 0o700 });
    }
    writeTemporary(temporary, bytes ?? Buffer.alloc(0), target, newMode);
    if (usesLockFile && !takeLockFile(temporary, path)) {
      return 'busy';
    }
    if (!isUnchanged(target)) {
      return 'changed';
    }
    if (bytes === null) {
      unlinkSync(path);
    } else {
      renameSync(temporary, path);
    }
    // It is in its place already: that only a power failure could tell is no reason to call it failed.
    quietly(() => syncDirectory(directory));
    return 'done';
  } catch (error) {
    throw refuse(path, `cannot be replaced (${errnoOf(error) ?? 'unknown error'})`);
  } finally {
    clearAway(path, temporary);
  }
};

/** What a run leaves beside the file: also of one that was killed. */
export const clearAway = (path: string, temporary: string): void => {
  const lock = lockFileOf(path);
  // A lock file of ours is the same file as what was, or is to be, renamed; one of git's never is.
  if (isSameFile(lock, temporary) || isSameFile(lock, path)) {
    quietly(() => unlinkSync(lock));
  }
  quietly(() => unlinkSync(temporary));
};

/** Directories that were made, the innermost first, as far as nobody uses them. */
export const removeDirectories = (directories: readonly string[]): void => {
  for (const one of directories.toReversed()) {
    quietly(() => rmdirSync(one));
  }
};

export const lockFileOf = (path: string): string => `${path}.lock`;

const writeTemporary = (
  temporary: string,
  bytes: Buffer,
  { bytes: before, mode, owner }: TargetFile,
  newMode: number,
): void => {
  const file = openSync(
    temporary,
    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW,
    before === null ? newMode : 0o600,
  );
  try {
    writeFileSync(file, bytes);
    if (owner !== null) {
      if (fstatSync(file).gid !== owner.gid) {
        quietly(() => fchownSync(file, owner.uid, owner.gid));
      }
      fchmodSync(file, mode);
    }
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
};

/** As git and kubectl take it: whoever creates it, has it. A link comes with word of whose it is. */
const takeLockFile = (temporary: string, path: string): boolean => {
  try {
    linkSync(temporary, lockFileOf(path));
    return true;
  } catch (error) {
    if (errnoOf(error) === 'EEXIST') {
      return false;
    }
    if (['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'].includes(errnoOf(error) ?? '')) {
      // No links on this file system: what is read again right before the rename has to do.
      return true;
    }
    throw error;
  }
};

const isUnchanged = ({ path, bytes }: TargetFile): boolean => {
  try {
    const now = readFileSync(path);
    return bytes !== null && now.equals(bytes);
  } catch (error) {
    return bytes === null && errnoOf(error) === 'ENOENT';
  }
};

const isSameFile = (one: string, other: string): boolean => {
  const [a, b] = [one, other].map((path) => lstatSync(path, { throwIfNoEntry: false }));
  return a !== undefined && b !== undefined && a.ino === b.ino && a.dev === b.dev;
};

const syncDirectory = (path: string): void => {
  if (process.platform !== 'win32') {
    const directory = openSync(path, O_RDONLY);
    try {
      fsyncSync(directory);
    } finally {
      closeSync(directory);
    }
  }
};

/** What is not there is as good as removed, and what cannot be removed hurts nobody. */
const quietly = (action: () => void): void => {
  try {
    action();
  } catch {
    // As said.
  }
};

const refuse = (path: string, what: string): TokenctlError =>
  new TokenctlError('refused', `${path} ${what}; nothing was changed`, {
    hint: `ls -ld '${dirname(path)}' '${path}'`,
  });
