import { constants, type Stats } from 'node:fs';
import { open, realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errnoOf, TokenctlError } from './errors.ts';

const { O_RDONLY, O_NONBLOCK = 0 } = constants;
const OTHERS_WRITE = 0o022;
const WORLD_WRITE = 0o002;
const STICKY = 0o1000;
const MAX_BYTES = 256 * 1024;

/**
 * The text of the configuration; null if there is none. It says where tokens are sent, so nobody else
 * may have a say in it. A link is followed (that is how many people keep theirs), and what it leads to
 * is checked, on the descriptor.
 *
 * @throws {TokenctlError} `refused`
 */
export const readConfigText = async (path: string): Promise<string | null> => {
  try {
    const file = await open(path, O_RDONLY | O_NONBLOCK);
    try {
      requireSafe(await file.stat(), path);
      const directory = dirname(await realpath(path));
      requireSafeDirectory(await stat(directory), directory);
      return decode(await file.readFile(), path);
    } finally {
      await file.close().catch(() => {});
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') {
      return null;
    }
    throw error instanceof TokenctlError
      ? error
      : refuse(path, `cannot be read (${errnoOf(error) ?? 'unknown error'})`, `ls -l '${path}'`);
  }
};

const requireSafe = (stats: Stats, path: string): void => {
  if (!stats.isFile()) {
    throw refuse(path, 'is not a regular file', `mv '${path}' '${path}.away'`);
  }
  if (stats.size > MAX_BYTES) {
    throw refuse(path, `is larger than ${MAX_BYTES / 1024} KiB`, `mv '${path}' '${path}.away'`);
  }
  if (process.platform !== 'win32' && (stats.mode & OTHERS_WRITE) !== 0) {
    throw refuse(path, 'can be written to by others', `chmod go-w '${path}'`);
  }
  if (isForeign(stats)) {
    throw refuse(
      path,
      `belongs to another user (uid ${stats.uid})`,
      'copy it, or set TOKENCTL_HOME',
    );
  }
};

const requireSafeDirectory = (stats: Stats, directory: string): void => {
  if (process.platform === 'win32') {
    return;
  }
  if ((stats.mode & WORLD_WRITE) !== 0 && (stats.mode & STICKY) === 0) {
    throw refuse(directory, 'can be written to by anybody', `chmod o-w '${directory}'`);
  }
  if (isForeign(stats) && (stats.mode & STICKY) === 0) {
    throw refuse(directory, `belongs to another user (uid ${stats.uid})`, 'set TOKENCTL_HOME');
  }
};

/** What root put there is as good as ours: root could do anything. */
const isForeign = ({ uid }: Stats): boolean =>
  process.geteuid !== undefined && uid !== process.geteuid() && uid !== 0;

const decode = (bytes: Uint8Array, path: string): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw refuse(path, 'is not UTF-8', `iconv -t UTF-8 '${path}'`);
  }
};

const refuse = (path: string, what: string, hint: string): TokenctlError =>
  new TokenctlError('refused', `${path} ${what}`, { hint });
