import { rmdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Removes a lease while the process exits, by its own name; the lock itself only if that leaves it empty. */
export const removeLeaseSync = (lockPath: string, name: string): void => {
  rmSync(join(lockPath, name), { recursive: true, force: true });
  rmdirSync(lockPath);
};
