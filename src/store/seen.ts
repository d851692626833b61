import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Credential } from '../credential.ts';
import { attempt } from '../lock/directory.ts';
import { nodeFileSystem } from '../platform/fs.ts';

/**
 * The highest generation of each grant that this machine has seen, kept apart from the records: a
 * backup that is restored in place brings an older generation back, whose refresh token is spent.
 */
export interface Seen {
  /** The highest generation seen of this grant; null if none was, or it cannot be told. */
  highest(record: Credential): Promise<number | null>;
  /** Called once the record is durable. Never fails: without it a restored backup is not recognised, and no more. */
  note(record: Credential): Promise<void>;
  forget(record: Credential): Promise<void>;
}

/** One small file per grant, named by a hash of its record id. */
export const fileSeen = (directory: string): Seen => {
  const pathOf = ({ recordId }: Credential) =>
    join(directory, createHash('sha256').update(recordId).digest('hex').slice(0, 32));
  return {
    highest: async (record) => {
      try {
        const text = await readFile(pathOf(record), 'latin1');
        return /^\d{1,15}\n$/.test(text) ? Number(text) : null;
      } catch {
        return null;
      }
    },
    note: async (record) => {
      const path = pathOf(record);
      // One name for all, so that what a process leaves behind that dies here is found by the next.
      const prepared = `${path}.new`;
      await attempt(async () => {
        await mkdir(directory, { recursive: true, mode: 0o700 });
        await attempt(() => unlink(prepared));
        // Not fsynced: what a power failure takes back is never too high, only too low.
        await nodeFileSystem.create(prepared, `${record.generation}\n`);
        await rename(prepared, path);
      });
    },
    forget: async (record) => {
      await attempt(() => unlink(pathOf(record)));
    },
  };
};

/** For stores that have no place apart from the record. */
export const nothingSeen: Seen = {
  highest: async () => null,
  note: async () => {},
  forget: async () => {},
};
