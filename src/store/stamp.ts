import type { Credential, Origin } from '../credential.ts';
import { type HeldFile, readParsed } from './held-file.ts';
import { originOf, whyCopied } from './origin.ts';

type Place = Pick<HeldFile, 'recordPath' | 'login' | 'seen'>;

/** Why this record's refresh token is not ours to spend; null if it is. */
export const whyForeign = async (record: Credential, place: Place): Promise<string | null> => {
  const highest = await place.seen.highest(record);
  return highest !== null &&
    record.generation < highest &&
    (await isStillBehind(highest, record, place))
    ? `this credential was restored from a backup (generation ${record.generation}, and ${highest} has been seen here), so its refresh token is spent already`
    : whyCopied(record, place.recordPath);
};

/**
 * A sibling may have refreshed since this record was read. It notes what it saved only after it has
 * saved it, so that what is stored now tells that from a backup.
 */
const isStillBehind = async (
  highest: number,
  { recordId }: Credential,
  place: Place,
): Promise<boolean> => {
  const stored = await readParsed(place);
  return (
    stored?.kind === 'record' &&
    stored.record.recordId === recordId &&
    stored.record.generation < highest
  );
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

export const createStamp = (held: HeldFile): Stamp => {
  const { acquired, recordPath, seen } = held;
  let here: Origin | null = null;
  let foreignId: string | null = null;
  let claimed = false;
  return {
    prepare: async (previous) => {
      const isForeign =
        !claimed && previous !== null && (await whyForeign(previous, held)) !== null;
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
