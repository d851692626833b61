import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';

/** Where Linux keeps the id of an installation: machine-id(5), and its older place. */
const MACHINE_ID_FILES = ['/etc/machine-id', '/var/lib/dbus/machine-id'];

/**
 * A hash of what identifies this machine beyond a reboot, or its host name where nothing does. Only
 * its hash, for machine-id(5) asks to keep the id itself from others. It decides nothing alone: see
 * `store/origin.ts`.
 */
export const machineId = (): string =>
  createHash('sha256')
    .update(`tokenctl ${installationId() ?? hostname()}`)
    .digest('hex')
    .slice(0, 32);

const installationId = (): string | null => {
  for (const path of process.platform === 'linux' ? MACHINE_ID_FILES : []) {
    try {
      const id = readFileSync(path, 'latin1').trim();
      if (/^[0-9a-f]{32}$/.test(id)) {
        return id;
      }
    } catch {
      // The next one, or the host name.
    }
  }
  return null;
};
