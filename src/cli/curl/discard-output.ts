import { realpathSync, rmSync, type Stats, statSync, truncateSync } from 'node:fs';

/** Undoes, before a request is sent once more, what the first answer wrote into the file. */
export const forgetting = (file: string | null): (() => void) => {
  const before = file === null ? null : look(file);
  return () => {
    const after = file === null ? null : look(file);
    if (file === null || after?.isFile() !== true || isSame(before, after)) {
      return;
    }
    if (before === null) {
      // A link that led to nothing is the user's: curl made what it leads to.
      rmSync(realpathSync(file), { force: true });
    } else {
      // What was in it before is gone, as it would be with every answer.
      truncateSync(file);
    }
  };
};

const look = (file: string): Stats | null => {
  try {
    return statSync(file);
  } catch {
    return null;
  }
};

const isSame = (before: Stats | null, after: Stats): boolean =>
  before?.ino === after.ino && before.size === after.size && before.mtimeMs === after.mtimeMs;
