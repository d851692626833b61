import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { TokenctlError } from '../errors.ts';
import { hashOf, recovered, type SetupRecord, writeSetupRecord } from './record.ts';
import {
  lockFileOf,
  readTarget,
  removeDirectories,
  replaceTarget,
  type TargetFile,
} from './target-file.ts';
import type { Tool } from './tool.ts';
import { type Hunk, type Rewiring, rewire } from './wire.ts';

/** One file, as it is and as it is to be. Nothing has been written yet. */
export interface FileChange {
  readonly file: string;
  readonly target: TargetFile;
  readonly tool: Tool;
  /** Null: the file goes. */
  readonly bytes: Buffer | null;
  readonly isChanged: boolean;
  readonly hunks: readonly Hunk[];
  /** What we could not take out. */
  readonly stuck: readonly string[];
  /** The record when it is done. */
  readonly record: SetupRecord;
}

export type PreparedChange =
  | { readonly kind: 'prepared'; readonly change: FileChange }
  | { readonly kind: 'by-hand'; readonly file: string; readonly lines: string };

/** @throws {TokenctlError} `refused` if the file is not one that we may change */
export const prepareChange = (
  file: string,
  target: TargetFile,
  text: string,
  tool: Tool,
  record: SetupRecord,
  rewiring: Rewiring,
): PreparedChange => {
  const rewired = about(file, () => rewire(tool.format, text, rewiring));
  if (rewired.kind === 'by-hand') {
    return { kind: 'by-hand', file, lines: rewired.lines };
  }
  const { entries, hunks, stuck } = rewired;
  const others = record.entries.filter((entry) => entry.file !== file);
  const { [file]: madeBefore, ...made } = record.made;
  const isGone =
    target.bytes === null
      ? rewired.text === ''
      : rewired.text === '' && madeBefore !== undefined && entries.length === 0;
  const directories = target.bytes === null ? target.missing : madeBefore;
  const isMade = entries.length > 0 && directories !== undefined;
  const bytes = isGone ? null : Buffer.from(rewired.text, tool.format.encoding);
  return {
    kind: 'prepared',
    change: {
      ...{ file, target, tool, bytes },
      hunks: hunks.map((hunk) => shownHunk(hunk, tool.format.encoding)),
      isChanged: bytes === null ? target.bytes !== null : !(target.bytes?.equals(bytes) ?? false),
      stuck: stuck.map(({ want }) => tool.format.byHand(want)),
      record: {
        entries: [...others, ...entries],
        made: isMade ? { ...made, [file]: directories } : made,
        pending: null,
      },
    },
  };
};

/** What was read as bytes is text to a person. */
const shownHunk = (hunk: Hunk, encoding: 'utf8' | 'latin1'): Hunk => {
  const text = (bytes: string): string => Buffer.from(bytes, encoding).toString('utf8');
  return { ...hunk, removed: text(hunk.removed), added: text(hunk.added) };
};

/** Writes down what is to be done, does it, and writes down that it is done. */
export const commitChange = (
  recordPath: string,
  record: SetupRecord,
  { file, target, tool, bytes, isChanged, record: next }: FileChange,
): 'done' | 'changed' | 'busy' => {
  if (!isChanged) {
    writeSetupRecord(recordPath, next);
    return 'done';
  }
  const { path } = target;
  const { newMode, usesLockFile } = tool;
  if (usesLockFile && existsSync(lockFileOf(path))) {
    return 'busy';
  }
  const nonce = randomBytes(8).toString('hex');
  const temporary = join(dirname(path), `.${basename(path)}.tokenctl-${nonce}`);
  const directories = bytes === null ? (record.made[file] ?? []) : target.missing;
  const { entries, made } = next;
  const hashes = { before: hashOf(target.bytes), after: hashOf(bytes) };
  const pending = { file, path, temporary, ...hashes, entries, made, directories };
  writeSetupRecord(recordPath, { ...record, pending });
  try {
    const done = replaceTarget(target, { bytes, newMode, temporary, usesLockFile });
    const isOfUse = done === 'done' ? bytes !== null : bytes === null;
    if (!isOfUse) {
      removeDirectories(directories);
    }
    writeSetupRecord(recordPath, done === 'done' ? next : record);
    return done;
  } catch (error) {
    // Before the rename or after it: as of a run that was killed.
    writeSetupRecord(recordPath, recovered({ ...record, pending }));
    throw error;
  }
};

/** The file of this name, and its text. */
export const readText = (file: string, tool: Tool): { target: TargetFile; text: string } => {
  const target = readTarget(file);
  return { target, text: decode(target.bytes ?? Buffer.alloc(0), file, tool.format.encoding) };
};

/** What is wrong with a text is said of its file. */
export const about = <T>(file: string, action: () => T): T => {
  try {
    return action();
  } catch (error) {
    if (error instanceof RangeError) {
      // The stack of a parser is over.
      throw new TokenctlError('refused', `${file} is nested too deeply; nothing was changed`, {
        hint: `head -c 200 '${file}'`,
      });
    }
    if (error instanceof TokenctlError && !error.message.includes(file)) {
      throw new TokenctlError(error.code, `${file}: ${error.message}; nothing was changed`, {
        hint: error.hint,
      });
    }
    throw error;
  }
};

export const decode = (bytes: Buffer, file: string, encoding: 'utf8' | 'latin1'): string => {
  if (encoding === 'latin1') {
    return bytes.toString('latin1');
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new TokenctlError('refused', `${file} is not UTF-8; nothing was changed`, {
      hint: `iconv -t UTF-8 '${file}'`,
    });
  }
};
