import { type Credential, tokenHash } from '../credential.ts';
import type { KeptAcquisition } from '../lock/heartbeat.ts';
import type { LockPlace } from '../lock/place.ts';
import { type ParsedRecord, parseRecord, requireRecord } from '../record-parser.ts';
import type { ApartMeans } from './apart.ts';
import type { Lifeboats } from './lifeboat.ts';
import { readCredentialFile } from './location.ts';
import type { Seen } from './seen.ts';
import type { Stored } from './store.ts';

/** A credential file under its lease. */
export interface HeldFile {
  readonly acquired: Extract<KeptAcquisition, { kind: 'held' }>;
  readonly place: LockPlace;
  /** The credential file as it was asked for; a link, perhaps. */
  readonly path: string;
  /** The file behind it, beside which everything happens. */
  readonly recordPath: string;
  readonly directory: string;
  readonly login: string;
  /** What the launcher waits at, if it knows this login. */
  readonly herdPath: string | null;
  readonly seen: Seen;
  readonly lifeboats: Lifeboats;
  /** Where secrets can be kept apart. */
  readonly means: Omit<ApartMeans, 'login'>;
}

/** What is there, readable or not; null if nothing is. */
export const readParsed = async ({
  recordPath,
  login,
}: Pick<HeldFile, 'recordPath' | 'login'>): Promise<ParsedRecord | null> => {
  const found = await readCredentialFile(recordPath, login);
  return found === null ? null : parseRecord(found.text);
};

/** @throws {TokenctlError} `refused` if it is not a record this version can read. */
export const readRecord = async ({
  recordPath,
  login,
}: Pick<HeldFile, 'recordPath' | 'login'>): Promise<Stored | null> => {
  const found = await readCredentialFile(recordPath, login);
  return found === null
    ? null
    : { record: requireRecord(found.text, login), warnings: found.warnings };
};

/** What a successor of this record names as its parent. */
export const parentOf = (previous: Credential | null): string =>
  tokenHash(previous?.refreshToken ?? null);
