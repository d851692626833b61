import { constants, type Stats } from 'node:fs';
import { type FileHandle, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeDirectory } from '../platform/make-directory.ts';

/** Beyond this size the file is moved to `….1`, replacing the one before: two files bound the disk it takes. */
const MAX_BYTES = 8 * 1024 * 1024;

/** Appends a line to a file of ours. Never follows a link, and never waits for the reader of a pipe. */
export const appendLine = async (path: string, line: string): Promise<void> => {
  const file = await openForAppend(path);
  let size: number;
  try {
    requireOurs(await file.stat());
    // One write(2) with O_APPEND: lines of parallel processes never mix.
    await file.write(line);
    size = (await file.stat()).size;
  } finally {
    await file.close();
  }
  if (size > MAX_BYTES) {
    await rename(path, `${path}.1`).catch(() => {});
  }
};

const openForAppend = async (path: string): Promise<FileHandle> => {
  // The latter two are absent on Windows, where there is nothing to follow and nothing that blocks on open.
  const { O_WRONLY, O_APPEND, O_CREAT, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
  const flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK;
  try {
    return await open(path, flags, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
      throw error;
    }
    await makeDirectory(dirname(path));
    return await open(path, flags, 0o600);
  }
};

/** Another user's file would tell that user what happens here, and a device may do anything with it. */
const requireOurs = (stats: Stats): void => {
  const foreign = process.geteuid !== undefined && stats.uid !== process.geteuid();
  if (!stats.isFile() || foreign) {
    throw Object.assign(new Error('not a regular file of ours'), { code: 'EINVAL' });
  }
};
