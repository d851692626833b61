import type { Credential } from '../credential.ts';
import { errnoOf, TokenctlError } from '../errors.ts';
import type { LeaseName } from '../lock/lease-name.ts';
import type { LockPlace } from '../lock/place.ts';
import { type Remains, removeRemains } from '../lock/remains.ts';
import { MAX_RECORD_BYTES } from '../record-format.ts';
import {
  type CompleteRecord,
  type ParsedRecord,
  parseRecord,
  withoutRemainder,
} from '../record-parser.ts';
import { setDeadline, setHerd } from './deadline.ts';
import { type HeldFile, parentOf, readParsed } from './held-file.ts';
import type { Inheritance } from './store.ts';

/**
 * Rolls forward: a complete next record whose parent is the current record becomes the record. What
 * can no longer matter is swept; what says that the current refresh token went out stays.
 */
export const inherit = async (
  held: HeldFile,
  own: ReadonlySet<LeaseName>,
): Promise<Inheritance & { kept: readonly Remains[] }> => {
  const found = (await remainsOf(held)).filter(({ name }) => !own.has(name));
  const before = await readParsed(held);
  const beside = (await Promise.all(found.map((each) => nextOf(held.place, each)))).flat();
  const afloat = await held.lifeboats.find(held.recordPath);
  const boats = afloat.flatMap((each) => completeOf(each, true));
  const adopted = await adopt(
    held,
    [...beside.flatMap((each) => completeOf(each, false)), ...boats],
    before,
  );
  const current = adopted ?? (before?.kind === 'record' ? before.record : null);
  if (current === null && before !== null) {
    // Unreadable, and nothing mends it: what is left may matter to whoever does.
    return { adopted, inFlight: null, lostSends: 0, lastSentMs: null, kept: [] };
  }
  const unanswered = found.filter((remains) => sentUnanswered(remains, current));
  if (adopted === null && (unanswered.length > 0 || current?.lifeboat != null)) {
    requireNoDoubt([...beside, ...afloat], held.login);
  }
  for (const remains of found.filter((remains) => !unanswered.includes(remains))) {
    await removeRemains(held.place, remains);
  }
  for (const { path, parsed } of boats) {
    if (isOutlived(parsed.record, current)) {
      await held.lifeboats.sink(path);
    }
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

/** Sent again, a refresh token whose successor is saved where it cannot be read just now would cost both. */
const requireNoDoubt = (seen: readonly Sighting[], login: string): void => {
  const unreadable = seen.find(({ text }) => text === null);
  if (unreadable !== undefined) {
    throw new TokenctlError(
      'refused',
      `a new token may be saved in '${unreadable.path}', which cannot be read`,
      { login, hint: 'make it readable; or remove it, and the old refresh token is tried again' },
    );
  }
};

/** Without knowing whether the refresh token has gone out already, it must not go out. */
const remainsOf = async ({ acquired, login }: HeldFile): Promise<Remains[]> => {
  try {
    return await acquired.lease.remains();
  } catch (error) {
    throw new TokenctlError(
      'refused',
      `cannot list what is beside the credential (${errnoOf(error) ?? 'unknown error'})`,
      { login, hint: 'its directory must be readable', cause: error },
    );
  }
};

/** With the record goes what dead holders left of it, for that may hold tokens as well. */
export const forgetRemains = async (
  { acquired, place, recordPath, lifeboats, seen }: HeldFile,
  forgotten: Credential | null,
): Promise<void> => {
  for (const remains of await acquired.lease.remains()) {
    await removeRemains(place, remains);
  }
  if (forgotten === null) {
    return;
  }
  await seen.forget(forgotten);
  for (const { path, parsed } of (await lifeboats.find(recordPath)).flatMap((each) =>
    completeOf(each, true),
  )) {
    if (parsed.record.recordId === forgotten.recordId) {
      await lifeboats.sink(path);
    }
  }
};

/** Where a next record may be. */
interface Sighting {
  readonly path: string;
  /** null: it cannot be read now. */
  readonly text: string | null;
}

/** A complete next record, wherever it lies. */
interface Found {
  readonly path: string;
  readonly parsed: CompleteRecord;
  readonly text: string;
  /** Not in the store: it must be copied, and is removed only then. */
  readonly adrift: boolean;
  /** Something of the reservation is still behind it. */
  readonly remainder: boolean;
}

const adopt = async (
  held: HeldFile,
  found: readonly Found[],
  current: ParsedRecord | null,
): Promise<Credential | null> => {
  const { place, recordPath, directory, login, herdPath } = held;
  const [best] = found
    .filter(({ parsed }) => succeeds(parsed, current))
    .sort((one, other) => other.parsed.record.generation - one.parsed.record.generation);
  if (best === undefined) {
    return null;
  }
  try {
    const nextPath = await inStore(held, best);
    await setDeadline(place.fs, nextPath, directory, best.parsed.record);
    await setHerd(place.fs, herdPath, best.parsed.record);
    await place.fs.rename(nextPath, recordPath);
    await place.fs.syncDirectory(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') {
      // The lease is not ours any more, and somebody else was faster.
      return null;
    }
    throw new TokenctlError(
      'refused',
      `a new token that an earlier process got cannot be put in its place (${errnoOf(error)})`,
      {
        login,
        hint: `make room, or '${recordPath}' replaceable; the token is kept in '${best.path}'`,
        cause: error,
      },
    );
  }
  await held.seen.note(best.parsed.record);
  return best.parsed.record;
};

/** The path of a complete, durable next record in the store, and nothing behind it. */
const inStore = async ({ acquired, place }: HeldFile, found: Found): Promise<string> => {
  if (found.adrift) {
    const { nextPath } = acquired.lease;
    await place.fs.createDurable(nextPath, found.text);
    return nextPath;
  }
  if (found.remainder) {
    await place.fs.overwrite(found.path, found.text);
  }
  return found.path;
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

/** What is stored now came after it. A lifeboat of another grant may belong to another store at this path. */
const isOutlived = (next: Credential, current: Credential | null): boolean =>
  next.recordId === current?.recordId && next.generation <= current.generation;

/** The dead holder sent the refresh token that is still the stored one, and no answer to it was recorded. */
const sentUnanswered = ({ spent, name }: Remains, current: Credential | null): boolean =>
  current !== null &&
  current.lastAttempt?.lease !== name &&
  spent.some(({ generation }) => generation === current.generation);

const completeOf = ({ path, text: all }: Sighting, adrift: boolean): Found[] => {
  const text = withoutRemainder(all ?? '');
  const parsed = parseRecord(text);
  return parsed.kind === 'record' && parsed.complete
    ? [{ path, parsed, text, adrift, remainder: text !== all }]
    : [];
};

const nextOf = async ({ fs }: LockPlace, { nextPath }: Remains): Promise<Sighting[]> => {
  if (nextPath === null) {
    return [];
  }
  try {
    return [{ path: nextPath, text: await fs.readText(nextPath, MAX_RECORD_BYTES) }];
  } catch (error) {
    // Gone, or nothing that a holder leaves: not a regular file, or one of no sensible size.
    return ['ENOENT', 'EINVAL', 'ELOOP'].includes(errnoOf(error) ?? '')
      ? []
      : [{ path: nextPath, text: null }];
  }
};
