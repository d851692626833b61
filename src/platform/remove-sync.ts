import { rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** What this process had begun to create in there takes no longer. */
const TRIES = 20;

/** Removes a lease while the process exits, by its own name; the lock itself only if that leaves it empty. */
export const removeLeaseSync = (lockPath: string, name: string): void => {
  for (let tries = 1; ; tries += 1) {
    try {
      rmSync(join(lockPath, name), { recursive: true, force: true });
      break;
    } catch (error) {
      // A call that is under way in another thread created something since the directory was read.
      if (tries === TRIES) {
        throw error;
      }
    }
  }
  rmdirSync(lockPath);
};
