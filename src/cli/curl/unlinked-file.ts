import { randomUUID } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  openSync,
  readSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { TokenctlError } from '../../errors.ts';

/** A file without a name, for another process to open as /dev/fd/N: gone with the last who has it open. */
export interface UnlinkedFile {
  readonly descriptor: number;
  readonly write: (content: string) => void;
  /** All that is in it from here on. */
  readonly read: (from?: number) => Buffer;
  readonly close: () => void;
}

export const openUnlinked = (): UnlinkedFile => {
  const descriptor = open();
  return {
    descriptor,
    // By position: where /dev/fd/N is a duplicate, whoever opens it is to begin at the start.
    write: (content) => void writeSync(descriptor, content, 0, 'utf8'),
    read: (from = 0) => {
      const buffer = Buffer.alloc(Math.max(0, fstatSync(descriptor).size - from));
      return buffer.subarray(0, readSync(descriptor, buffer, 0, buffer.length, from));
    },
    close: () => closeSync(descriptor),
  };
};

const FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | (constants.O_NOFOLLOW ?? 0);

/** In memory where there is a place for that. */
const open = (): number => {
  for (const directory of ['/dev/shm', tmpdir()]) {
    try {
      const path = join(directory, `tokenctl-${randomUUID()}`);
      const descriptor = openSync(path, FLAGS, 0o600);
      unlinkSync(path);
      return descriptor;
    } catch {
      // The next one, then.
    }
  }
  throw new TokenctlError('refused', `no file can be made in '${tmpdir()}'`, {
    hint: 'set TMPDIR to a directory that can be written to',
  });
};
