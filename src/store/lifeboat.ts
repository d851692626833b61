import { createHash, randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { open, readdir, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { errnoOf } from '../errors.ts';
import { attempt } from '../lock/directory.ts';
import { nodeFileSystem } from '../platform/fs.ts';
import { MAX_RECORD_BYTES } from '../record-format.ts';

/**
 * Where a new record goes when nothing in the store can be made durable any more: a 0600 file in the
 * runtime or temp directory. Its name is half a hash of the record's path, by which it is found
 * again, and half random, so that nobody can stand in its place before.
 */
export interface Lifeboats {
  /** The file's path; null if that failed everywhere as well. */
  launch(recordPath: string, text: string): Promise<string | null>;
  /** What was saved for the record at this path; whether it still matters is for the record to say. */
  find(recordPath: string): Promise<Lifeboat[]>;
  /** Removes one whose record is in its place, or means nothing any more. */
  sink(path: string): Promise<void>;
}

export interface Lifeboat {
  readonly path: string;
  /** null: it may be one, or hold one, but cannot be read now. */
  readonly text: string | null;
}

const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
const OTHERS = 0o077;

export const fileLifeboats = (env: NodeJS.ProcessEnv): Lifeboats => {
  const directories = directoriesOf(env);
  return {
    launch: async (recordPath, text) =>
      (await launchIn(directories, recordPath, text, true)) ??
      // Where no disk can be trusted any more, a file that may not outlive a power failure is better than none.
      (await launchIn(directories, recordPath, text, false)),
    find: async (recordPath) => {
      const prefix = prefixOf(recordPath);
      const found: Lifeboat[] = [];
      for (const directory of directories) {
        const entries = await unlessAbsent(readdir(directory), []);
        if (entries === 'unreadable') {
          found.push({ path: directory, text: null });
          continue;
        }
        for (const entry of entries.filter((each) => each.startsWith(prefix))) {
          const path = join(directory, entry);
          const text = await unlessAbsent(readOwn(path), null);
          if (text !== null) {
            found.push({ path, text: text === 'unreadable' ? null : text });
          }
        }
      }
      return found;
    },
    sink: async (path) => {
      await attempt(() => unlink(path));
    },
  };
};

const launchIn = async (
  directories: readonly string[],
  recordPath: string,
  text: string,
  durable: boolean,
): Promise<string | null> => {
  for (const directory of directories) {
    const path = join(directory, `${prefixOf(recordPath)}${randomBytes(8).toString('hex')}`);
    const { create, createDurable } = nodeFileSystem;
    if ((await attempt(() => (durable ? createDurable : create)(path, text))) === 'done') {
      return path;
    }
    await attempt(() => unlink(path));
  }
  return null;
};

/** For stores without a place on the disk. */
export const noLifeboats: Lifeboats = {
  launch: async () => null,
  find: async () => [],
  sink: async () => {},
};

/** The user's own runtime directory is gone after a reboot, like the temp directory; no worse, and nobody else's. */
const directoriesOf = ({ XDG_RUNTIME_DIR }: NodeJS.ProcessEnv): string[] => {
  const uid = process.geteuid?.();
  const candidates = [
    XDG_RUNTIME_DIR ?? '',
    // Where XDG_RUNTIME_DIR points after a login; cron jobs and services lack the variable.
    process.platform === 'linux' && uid !== undefined ? `/run/user/${uid}` : '',
    tmpdir(),
    process.platform === 'win32' ? '' : '/tmp',
  ];
  return [...new Set(candidates.filter((path) => isAbsolute(path)))];
};

const prefixOf = (recordPath: string): string =>
  `tokenctl-lifeboat-${createHash('sha256').update(recordPath).digest('hex').slice(0, 16)}-`;

/** What is not there, or is somebody else's, is none of ours. Of anything else we do not know. */
const unlessAbsent = async <T>(reading: Promise<T>, absent: T): Promise<T | 'unreadable'> => {
  try {
    return await reading;
  } catch (error) {
    return ABSENT.has(errnoOf(error) ?? '') ? absent : 'unreadable';
  }
};

/** ELOOP and ENXIO: a link, a socket. EMLINK: what FreeBSD says of a link. */
const ABSENT = new Set(['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ELOOP', 'EMLINK', 'ENXIO']);

/** In a directory that all may write to, only what is ours and ours alone. */
const readOwn = async (path: string): Promise<string | null> => {
  const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const stats = await file.stat();
    return isOursAlone(stats) && stats.size <= MAX_RECORD_BYTES
      ? await file.readFile('utf8')
      : null;
  } finally {
    await file.close().catch(() => {});
  }
};

const isOursAlone = (stats: Stats): boolean =>
  stats.isFile() &&
  stats.nlink === 1 &&
  (process.geteuid === undefined ||
    (stats.uid === process.geteuid() && (stats.mode & OTHERS) === 0));
