import { closeSync, fstatSync, ftruncateSync, futimesSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { TokenctlError } from '../errors.ts';
import { findPaths } from '../paths.ts';
import { systemClock } from '../platform/clock.ts';
import { EXIT_CODES } from './exit-codes.ts';
import { asLine } from './report.ts';

/**
 * `bin/tokenctl` starts one Node.js for all who find that the token has expired, and the others wait for
 * the lock of a file that this one inherits (`docs/launcher.md`). They go on when it is released: then
 * the record has a new token, or the file says why not.
 */
export const leadHerd = async (name: string, work: () => Promise<void>): Promise<void> => {
  const file = inheritedFile();
  try {
    await work();
  } catch (error) {
    if (file !== null && error instanceof TokenctlError && error.shared) {
      leaveOutcome(name, file, error);
    }
    throw error;
  }
};

/** The answer is known: nobody needs to wait until it is printed. */
export const releaseHerd = (): void => {
  const file = inheritedFile();
  if (file !== null) {
    released = true;
    ignoringFaults(() => closeSync(file));
  }
};

let released = false;

/** The descriptor that the launcher opened. */
const HERD_FILE = 9;
/** An outcome and more; what is larger is not ours. */
const MAX_BYTES = 4096;

const inheritedFile = (): number | null => {
  if (released || process.env.TOKENCTL_HERD !== String(HERD_FILE)) {
    return null;
  }
  try {
    const stats = fstatSync(HERD_FILE);
    return stats.isFile() && stats.size <= MAX_BYTES ? HERD_FILE : null;
  } catch {
    return null;
  }
};

/** One line: hundredths of a second since the boot, exit code, what to say. */
const leaveOutcome = (name: string, file: number, error: TokenctlError): void =>
  ignoringFaults(() => {
    // The variable may have strayed here, with another file at that number: nothing is written to that.
    const [theirs, ours] = [fstatSync(file), statSync(herdPath(name))];
    if (theirs.ino !== ours.ino || theirs.dev !== ours.dev) {
      return;
    }
    const { uptimeMs } = systemClock();
    // A shell's echo may take a backslash for more than that.
    const said = asLine(error).replaceAll('\\', '/');
    const line = `${Math.floor((uptimeMs ?? 0) / 10)} ${EXIT_CODES[error.code]} ${said}\n`;
    // The time says from when on one may wait, and is set with every record.
    const { atime, mtime } = theirs;
    ftruncateSync(file);
    writeSync(file, line, 0);
    futimesSync(file, atime, mtime);
  });

const herdPath = (name: string): string => join(findPaths().credentials, `${name}.herd`);

const ignoringFaults = (step: () => void): void => {
  try {
    step();
  } catch {
    // Those who wait start a Node.js of their own then, one after the other.
  }
};
