import { closeSync, openSync, writeSync } from 'node:fs';
import { errnoOf, TokenctlError } from '../../errors.ts';

/**
 * What the user's own `--dump-header` would have got: curl writes the headers for us, and we on into the file,
 * or to stdout before what comes with them.
 */
export const writeHeads = (
  file: string | null,
  read: (from?: number) => Buffer,
): { start: () => Promise<void>; finish: () => Promise<void> } => {
  let written = 0;
  const target = file === null ? null : file === '-' ? 1 : open(file);
  const step = async () => {
    if (target !== null) {
      const rest = read(written);
      written += rest.length;
      await (target === 1
        ? new Promise<void>((resolve) => process.stdout.write(rest, () => resolve()))
        : writeSync(target, rest));
    }
  };
  return {
    start: step,
    finish: async () => {
      await step();
      if (target !== null && target !== 1) {
        closeSync(target);
      }
    },
  };
};

const open = (file: string): number => {
  try {
    return openSync(file, 'w');
  } catch (error) {
    throw new TokenctlError(
      'refused',
      `--dump-header: the file cannot be written (${errnoOf(error)})`,
    );
  }
};
