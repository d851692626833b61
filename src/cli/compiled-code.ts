import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { Script } from 'node:vm';

/** A file of our own code that has been run. */
export interface Loaded {
  readonly exports: unknown;
  /** Puts down what V8 has compiled by now for the next process, if there is nothing yet. Never fails. */
  readonly keepCompiled: () => void;
}

/**
 * Runs a CommonJS file of ours with what V8 made of it in an earlier process: to compile it is a
 * fifth of what a refresh costs (docs/performance.md).
 *
 * What is kept is code that will run. It lies beside our code, as Python's does (PEP 3147), and is used
 * only if it belongs to that code's owner, nobody else can write to it, and it is whole and was made
 * from this very code by this very Node.js: who can put it there could as well change the code. On any
 * doubt the code is compiled as ever. V8 turns down what it made with other flags.
 */
export const runCompiled = (path: string, require: NodeJS.Require): Loaded => {
  const code = readCode(path);
  const keptPath = `${path}.${process.version}-${process.arch}.v8`;
  const cachedData = readKept(keptPath, code);
  const script = new Script(code.bytes.toString('latin1'), { filename: path, cachedData });
  const module = { exports: {} };
  script.runInThisContext()(module.exports, require, module, path, dirname(path));
  return {
    exports: module.exports,
    keepCompiled: () => {
      if (cachedData === undefined || script.cachedDataRejected) {
        keep(keptPath, code, script);
      }
    },
  };
};

interface CodeFile {
  readonly stats: Stats;
  readonly bytes: Buffer;
}

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;

const readCode = (path: string): CodeFile => {
  const file = openSync(path, O_RDONLY);
  try {
    return { stats: fstatSync(file), bytes: readFileSync(file) };
  } finally {
    closeSync(file);
  }
};

const DIGEST_BYTES = 32;
const WRITABLE_BY_OTHERS = 0o022;

const readKept = (path: string, code: CodeFile): Buffer | undefined => {
  try {
    const file = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      if (!isTrusted(fstatSync(file), code)) {
        return undefined;
      }
      const bytes = readFileSync(file);
      const compiled = bytes.subarray(DIGEST_BYTES);
      return digest(code, compiled).equals(bytes.subarray(0, DIGEST_BYTES)) ? compiled : undefined;
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined;
  }
};

/** A second name would be something else that was hung in here. */
const isTrusted = (stats: Stats, code: CodeFile): boolean =>
  stats.isFile() &&
  stats.uid === code.stats.uid &&
  (stats.mode & WRITABLE_BY_OTHERS) === 0 &&
  stats.nlink === 1;

/** Of all that must be the same. V8 compares the code's length only, and does not check what it is given. */
const digest = (code: CodeFile, compiled: Buffer): Buffer => {
  const { size, mtimeMs } = statSync(process.execPath);
  return createHash('sha256')
    .update(`${process.version} ${size} ${mtimeMs} ${code.bytes.length} ${compiled.length}\n`)
    .update(code.bytes)
    .update(compiled)
    .digest();
};

const keep = (path: string, code: CodeFile, script: Script): void => {
  // Only beside code of our own (never on Windows), and not what special flags would make of it.
  const flags = process.execArgv.length > 0 || process.env.NODE_OPTIONS;
  if (flags || process.geteuid?.() !== code.stats.uid) {
    return;
  }
  // One name for all: what a process leaves behind that dies here is replaced by the next.
  const prepared = `${path}.new`;
  try {
    unlinkIfThere(prepared);
    const file = openSync(prepared, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    try {
      const compiled = script.createCachedData();
      writeSync(file, Buffer.concat([digest(code, compiled), compiled]));
      // Whoever may read the code may read this.
      fchmodSync(file, code.stats.mode & 0o444);
    } finally {
      closeSync(file);
    }
    renameSync(prepared, path);
  } catch {
    // It is compiled again.
  }
};

const unlinkIfThere = (path: string): void => {
  try {
    unlinkSync(path);
  } catch {
    // What is in the way will show.
  }
};
