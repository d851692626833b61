import { constants } from 'node:fs';
import {
  type FileHandle,
  lstat,
  mkdir,
  open,
  readdir,
  rename,
  rmdir,
  stat,
  unlink,
  utimes,
} from 'node:fs/promises';

/**
 * The few file-system operations that leases and the file store are made of, each as small as
 * what a crash can separate. The tests run the same code over an in-memory implementation and
 * stop it between any two steps.
 *
 * Errors are Node.js system errors with their `code`.
 */
export interface FileSystem {
  /** Creates one directory, 0700. */
  mkdir(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /**
   * The names in a directory of ours. ENOTDIR for anything else in its place: what is removed or adopted
   * by these names must not be what a link leads to, or what another user put there.
   */
  readdir(path: string): Promise<string[]>;
  /** The names in a directory, whoever else may use it. */
  list(path: string): Promise<string[]>;
  rmdir(path: string): Promise<void>;
  unlink(path: string): Promise<void>;
  /** Creates a file, 0600, with this text; EEXIST if there is one. Not durable. */
  create(path: string, text: string): Promise<void>;
  /** The same, and it is on the disk when this returns. */
  createDurable(path: string, text: string): Promise<void>;
  /** Replaces the content of an existing file in place and puts it on the disk; ENOENT if there is none. */
  overwrite(path: string, text: string): Promise<void>;
  /** The text of a regular file of at most `maxBytes`. */
  readText(path: string, maxBytes: number): Promise<string>;
  mtimeMs(path: string): Promise<number>;
  setMtime(path: string, mtimeMs: number): Promise<void>;
  /** Puts a directory's entries on the disk. */
  syncDirectory(path: string): Promise<void>;
}

const PRIVATE_DIRECTORY = 0o700;
const PRIVATE_FILE = 0o600;
const { O_CREAT, O_DIRECTORY, O_EXCL, O_RDONLY, O_WRONLY } = constants;
// Absent on Windows, where there is nothing to follow and nothing that blocks on open.
const O_NOFOLLOW = constants.O_NOFOLLOW ?? 0;
const O_NONBLOCK = constants.O_NONBLOCK ?? 0;

export const nodeFileSystem: FileSystem = {
  mkdir: async (path) => {
    await mkdir(path, { mode: PRIVATE_DIRECTORY });
  },
  rename,
  readdir: readOwnDirectory,
  list: (path) => readdir(path),
  rmdir,
  unlink,
  create: (path, text) => createFile(path, text, false),
  createDurable: (path, text) => createFile(path, text, true),
  overwrite,
  readText,
  mtimeMs: async (path) => (await stat(path)).mtimeMs,
  setMtime: (path, mtimeMs) => utimes(path, mtimeMs / 1000, mtimeMs / 1000),
  syncDirectory,
};

async function readOwnDirectory(path: string): Promise<string[]> {
  const stats = await lstat(path);
  const foreign = process.geteuid !== undefined && stats.uid !== process.geteuid();
  if (!stats.isDirectory() || foreign) {
    throw Object.assign(new Error('not a directory of ours'), { code: 'ENOTDIR' });
  }
  return readdir(path);
}

async function createFile(path: string, text: string, durable: boolean): Promise<void> {
  const file = await open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, PRIVATE_FILE);
  try {
    await writeAll(file, Buffer.from(text));
    if (durable) {
      await file.sync();
    }
  } catch (error) {
    await close(file);
    throw error;
  }
  // What has not been synced may fail as late as this, on a network file system.
  await (durable ? close(file) : file.close());
}

async function overwrite(path: string, text: string): Promise<void> {
  const file = await open(path, O_WRONLY | O_NOFOLLOW);
  try {
    const bytes = Buffer.from(text);
    await writeAll(file, bytes);
    await file.truncate(bytes.length);
    await file.sync();
  } finally {
    await close(file);
  }
}

async function readText(path: string, maxBytes: number): Promise<string> {
  const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const stats = await file.stat();
    if (!stats.isFile() || stats.size > maxBytes) {
      throw Object.assign(new Error('not a regular file of a sensible size'), { code: 'EINVAL' });
    }
    return await file.readFile('utf8');
  } finally {
    await close(file);
  }
}

async function syncDirectory(path: string): Promise<void> {
  // Windows cannot open a directory for this, and NTFS journals its entries itself.
  if (process.platform === 'win32') {
    return;
  }
  const directory = await open(path, O_RDONLY | O_DIRECTORY);
  try {
    await directory.sync();
  } finally {
    await close(directory);
  }
}

/** FileHandle.writeFile would try for ever where nothing can be written. */
async function writeAll(file: FileHandle, bytes: Buffer): Promise<void> {
  for (let written = 0; written < bytes.length; ) {
    const rest = bytes.length - written;
    const { bytesWritten } = await file.write(bytes, written, rest, written);
    if (bytesWritten === 0) {
      throw Object.assign(new Error('nothing could be written'), { code: 'EIO' });
    }
    written += bytesWritten;
  }
}

/**
 * What has been synced or read stays so: an error of close(2) changes nothing about it, and must not
 * hide one that does.
 */
async function close(file: FileHandle): Promise<void> {
  await file.close().catch(() => {});
}
