import { mkdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { errnoOf } from '../errors.ts';

/**
 * Makes a directory for its owner only, and those above it that are missing.
 *
 * Not by `recursive`: with that Node.js tries for ever where a parent exists and nothing can be made
 * in it, as in /proc and below some automounted directories.
 */
export const makeDirectory = async (path: string): Promise<void> => {
  try {
    await makeOne(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT' || dirname(path) === path) {
      throw error;
    }
    await makeDirectory(dirname(path));
    await makeOne(path);
  }
};

const makeOne = async (path: string): Promise<void> => {
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (error) {
    // Of what is there not every system says EEXIST first (macOS: EISDIR, EROFS). If it is no
    // directory, whoever uses it finds out.
    const isThere = await stat(path).then(
      () => true,
      () => false,
    );
    if (!isThere) {
      throw error;
    }
  }
};
