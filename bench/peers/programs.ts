import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { environment } from '../shell-loop.ts';

/** @throws {Error} naming the packages to install */
export const requirePrograms = async (packages: string, ...programs: string[]): Promise<void> => {
  for (const program of programs) {
    if ((await findProgram(program)) === null) {
      throw new Error(`${program} is not installed (apt-get install ${packages})`);
    }
  }
};

export const findProgram = async (program: string): Promise<string | null> => {
  for (const directory of (environment({}).PATH ?? '').split(delimiter)) {
    const path = join(directory, program);
    try {
      await access(path, constants.X_OK);
      return path;
    } catch {
      // The next one, then.
    }
  }
  return null;
};
