import { join } from 'node:path';
import type { Credential } from '../credential.ts';
import { freshUntilMs } from '../fresh-line.ts';
import { attempt } from '../lock/directory.ts';
import type { FileSystem } from '../platform/fs.ts';
import { ANCHOR } from './origin.ts';

/**
 * Sets the modification time of a record that is about to be put in its place to its deadline, and
 * sees to it that the anchor's is not before its issue.
 *
 * Whether one file is newer than another is the one question about the wall clock that costs a shell
 * no process. `bin/tokenctl` serves a record only while its time lies ahead, and the anchor's does
 * not. Whatever is done to the file later (an edit, a copy, a write that is cut off) sets its time to
 * now, and the launcher leaves it to Node.js, which reads all of it. The same happens where this
 * fails, or a crash comes before it: a launcher that asks is only slower.
 */
export const setDeadline = async (
  fs: FileSystem,
  path: string,
  directory: string,
  record: Credential,
): Promise<void> => {
  const untilMs = freshUntilMs(record);
  if (untilMs === null) {
    return;
  }
  await attempt(async () => {
    await raiseAnchor(fs, directory, record.issued.epochMs);
    await fs.setMtime(path, untilMs);
  });
};

/** More than any two clocks that are kept by NTP differ. */
const STEP_MS = 60_000;

const raiseAnchor = async (fs: FileSystem, directory: string, issuedMs: number): Promise<void> => {
  const anchor = join(directory, ANCHOR);
  const newestMs = await fs.mtimeMs(anchor);
  if (newestMs > Date.now() + STEP_MS) {
    // The clock was ahead when that was set. What was issued then has a deadline that is as far off.
    await forgetDeadlines(fs, directory);
    await fs.setMtime(anchor, issuedMs);
  } else if (newestMs < issuedMs) {
    await fs.setMtime(anchor, issuedMs);
  }
};

const forgetDeadlines = async (fs: FileSystem, directory: string): Promise<void> => {
  for (const entry of await fs.readdir(directory)) {
    if (entry.endsWith('.json')) {
      await attempt(() => fs.setMtime(join(directory, entry), Date.now()));
    }
  }
};
