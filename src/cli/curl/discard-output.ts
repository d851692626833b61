import { rmSync, statSync, truncateSync } from 'node:fs';

/** Before a request is sent once more: undoes what the first answer wrote into the file. */
export const forgetting = (file: string | null): (() => void) => {
  const before = file === null ? null : kindOf(file);
  return () => {
    if (file === null || kindOf(file) !== 'file') {
      return;
    }
    if (before === 'none') {
      rmSync(file, { force: true });
    } else {
      // What was in it before is gone, as it would be with every answer.
      truncateSync(file);
    }
  };
};

const kindOf = (file: string): 'none' | 'file' | 'other' => {
  try {
    return statSync(file).isFile() ? 'file' : 'other';
  } catch {
    return 'none';
  }
};
