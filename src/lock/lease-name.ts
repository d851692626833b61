import { createHash, randomBytes } from 'node:crypto';
import type { ProcessIdentity } from '../platform/process-identity.ts';

/**
 * A lease's name says whose it is: `<pid>.<start time>.<machine>.<namespaces>.<nonce>`.
 *
 * It is the name of the one directory inside the lock, so a lease never exists without
 * saying whose it is: not for an instant, and not after a power failure that kept the
 * directory and lost what was written into its files.
 */
export type LeaseName = string;

/** An owner as far as its lease name tells: the machine only as a hash. */
export interface LeaseOwner {
  readonly pid: number;
  readonly startTime: string | null;
  readonly machineHash: string;
  readonly namespaces: string | null;
}

const NAME =
  /^([1-9]\d{0,9})\.([A-Za-z0-9_]{1,40}|-)\.([0-9a-f]{12})\.([0-9-]{1,40})\.[0-9a-f]{16}$/;

export const newLeaseName = (owner: ProcessIdentity): LeaseName =>
  [
    owner.pid,
    owner.startTime ?? '-',
    hashMachine(owner.machine),
    owner.namespaces ?? '-',
    randomBytes(8).toString('hex'),
  ].join('.');

export const parseLeaseName = (name: string): LeaseOwner | null => {
  const [, pid, startTime, machineHash, namespaces] = NAME.exec(name) ?? [];
  return pid === undefined || machineHash === undefined
    ? null
    : {
        pid: Number(pid),
        startTime: startTime === '-' || startTime === undefined ? null : startTime,
        machineHash,
        namespaces: namespaces === '-' || namespaces === undefined ? null : namespaces,
      };
};

export const hashMachine = (machine: string): string =>
  createHash('sha256').update(machine).digest('hex').slice(0, 12);
