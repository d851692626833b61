import { randomBytes } from 'node:crypto';
import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Calls with a descriptor from which this can be read, for the stdin of a child: what is given to
 * spawnSync() itself is printed where NODE_DEBUG asks for that. The file has no name any more when there is
 * something in it.
 */
export const withUnnamedFile = <T>(bytes: Buffer, use: (descriptor: number) => T): T => {
  const path = join(tmpdir(), `tokenctl-${randomBytes(12).toString('hex')}`);
  const file = openSync(path, 'wx+', 0o600);
  try {
    unlinkSync(path);
    for (let written = 0; written < bytes.length; ) {
      // At a position, so that whoever reads begins at the start.
      written += writeSync(file, bytes, written, bytes.length - written, written);
    }
    return use(file);
  } finally {
    closeSync(file);
  }
};
