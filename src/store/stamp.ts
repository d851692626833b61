import type { Credential, Origin } from '../credential.ts';
import type { HeldFile } from './held-file.ts';
import { originOf, whyCopied } from './origin.ts';
import type { Seen } from './seen.ts';

/** Why this record's refresh token is not ours to spend; null if it is. */
export const whyForeign = async (
  record: Credential,
  recordPath: string,
  seen: Seen,
): Promise<string | null> => {
  const highest = await seen.highest(record);
  return highest !== null && record.generation < highest
    ? `this credential was restored from a backup (generation ${record.generation}, and ${highest} has been seen here), so its refresh token is spent already`
    : whyCopied(record, recordPath);
};

/**
 * Says in every record where it was written. That is found out before the refresh token is spent, so
 * that nothing needs to be done between the answer and the saved record. A copy keeps saying where
 * it is from, whatever else is changed in it: only a claim brings it home.
 */
export interface Stamp {
  prepare(previous: Credential | null): Promise<void>;
  on(next: Credential): Credential;
  claim(): void;
  /** Called when `next` is the record, and durable. */
  committed(next: Credential, previous: Credential | null): Promise<void>;
}

export const createStamp = ({ acquired, recordPath, seen }: HeldFile): Stamp => {
  let here: Origin | null = null;
  let foreignId: string | null = null;
  let claimed = false;
  return {
    prepare: async (previous) => {
      const isForeign =
        !claimed && previous !== null && (await whyForeign(previous, recordPath, seen)) !== null;
      foreignId = isForeign ? previous.recordId : null;
      here = await originOf(recordPath, `${acquired.lease.nextPath}.anchor`);
    },
    on: (next) => (here === null || foreignId === next.recordId ? next : { ...next, origin: here }),
    claim: () => {
      claimed = true;
    },
    committed: async (next, previous) => {
      if (previous !== null && previous.recordId !== next.recordId) {
        await seen.forget(previous);
      }
      // What does not advance was noted when it did, and a restored record must not pass for the newest.
      if (claimed || previous?.generation !== next.generation) {
        await seen.note(next);
      }
    },
  };
};
