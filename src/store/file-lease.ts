import { randomBytes } from 'node:crypto';
import { type Credential, tokenHash } from '../credential.ts';
import { errnoOf, TokenctlError } from '../errors.ts';
import { attempt } from '../lock/directory.ts';
import type { KeptAcquisition } from '../lock/heartbeat.ts';
import type { LeaseName } from '../lock/lease-name.ts';
import type { LockPlace } from '../lock/place.ts';
import { type Remains, removeRemains } from '../lock/remains.ts';
import { MAX_RECORD_BYTES, serialiseRecord } from '../record-format.ts';
import {
  type CompleteRecord,
  type ParsedRecord,
  parseRecord,
  requireRecord,
  withoutRemainder,
} from '../record-parser.ts';
import { isDirectory, isLink, readCredentialFile, requireReplaceable } from './location.ts';
import type { Inheritance, Stored, StoreLease } from './store.ts';

export interface HeldFile {
  readonly acquired: Extract<KeptAcquisition, { kind: 'held' }>;
  readonly place: LockPlace;
  /** The credential file as it was asked for; a link, perhaps. */
  readonly path: string;
  /** The file behind it, beside which everything happens. */
  readonly recordPath: string;
  readonly directory: string;
  readonly login: string;
}

/** Room for a longer token than the last one; a successor that needs more is still written, unproved. */
const RESERVED_GROWTH_BYTES = 16 * 1024;

export const fileLease = (held: HeldFile): StoreLease => {
  const { acquired, place, recordPath, directory, login } = held;
  const { lease } = acquired;
  // What dead holders left about the refresh token that is stored now; without meaning after the next.
  let outlived: readonly Remains[] = [];
  let advances = false;
  return {
    name: lease.name,
    evicted: acquired.evicted,
    inherit: async (own) => {
      const { kept, ...inheritance } = await inherit(held, own);
      outlived = kept;
      return inheritance;
    },
    read: () => readRecord(held),
    reserve: async (previous) => {
      await requireReplaceable(recordPath, `${lease.nextPath}.probe`);
      return lease.reserve(reservation(previous));
    },
    gate: async (generation, nth) =>
      acquired.uncompromised() ? lease.gate(generation, nth) : 'lost',
    ungate: (generation, nth) => lease.ungate(generation, nth),
    write: (next, previous) => {
      advances = previous === null || next.generation > previous.generation;
      return lease.write(serialiseRecord(next, parentOf(previous)));
    },
    commit: async () => {
      const step = await lease.commit(recordPath);
      if (step === 'lost') {
        return step;
      }
      const synced = await attempt(() => place.fs.syncDirectory(directory));
      for (const remains of advances ? outlived : []) {
        await removeRemains(place, remains);
      }
      return synced === 'done' ? 'done' : 'unsynced';
    },
    remove: async () => {
      try {
        if (await isDirectory(recordPath)) {
          // What goes with the lease goes with everything in it, and that is not ours.
          throw Object.assign(new Error('a directory'), { code: 'EISDIR' });
        }
        const shared = await isLink(held.path);
        // A link only: those it is shared with keep the login. Else out of an evicted holder's reach,
        // and gone with the lease.
        await (shared
          ? place.fs.unlink(held.path)
          : place.fs.rename(recordPath, `${lease.nextPath}.removed`));
        await place.fs.syncDirectory(directory);
        if (!shared) {
          // What dead holders left may hold tokens as well; last, for it may be the only copy.
          await forgetRemains(held);
        }
      } catch (error) {
        if (errnoOf(error) !== 'ENOENT') {
          throw new TokenctlError(
            'refused',
            `cannot remove the credential file (${errnoOf(error)})`,
            {
              login,
              cause: error,
            },
          );
        }
      }
    },
    conclude: (answered) => lease.conclude(answered),
    release: acquired.release,
    leaveBehind: acquired.leaveBehind,
  };
};

const parentOf = (previous: Credential | null): string => tokenHash(previous?.refreshToken ?? null);

/**
 * What the next record's file holds until there is one: the intent, filled to size. The filling is
 * random, so that a file system that compresses must really find the space. (One that copies on
 * write may still run out when the file is overwritten: there the reservation is best effort.)
 */
const reservation = (previous: Credential | null): string => {
  const size =
    (previous === null ? 0 : serialiseRecord(previous, parentOf(previous)).length) +
    RESERVED_GROWTH_BYTES;
  const intent = { intent: 'refresh', parent: parentOf(previous), at: new Date().toISOString() };
  return `${JSON.stringify(intent)}\n${randomBytes(Math.ceil((size * 3) / 4)).toString('base64')}\n`;
};

/**
 * Rolls forward: a complete next record whose parent is the current record becomes the record. What
 * can no longer matter is swept; what says that the current refresh token went out stays.
 */
const inherit = async (
  held: HeldFile,
  own: ReadonlySet<LeaseName>,
): Promise<Inheritance & { kept: readonly Remains[] }> => {
  const found = (await held.acquired.lease.remains()).filter(({ name }) => !own.has(name));
  const before = await readParsed(held);
  const adopted = await adopt(held, found, before);
  const current = adopted ?? (before?.kind === 'record' ? before.record : null);
  if (current === null && before !== null) {
    // Unreadable, and nothing mends it: what is left may matter to whoever does.
    return { adopted, inFlight: null, lostSends: 0, lastSentMs: null, kept: [] };
  }
  const unanswered = found.filter((remains) => sentUnanswered(remains, current));
  for (const remains of found.filter((remains) => !unanswered.includes(remains))) {
    await removeRemains(held.place, remains);
  }
  const alive = unanswered.find(({ owner }) => owner === 'alive');
  const kept = unanswered.filter(({ owner }) => owner === 'dead');
  const sends = kept.flatMap(({ spent }) =>
    spent.filter(({ generation }) => generation === current?.generation).map(({ nth }) => nth),
  );
  const times = await Promise.all(
    kept.map(({ path }) => held.place.fs.mtimeMs(path).catch(() => Number.NEGATIVE_INFINITY)),
  );
  const lastSentMs = Math.max(...times);
  return {
    adopted,
    inFlight: alive?.name ?? null,
    lostSends: Math.max(0, ...sends),
    lastSentMs: Number.isFinite(lastSentMs) ? lastSentMs : null,
    kept,
  };
};

const forgetRemains = async ({ acquired, place }: HeldFile): Promise<void> => {
  for (const remains of await acquired.lease.remains()) {
    await removeRemains(place, remains);
  }
};

const adopt = async (
  { place, recordPath, directory, login }: HeldFile,
  found: readonly Remains[],
  current: ParsedRecord | null,
): Promise<Credential | null> => {
  let best: (CompleteNext & { path: string }) | null = null;
  for (const { nextPath } of found) {
    const next = nextPath === null ? null : await completeNext(place, nextPath);
    if (next === null || nextPath === null || !succeeds(next.parsed, current)) {
      continue;
    }
    if (best === null || next.parsed.record.generation > best.parsed.record.generation) {
      best = { ...next, path: nextPath };
    }
  }
  if (best === null) {
    return null;
  }
  try {
    if (best.remainder) {
      await place.fs.overwrite(best.path, best.text);
    }
    await place.fs.rename(best.path, recordPath);
    await place.fs.syncDirectory(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') {
      // The lease is not ours any more, and somebody else was faster.
      return null;
    }
    throw new TokenctlError(
      'refused',
      `a new token that an earlier process got cannot be put in its place (${errnoOf(error)})`,
      { login, hint: `make '${recordPath}' replaceable; the token is kept`, cause: error },
    );
  }
  return best.parsed.record;
};

/** Whether `next` is the successor of what is stored now, and not of something that was replaced since. */
const succeeds = (next: CompleteRecord, current: ParsedRecord | null): boolean => {
  if (current?.kind !== 'record') {
    // A damaged record cannot be compared with; the newest complete next record mends it.
    return current?.kind === 'corrupt';
  }
  return (
    next.record.recordId === current.record.recordId &&
    next.record.generation === current.record.generation + 1 &&
    next.parent === parentOf(current.record)
  );
};

/** The dead holder sent the refresh token that is still the stored one, and no answer to it was recorded. */
const sentUnanswered = ({ spent, name }: Remains, current: Credential | null): boolean =>
  current !== null &&
  current.lastAttempt?.lease !== name &&
  spent.some(({ generation }) => generation === current.generation);

interface CompleteNext {
  readonly parsed: CompleteRecord;
  readonly text: string;
  /** Something of the reservation is still behind it. */
  readonly remainder: boolean;
}

const completeNext = async ({ fs }: LockPlace, path: string): Promise<CompleteNext | null> => {
  try {
    const all = await fs.readText(path, MAX_RECORD_BYTES);
    const text = withoutRemainder(all);
    const parsed = parseRecord(text);
    return parsed.kind === 'record' && parsed.complete
      ? { parsed, text, remainder: text !== all }
      : null;
  } catch {
    return null;
  }
};

const readParsed = async ({ recordPath, login }: HeldFile): Promise<ParsedRecord | null> => {
  const found = await readCredentialFile(recordPath, login);
  return found === null ? null : parseRecord(found.text);
};

const readRecord = async ({ recordPath, login }: HeldFile): Promise<Stored | null> => {
  const found = await readCredentialFile(recordPath, login);
  return found === null
    ? null
    : { record: requireRecord(found.text, login), warnings: found.warnings };
};
