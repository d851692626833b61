import { appendFile, open } from 'node:fs';
import { promisify } from 'node:util';
import { errnoOf, TokenctlError } from '../../errors.ts';

/**
 * What the user's own `--dump-header` would have got: curl writes the headers for us, and we on into the file,
 * or to stdout before what comes with them.
 */
export interface HeadsOutput {
  /** Writes what has come since. */
  readonly write: (read: (from: number) => Buffer) => Promise<void>;
}

/**
 * Opened before anything is sent, as curl does. Not by what waits in the main thread, as node:fs/promises does in
 * what is built (`blocking-fs.ts`): a pipe may have nobody at its other end, and signals must come through.
 *
 * @throws {TokenctlError} `refused`
 */
export const openHeadsOutput = async (file: string | null): Promise<HeadsOutput> => {
  const target = file === null || file === '-' ? null : await openFile(file);
  let written = 0;
  return {
    write: async (read) => {
      if (file === null) {
        return;
      }
      const rest = read(written);
      written += rest.length;
      await (target === null
        ? new Promise<void>((resolve) => process.stdout.write(rest, () => resolve()))
        : promisify(appendFile)(target, rest));
    },
  };
};

const openFile = async (file: string): Promise<number> => {
  try {
    return await promisify(open)(file, 'w');
  } catch (error) {
    throw new TokenctlError(
      'refused',
      `--dump-header: the file cannot be written (${errnoOf(error)})`,
    );
  }
};
