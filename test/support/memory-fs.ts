import { dirname, sep } from 'node:path';
import type { FileSystem } from '../../src/platform/fs.ts';

/**
 * A file system in memory, made of steps that cannot be divided. What a kernel does in one go is
 * one step; what it does not (a file is created empty and filled later, an overwrite is torn
 * before it is complete) is several, so that a crash or another process can come between.
 *
 * `perform` decides when a step happens, and on which disk: {@link onDisk} at once, the explorer
 * whenever it likes. `test/platform/memory-fs.test.ts` compares it with the real file system.
 */
export const memoryFileSystem = (perform: Perform): FileSystem => {
  const create = async (path: string, text: string) => {
    const file = await perform({ op: 'create', path, stayOpen: text !== '' });
    if (text !== '') {
      await perform({ op: 'put', file: file as string, text, close: true });
    }
  };
  const list = async (path: string) => [...((await perform({ op: 'readdir', path })) as string[])];
  const nothing = async (step: Step): Promise<void> => {
    await perform(step);
  };
  return {
    mkdir: (path) => nothing({ op: 'mkdir', path }),
    rename: (from, to) => nothing({ op: 'rename', from, to }),
    // All is ours here, and there are no links.
    readdir: list,
    list,
    rmdir: (path) => nothing({ op: 'rmdir', path }),
    unlink: (path) => nothing({ op: 'unlink', path }),
    create,
    createDurable: create,
    overwrite: async (path, text) => {
      const file = (await perform({ op: 'open', path })) as string;
      await perform({ op: 'put', file, text: tear(text), close: false });
      await perform({ op: 'put', file, text, close: true });
    },
    readText: async (path, maxBytes) => (await perform({ op: 'read', path, maxBytes })) as string,
    mtimeMs: async (path) => (await perform({ op: 'mtime', path })) as number,
    setMtime: (path, mtimeMs) => nothing({ op: 'touch', path, mtimeMs }),
    // Nothing here survives or fails to survive a power failure.
    syncDirectory: async () => {},
  };
};

/** What an overwrite leaves behind half-way: no longer the old text and not yet the new one. */
const tear = (text: string): string => text.slice(0, text.length / 2);

export type Step =
  | { readonly op: 'mkdir' | 'readdir' | 'rmdir' | 'unlink' | 'mtime'; readonly path: string }
  /** An empty file that was not there before (O_EXCL); gives what `put` needs. */
  | { readonly op: 'create'; readonly path: string; readonly stayOpen: boolean }
  | { readonly op: 'open'; readonly path: string }
  /** Into an open file, whatever its name is by now, or if it has none any more. */
  | { readonly op: 'put'; readonly file: string; readonly text: string; readonly close: boolean }
  | { readonly op: 'read'; readonly path: string; readonly maxBytes: number }
  | { readonly op: 'touch'; readonly path: string; readonly mtimeMs: number }
  | { readonly op: 'rename'; readonly from: string; readonly to: string };

/** What a step gives. Rejections are system errors with their `code`. */
export type Perform = (step: Step) => Promise<Given>;
export type Given = string | number | readonly string[] | null;

/** What is on a disk, by path. The root is not listed; it is always there. Never changed, only replaced. */
export type Disk = ReadonlyMap<string, Entry>;
export type Entry =
  | { readonly kind: 'directory'; readonly mtimeMs: number }
  /** `open` identifies it through renames while it is open, as a descriptor does. */
  | {
      readonly kind: 'file';
      readonly open: string | null;
      readonly text: string;
      readonly mtimeMs: number;
    };

/** `windows`: no rename replaces a directory, not even an empty one. */
export type Semantics = 'posix' | 'windows';
export type Applied = { readonly disk: Disk; readonly given: Given } | { readonly errno: string };

/** The clock of this file system stands still. */
const NOW_MS = 1;
const DIRECTORY: Entry = { kind: 'directory', mtimeMs: NOW_MS };
type FileEntry = Extract<Entry, { kind: 'file' }>;
const EMPTY: FileEntry = { kind: 'file', open: null, text: '', mtimeMs: NOW_MS };

/** Performs every step at once, on one disk that all share, after `gate` lets it pass. */
export const onDisk = (
  initial: Disk = new Map(),
  { semantics = 'posix', gate = async () => {} }: OnDiskOptions = {},
): { perform: Perform; disk: () => Disk } => {
  let disk = initial;
  return {
    disk: () => disk,
    perform: async (step) => {
      await gate(step);
      const applied = applyStep(disk, step, semantics);
      if ('errno' in applied) {
        throw systemError(applied.errno);
      }
      disk = applied.disk;
      return applied.given;
    },
  };
};

export interface OnDiskOptions {
  readonly semantics?: Semantics;
  readonly gate?: (step: Step) => Promise<void>;
}

export const systemError = (errno: string): Error =>
  Object.assign(new Error(`${errno}: in memory`), { code: errno });

export const applyStep = (disk: Disk, step: Step, semantics: Semantics = 'posix'): Applied => {
  if (step.op === 'put') {
    return put(disk, step);
  }
  if (step.op === 'rename') {
    return rename(disk, posix(step.from), posix(step.to), semantics);
  }
  const path = posix(step.path);
  const blocked = blockedAbove(disk, path);
  if (blocked !== null) {
    return { errno: blocked };
  }
  const entry = path === '/' ? DIRECTORY : disk.get(path);
  if (step.op === 'mkdir') {
    return entry === undefined
      ? { disk: withEntry(disk, path, DIRECTORY), given: null }
      : { errno: 'EEXIST' };
  }
  if (step.op === 'create') {
    return entry === undefined ? open(disk, path, EMPTY, step.stayOpen) : { errno: 'EEXIST' };
  }
  if (entry === undefined) {
    return { errno: 'ENOENT' };
  }
  switch (step.op) {
    case 'readdir':
      return entry.kind === 'file' ? { errno: 'ENOTDIR' } : { disk, given: namesIn(disk, path) };
    case 'rmdir':
      if (entry.kind === 'file') {
        return { errno: 'ENOTDIR' };
      }
      return namesIn(disk, path).length > 0 ? { errno: 'ENOTEMPTY' } : without(disk, path);
    case 'unlink':
      return entry.kind === 'file'
        ? without(disk, path)
        : { errno: semantics === 'windows' ? 'EPERM' : 'EISDIR' };
    case 'open':
      return entry.kind === 'file' ? open(disk, path, entry, true) : { errno: 'EISDIR' };
    case 'read':
      return entry.kind === 'file' && entry.text.length <= step.maxBytes
        ? { disk, given: entry.text }
        : { errno: 'EINVAL' };
    case 'mtime':
      return { disk, given: entry.mtimeMs };
    case 'touch':
      return { disk: withEntry(disk, path, { ...entry, mtimeMs: step.mtimeMs }), given: null };
  }
};

/** rename(2). */
const rename = (disk: Disk, from: string, to: string, semantics: Semantics): Applied => {
  const blocked = blockedAbove(disk, from) ?? blockedAbove(disk, to);
  const moved = disk.get(from);
  if (blocked !== null || moved === undefined) {
    return { errno: blocked ?? 'ENOENT' };
  }
  const replaced = disk.get(to);
  if (from === to) {
    return { disk, given: null };
  }
  if (to.startsWith(`${from}/`)) {
    return { errno: 'EINVAL' };
  }
  if (replaced?.kind === 'directory') {
    if (semantics === 'windows') {
      return { errno: 'EPERM' };
    }
    if (moved.kind === 'file') {
      return { errno: 'EISDIR' };
    }
    if (namesIn(disk, to).length > 0) {
      return { errno: 'ENOTEMPTY' };
    }
  } else if (replaced?.kind === 'file' && moved.kind === 'directory') {
    return { errno: 'ENOTDIR' };
  }
  const renamed = new Map<string, Entry>();
  for (const [path, entry] of disk) {
    if (path === from || path.startsWith(`${from}/`)) {
      renamed.set(to + path.slice(from.length), entry);
    } else if (path !== to) {
      renamed.set(path, entry);
    }
  }
  return { disk: renamed, given: null };
};

const put = (disk: Disk, { file, text, close }: Extract<Step, { op: 'put' }>): Applied => {
  for (const [path, entry] of disk) {
    if (entry.kind === 'file' && entry.open === file) {
      const filled = { ...entry, text, mtimeMs: NOW_MS, open: close ? null : file };
      return { disk: withEntry(disk, path, filled), given: null };
    }
  }
  // Unlinked while it was open: written, and never seen by anybody.
  return { disk, given: null };
};

const open = (disk: Disk, path: string, entry: FileEntry, stayOpen: boolean): Applied => {
  if (!stayOpen || entry.open !== null) {
    return { disk: withEntry(disk, path, entry), given: entry.open };
  }
  // Named after where it was opened, so that equal disks are equal however they came about.
  let name = path;
  while ([...disk.values()].some((other) => other.kind === 'file' && other.open === name)) {
    name += "'";
  }
  return { disk: withEntry(disk, path, { ...entry, open: name }), given: name };
};

/** Why a path cannot be reached: something above it is missing, or is a file. */
const blockedAbove = (disk: Disk, path: string): 'ENOENT' | 'ENOTDIR' | null => {
  for (let at = path.indexOf('/', 1); at !== -1; at = path.indexOf('/', at + 1)) {
    const above = disk.get(path.slice(0, at));
    if (above?.kind !== 'directory') {
      return above === undefined ? 'ENOENT' : 'ENOTDIR';
    }
  }
  return null;
};

const namesIn = (disk: Disk, path: string): string[] =>
  [...disk.keys()]
    .filter((other) => dirname(other) === path)
    .map((other) => other.slice(other.lastIndexOf('/') + 1))
    .sort();

const withEntry = (disk: Disk, path: string, entry: Entry): Disk => new Map(disk).set(path, entry);

const without = (disk: Disk, path: string): Applied => {
  const rest = new Map(disk);
  rest.delete(path);
  return { disk: rest, given: null };
};

const posix = (path: string): string => (sep === '/' ? path : path.replaceAll(sep, '/'));
