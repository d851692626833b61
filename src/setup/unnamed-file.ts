import { randomBytes } from 'node:crypto';
import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errnoOf, TokenctlError } from '../errors.ts';

/**
 * Calls with a descriptor from which this can be read, for the stdin of a child: what is given to
 * spawnSync() itself is printed where NODE_DEBUG asks for that. The file has no name any more when there is
 * something in it.
 */
export const withUnnamedFile = <T>(bytes: Buffer, use: (descriptor: number) => T): T => {
  const file = createUnnamedFile(bytes);
  try {
    return use(file);
  } finally {
    closeSync(file);
  }
};

const createUnnamedFile = (bytes: Buffer): number => {
  const directory = tmpdir();
  let file: number | undefined;
  try {
    const path = join(directory, `tokenctl-${randomBytes(12).toString('hex')}`);
    file = openSync(path, 'wx+', 0o600);
    unlinkSync(path);
    for (let written = 0; written < bytes.length; ) {
      // At a position, so that whoever reads begins at the start.
      written += writeSync(file, bytes, written, bytes.length - written, written);
    }
    return file;
  } catch (error) {
    if (file !== undefined) {
      closeSync(file);
    }
    throw new TokenctlError(
      'refused',
      `the temporary directory ${directory} cannot be written to (${errnoOf(error) ?? 'unknown'})`,
      { hint: `ls -ld '${directory}'; df '${directory}'` },
    );
  }
};
