import { join } from 'node:path';
import { errnoOf } from '../errors.ts';
import type { FileSystem } from '../platform/fs.ts';

/** The names in a directory of ours; none if it is not there. */
export const entriesOf = async (
  fs: FileSystem,
  path: string,
): Promise<string[] | 'not-a-directory'> => {
  try {
    return await fs.readdir(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') {
      return [];
    }
    if (errnoOf(error) === 'ENOTDIR') {
      return 'not-a-directory';
    }
    throw error;
  }
};

/** Removes a directory of ours: lease directories are at most two deep. Of a link, the link. Gives `done`, or why not. */
export const removeTree = async (fs: FileSystem, path: string): Promise<string> => {
  const entries = await entriesOf(fs, path).catch(() => []);
  if (entries === 'not-a-directory') {
    return attempt(() => fs.unlink(path));
  }
  for (const entry of entries) {
    const child = join(path, entry);
    if ((await attempt(() => fs.unlink(child))) !== 'done') {
      await removeTree(fs, child);
    }
  }
  return attempt(() => fs.rmdir(path));
};

/** `done`, or the error's code: for steps where somebody else may have been first. */
export const attempt = async (step: () => Promise<void>): Promise<'done' | (string & {})> => {
  try {
    await step();
    return 'done';
  } catch (error) {
    return errnoOf(error) ?? 'unknown';
  }
};
