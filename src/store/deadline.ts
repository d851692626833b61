import { join } from 'node:path';
import { CLOCK_TOLERANCE_MS, type Credential } from '../credential.ts';
import { errnoOf } from '../errors.ts';
import { expiredFromMs, freshUntilMs } from '../fresh-line.ts';
import { attempt } from '../lock/directory.ts';
import type { FileSystem } from '../platform/fs.ts';
import { ANCHOR } from './origin.ts';

/**
 * Sets the modification time of a record that is about to be put in its place to its deadline, and
 * sees to it that the anchor's tells of its issue.
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
    // Half the tolerance leaves room for shells that compare whole seconds.
    await raiseAnchor(fs, directory, record.issued.epochMs - CLOCK_TOLERANCE_MS / 2);
    await fs.setMtime(path, untilMs);
  });
};

/**
 * The modification time of this file, beside a login's record, says from when on nobody can be served
 * without a refresh. `bin/tokenctl` waits for its lock then (flock(2)) instead of starting a Node.js that
 * would only wait; what is in it, `cli/herd.ts` says. An economy: nothing depends on it.
 *
 * Set before the record is put in its place, for in the window nobody may wait.
 */
export const setHerd = async (
  fs: FileSystem,
  path: string | null,
  record: Credential,
): Promise<void> => {
  if (path === null) {
    return;
  }
  const set = () => fs.setMtime(path, expiredFromMs(record));
  await attempt(async () => {
    try {
      await set();
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') {
        throw error;
      }
      await fs.create(path, '');
      await set();
    }
  });
};

const raiseAnchor = async (fs: FileSystem, directory: string, timeMs: number): Promise<void> => {
  const anchor = join(directory, ANCHOR);
  const newestMs = await fs.mtimeMs(anchor);
  const wasAhead = newestMs > Date.now() + CLOCK_TOLERANCE_MS;
  if (wasAhead) {
    // The clock was, when that was set. What was issued then has a deadline that is as far off.
    await forgetDeadlines(fs, directory);
  }
  if (wasAhead || newestMs < timeMs) {
    await fs.setMtime(anchor, timeMs);
  }
};

const forgetDeadlines = async (fs: FileSystem, directory: string): Promise<void> => {
  for (const entry of await fs.readdir(directory)) {
    if (entry.endsWith('.json')) {
      await attempt(() => fs.setMtime(join(directory, entry), Date.now()));
    }
  }
};
