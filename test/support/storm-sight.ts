import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseLeaseName } from '../../src/lock/lease-name.ts';
import { SPENT } from '../../src/lock/place.ts';
import { parseRecord, withoutRemainder } from '../../src/record-parser.ts';
import { Secret, shortFingerprint } from '../../src/secret.ts';
import type { Autopsy, Fingerprint, RecordSight } from './storm-history.ts';

/** What stands in a storm's store at one moment, by fingerprints. Reads only. */

export const fingerprint = (token: string): Fingerprint =>
  shortFingerprint(new Secret(token)) ?? '';

export const recordPath = (home: string, login: string): string =>
  join(home, 'credentials', `${login}.json`);

export const lockPath = (home: string, login: string): string =>
  join(home, 'credentials', `${login}.lock`);

export const seeRecord = (home: string, login: string): RecordSight =>
  see(readIfThere(recordPath(home, login)));

/** A next record is written into a longer reservation. */
const seeNext = (path: string): RecordSight => {
  const text = readIfThere(path);
  return see(text === null ? null : withoutRemainder(text));
};

const see = (text: string | null): RecordSight => {
  if (text === null) {
    return { kind: 'absent' };
  }
  const parsed = parseRecord(text);
  if (parsed.kind !== 'record') {
    return { kind: 'torn', what: parsed.what };
  }
  const { accessToken, refreshToken, generation } = parsed.record;
  return parsed.complete
    ? {
        kind: 'record',
        access: shortFingerprint(accessToken),
        refresh: shortFingerprint(refreshToken),
        generation,
      }
    : { kind: 'torn', what: 'the checksum is wrong' };
};

/** The process whose lease is in the lock, dead or alive. */
export const seeHolder = (home: string, login: string): number | null => {
  const [lease] = entriesOf(lockPath(home, login));
  return parseLeaseName(lease ?? '')?.pid ?? null;
};

/** It holds the lease, and has not finished the next record. */
export const isStillWriting = (home: string, login: string, pid: number): boolean => {
  const { held, next } = examine(home, login, pid);
  return held && next.kind !== 'record';
};

/** Only of a stopped process: otherwise it is over before it has been seen. */
export const examine = (home: string, login: string, pid: number): Autopsy => {
  const lock = lockPath(home, login);
  const lease = entriesOf(lock).find((name) => parseLeaseName(name)?.pid === pid);
  const entries = lease === undefined ? [] : entriesOf(join(lock, lease));
  return {
    at: Date.now(),
    held: lease !== undefined,
    gate: entries.map(gateOf).find((generation) => generation !== null) ?? null,
    record: seeRecord(home, login),
    noted: lease !== undefined && lastLease(home, login) === lease,
    next: lease === undefined ? { kind: 'absent' } : seeNext(join(lock, lease, 'next.json')),
  };
};

const lastLease = (home: string, login: string): string | null => {
  const parsed = parseRecord(readIfThere(recordPath(home, login)) ?? '');
  return parsed.kind === 'record' ? (parsed.record.lastAttempt?.lease ?? null) : null;
};

/** The gate's marker in a lease names the generation; see src/lock/place.ts. */
const gateOf = (name: string): number | null => {
  const [, generation] = SPENT.exec(name) ?? [];
  return generation === undefined ? null : Number(generation);
};

const readIfThere = (path: string): string | null => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
};

const entriesOf = (path: string): string[] => {
  try {
    return existsSync(path) ? readdirSync(path) : [];
  } catch {
    return [];
  }
};
