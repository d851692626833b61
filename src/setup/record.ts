import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { errnoOf, TokenctlError } from '../errors.ts';
import { clearAway, readTarget, removeDirectories } from './target-file.ts';
import { tools } from './tools.ts';
import type { Entry } from './wire.ts';

/** What setup wrote into which files. Kept in `setup.json`, 0600, and never a copy of such a file. */
export interface SetupRecord {
  readonly entries: readonly Entry[];
  /** Files that were not there before, with the directories that were made for them. */
  readonly made: Readonly<Record<string, readonly string[]>>;
  /** Written before a file is touched: whoever comes after a killed run knows what it was about to do. */
  readonly pending: Pending | null;
}

export interface Pending {
  readonly file: string;
  /** Where it really is. */
  readonly path: string;
  readonly temporary: string;
  /** Hashes of its content; null where there is no file. */
  readonly before: string | null;
  readonly after: string | null;
  /** The rest of the record once it is done. */
  readonly entries: readonly Entry[];
  readonly made: SetupRecord['made'];
  /** Made for this file: of no use without it. */
  readonly directories: readonly string[];
}

const VERSION = 1;
const NOTHING: SetupRecord = { entries: [], made: {}, pending: null };

/** @throws {TokenctlError} `refused` if it is not ours or not readable */
export const readSetupRecord = (path: string): SetupRecord => {
  const text = readOwn(path);
  if (text === null) {
    return NOTHING;
  }
  const { version, ...record } = parse(text, path) as SetupRecord & { version: number };
  if (version !== VERSION || !Array.isArray(record.entries)) {
    throw refuse(path, 'was written by another version of tokenctl');
  }
  return record;
};

export const writeSetupRecord = (path: string, record: SetupRecord): void => {
  const prepared = `${path}.new`;
  try {
    // Only who holds the lock writes; another one was killed.
    unlinkQuietly(prepared);
    const isEmpty = record.entries.length === 0 && record.pending === null;
    if (isEmpty && Object.keys(record.made).length === 0) {
      unlinkQuietly(path);
      return;
    }
    const { O_WRONLY, O_CREAT, O_EXCL } = constants;
    const file = openSync(prepared, O_WRONLY | O_CREAT | O_EXCL, 0o600);
    try {
      writeFileSync(file, `${JSON.stringify({ version: VERSION, ...record }, null, 1)}\n`);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(prepared, path);
  } catch (error) {
    throw new TokenctlError(
      'refused',
      `${path} cannot be written (${errnoOf(error) ?? 'unknown error'})`,
      { hint: `its directory must be writable: ls -ld '${dirname(path)}'` },
    );
  }
};

/** What a killed run had begun is either done or was not: by what is in the file. */
export const recovered = ({ pending, ...record }: SetupRecord): SetupRecord => {
  if (pending === null) {
    return { ...record, pending };
  }
  const { path, temporary, before, after, entries, made, directories } = pending;
  clearAway(path, temporary);
  const { bytes } = readTarget(pending.file);
  if (bytes === null) {
    removeDirectories(directories);
  }
  const now = hashOf(bytes);
  if (now === before || now === after) {
    return now === before ? { ...record, pending: null } : { entries, made, pending: null };
  }
  // Somebody has changed it since: ours is what of either is there.
  const isOther = ({ file, want }: Entry): boolean =>
    !entries.some((one) => one.file === file && isDeepStrictEqual(one.want, want));
  const all = [...entries, ...record.entries.filter(isOther)];
  return {
    entries: all.filter((entry) => entry.file !== pending.file || isThere(bytes, entry)),
    made: { ...record.made, ...made },
    pending: null,
  };
};

const isThere = (bytes: Buffer | null, { tool, want }: Entry): boolean => {
  const format = tools[tool]?.format;
  const text = bytes?.toString(format?.encoding) ?? '';
  try {
    return format?.isDone(format.parse(text), want) ?? false;
  } catch {
    // Who cannot be told keeps what is known.
    return true;
  }
};

export const hashOf = (bytes: Buffer | null): string | null =>
  bytes === null ? null : createHash('sha256').update(bytes).digest('hex');

const readOwn = (path: string): string | null => {
  try {
    const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
    const file = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      const stats = fstatSync(file);
      if (!stats.isFile() || (process.geteuid !== undefined && stats.uid !== process.geteuid())) {
        throw refuse(path, 'is not a file of ours');
      }
      return readFileSync(file, 'utf8');
    } finally {
      closeSync(file);
    }
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') {
      return null;
    }
    throw error instanceof TokenctlError
      ? error
      : refuse(path, `cannot be read (${errnoOf(error) ?? 'unknown error'})`);
  }
};

const parse = (text: string, path: string): unknown => {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    throw refuse(path, 'is damaged');
  }
};

const unlinkQuietly = (path: string): void => {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') {
      throw error;
    }
  }
};

const refuse = (path: string, what: string): TokenctlError =>
  new TokenctlError('refused', `${path} ${what}`, { hint: `mv '${path}' '${path}.away'` });
