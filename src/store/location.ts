import { constants, type Stats } from 'node:fs';
import {
  chmod,
  type FileHandle,
  link,
  lstat,
  open,
  realpath,
  stat,
  unlink,
} from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errnoOf, TokenctlError } from '../errors.ts';
import { MAX_RECORD_BYTES } from '../record-format.ts';

// Absent on Windows, where ownership and modes mean something else and the profile is private.
const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
const WORLD_WRITABLE = 0o002;
const STICKY = 0o1000;
const OTHERS = 0o077;

/** A credential file's text, checked on its descriptor; null if there is none. */
export const readCredentialFile = async (
  path: string,
  login: string,
): Promise<{ text: string; warnings: string[] } | null> => {
  const opened = await openResolved(path, login);
  if (opened === null) {
    return null;
  }
  const { file, realPath } = opened;
  try {
    const stats = await file.stat();
    requireSafeFile(stats, login, path);
    const warnings = await requireSafeDirectory(dirname(realPath), login);
    if (process.platform !== 'win32' && (stats.mode & OTHERS) !== 0) {
      warnings.push(await tighten('the credential file', '0600', () => file.chmod(0o600)));
    }
    return { text: await file.readFile('utf8'), warnings };
  } catch (error) {
    throw error instanceof TokenctlError ? error : unreadable(error, login, realPath);
  } finally {
    // It has been read: that it cannot be closed changes nothing.
    await file.close().catch(() => {});
  }
};

/**
 * The real place of a credential: a symlink is resolved first, so that everyone who shares it
 * locks and renames beside the same file, and the link survives (INCIDENTS 3).
 */
export const resolveCredential = async (
  path: string,
  login: string,
): Promise<{ recordPath: string; lockPath: string; directory: string }> => {
  const recordPath = await realOrFuturePath(path, login);
  const directory = dirname(recordPath);
  await requireSafeDirectory(directory, login);
  return {
    recordPath,
    directory,
    lockPath: join(directory, lockNameOf(basename(recordPath))),
  };
};

/** `github.lock` for `github.json`; `session~.lock` for `session`, which is not `session.json`. */
const lockNameOf = (name: string): string =>
  name.endsWith('.json') ? `${name.slice(0, -'.json'.length)}.lock` : `${name}~.lock`;

/**
 * A file that is mounted by itself (`docker run -v credential.json:…`) cannot be replaced by rename
 * (EBUSY), and that would be found out only when the refresh token is spent (INCIDENTS 6). A hard
 * link out of such a mount fails with EXDEV; where links do not exist, neither does the question.
 */
export const requireReplaceable = async (recordPath: string, probePath: string): Promise<void> => {
  try {
    await link(recordPath, probePath);
    await unlink(probePath);
  } catch (error) {
    if (errnoOf(error) === 'EXDEV') {
      throw Object.assign(new Error('the credential file is a mount of its own'), {
        code: 'EBUSY',
        cause: error,
      });
    }
  }
};

const realOrFuturePath = async (path: string, login: string): Promise<string> => {
  try {
    return await realpath(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' || (await isLink(path))) {
      throw unreadable(error, login, path);
    }
    return join(await realpath(dirname(path)), basename(path));
  }
};

const openResolved = async (
  path: string,
  login: string,
): Promise<{ file: FileHandle; realPath: string } | null> => {
  try {
    return { file: await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK), realPath: path };
  } catch (error) {
    // A directory that is a link to a disk which is not there is no reason to sign in again.
    if (errnoOf(error) === 'ENOENT' && !(await isDangling(dirname(path)))) {
      return null;
    }
    // EMLINK: what FreeBSD says to O_NOFOLLOW.
    if (errnoOf(error) !== 'ELOOP' && errnoOf(error) !== 'EMLINK') {
      throw unreadable(error, login, path);
    }
  }
  try {
    const realPath = await realpath(path);
    return { file: await open(realPath, O_RDONLY | O_NOFOLLOW | O_NONBLOCK), realPath };
  } catch (error) {
    throw unreadable(error, login, path);
  }
};

const requireSafeFile = (stats: Stats, login: string, path: string): void => {
  // Of a link, the link: what it leads to may be anything.
  const moveAway = `mv '${path}' '${path}.away'`;
  if (!stats.isFile()) {
    throw refuse('the credential file is not a regular file', login, moveAway);
  }
  if (isForeign(stats)) {
    throw refuse(
      `the credential file belongs to another user (uid ${stats.uid})`,
      login,
      'run tokenctl as that user, or set TOKENCTL_HOME',
    );
  }
  if (stats.size > MAX_RECORD_BYTES) {
    throw refuse(
      `the credential file is too large (${stats.size} bytes)`,
      login,
      `${moveAway}, and sign in again: tokenctl login ${login}`,
    );
  }
};

/** Refuses a directory where anybody could swap the file; tightens one of ours. */
const requireSafeDirectory = async (directory: string, login: string): Promise<string[]> => {
  if (process.platform === 'win32') {
    return [];
  }
  const stats = await stat(directory).catch((error: unknown) => {
    throw unreadable(error, login, directory);
  });
  if ((stats.mode & WORLD_WRITABLE) !== 0 && (stats.mode & STICKY) === 0) {
    throw refuse(`anybody can write to ${directory}`, login, `chmod 700 '${directory}'`);
  }
  // Its owner could swap the file too; root and a sticky directory's owner are not defended against.
  if (isForeign(stats) && stats.uid !== 0 && (stats.mode & STICKY) === 0) {
    throw refuse(
      `${directory} belongs to another user (uid ${stats.uid})`,
      login,
      'run tokenctl as that user, or set TOKENCTL_HOME',
    );
  }
  if ((stats.mode & OTHERS) !== 0 && basename(directory) === 'credentials' && !isForeign(stats)) {
    return [await tighten(directory, '0700', () => chmod(directory, 0o700))];
  }
  return [];
};

/** What cannot be tightened (a read-only file system) is told of; withholding a token would mend nothing. */
const tighten = async (
  what: string,
  mode: string,
  change: () => Promise<void>,
): Promise<string> => {
  try {
    await change();
    return `${what} was open to others; its mode is now ${mode}`;
  } catch (error) {
    return `${what} is open to others, and its mode cannot be changed (${errnoOf(error)})`;
  }
};

const isForeign = ({ uid }: Stats): boolean =>
  process.geteuid !== undefined && uid !== process.geteuid();

export const isLink = async (path: string): Promise<boolean> =>
  (await lstatOrNull(path))?.isSymbolicLink() ?? false;

export const isDirectory = async (path: string): Promise<boolean> =>
  (await lstatOrNull(path))?.isDirectory() ?? false;

const lstatOrNull = async (path: string): Promise<Stats | null> => {
  try {
    return await lstat(path);
  } catch {
    return null;
  }
};

const isDangling = async (path: string): Promise<boolean> =>
  (await isLink(path)) && (await realpath(path).catch(() => null)) === null;

const unreadable = (error: unknown, login: string, path: string): TokenctlError => {
  const code = errnoOf(error) ?? 'unknown error';
  const leadsNowhere = code === 'ELOOP' || code === 'ENOENT';
  const why = leadsNowhere ? 'it, or its directory, is a link that leads nowhere' : code;
  return new TokenctlError('refused', `the credential file cannot be read (${why})`, {
    login,
    hint: `it and the directories above it must be there and yours: ls -ld '${dirname(path)}' '${path}'`,
    cause: error,
  });
};

const refuse = (message: string, login: string, hint: string): TokenctlError =>
  new TokenctlError('refused', message, { login, hint });
