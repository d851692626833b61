import {
  type Attempt,
  AUTH_METHODS,
  type AuthMethod,
  type Credential,
  DEFAULT_REFRESH_AT,
  KEY_AUTH_METHODS,
  type Origin,
  type State,
  VERDICTS,
} from './credential.ts';
import { TokenctlError } from './errors.ts';
import { BadMember, bad, isObject, Members } from './json-members.ts';
import { type Kept, PLACES, SECRET_NAMES } from './kept.ts';
import { readExtras, readSignIn } from './record-extras.ts';
import { READER, sealed } from './record-format.ts';

export type ParsedRecord = CompleteRecord | UnreadableRecord;

export interface CompleteRecord {
  readonly kind: 'record';
  readonly record: Credential;
  /** Hash of the refresh token this record succeeded. */
  readonly parent: string;
  /** The checksum is there and right: every byte was written. */
  readonly complete: boolean;
}

export interface UnreadableRecord {
  /** `newer`: written by a later version, to be left alone. `corrupt`: a complete next record may mend it. */
  readonly kind: 'newer' | 'corrupt';
  /** What is wrong first, never a value. */
  readonly what: string;
}

/** @throws {TokenctlError} `refused` if the text is not a record this version can read. */
export const requireRecord = (text: string, login: string): Credential => {
  const parsed = parseRecord(text);
  switch (parsed.kind) {
    case 'record':
      return parsed.record;
    case 'newer':
      throw new TokenctlError('refused', `the credential file ${parsed.what}`, {
        login,
        hint: 'upgrade tokenctl; the file was left as it is',
      });
    case 'corrupt':
      throw new TokenctlError('refused', `the credential file is damaged (${parsed.what})`, {
        login,
        hint: `restore it, or forget it with "tokenctl remove ${login}" and sign in again`,
      });
  }
};

export const parseRecord = (text: string): ParsedRecord => {
  try {
    return readMembers(text);
  } catch (error) {
    if (error instanceof BadMember) {
      return { kind: 'corrupt', what: error.message };
    }
    throw error;
  }
};

/** Beyond this a date cannot be written (ECMA-262, time values). */
const MAX_EPOCH_MS = 8.64e15;

/** JSON.parse reads any depth, JSON.stringify overflows the stack some thousands further down. */
const MAX_DEPTH = 100;

const isDeeper = (value: unknown, levels: number): boolean =>
  typeof value === 'object' &&
  value !== null &&
  (levels === 0 || Object.values(value).some((member) => isDeeper(member, levels - 1)));

const readMembers = (text: string): ParsedRecord => {
  const json = parseObject(text) ?? bad(text.trim() === '' ? 'it is empty' : 'not a JSON object');
  const first = new Members(json);
  if (first.integer('reader') > READER) {
    return { kind: 'newer', what: 'was written by a newer tokenctl' };
  }
  const { kept, elsewhere } = readKept(first);
  const read = new Members(json, elsewhere);
  read.take('reader');
  read.take('kept');
  read.integer('format');
  read.take('fresh');
  read.take('fresh_until');
  // What format 1 had in its place.
  read.take('freshness');
  const lifetime = read.nullable('expires_in', (name) => read.number(name));
  const refreshAt = read.number('refresh_at', DEFAULT_REFRESH_AT);
  const instanceUrl = read.nullable('instance_url', (name) => read.url(name));
  const record: Credential = {
    accessToken: read.secret('access_token'),
    tokenType: read.string('token_type'),
    lifetime: lifetime !== null && lifetime < 0 ? bad('expires_in is negative') : lifetime,
    issued: read.moment('issued') ?? bad('issued is missing'),
    obtained: read.oneOf('obtained', ['import', 'refresh'] as const),
    rejected: read.boolean('rejected'),
    refreshAt:
      refreshAt > 0 && refreshAt <= 1 ? refreshAt : bad('refresh_at is not between 0 and 1'),
    scope: read.nullable('scope', (name) => read.string(name)),
    idToken: read.secret('id_token'),
    idTokenExpiresAt: read.nullable('id_token_expires_at', (name) => read.number(name)),
    recordId: read.string('record_id'),
    generation: read.integer('generation'),
    refreshToken: read.secret('refresh_token'),
    provider: read.nullable('provider', (name) => read.string(name)),
    client: {
      issuer: read.nullable('issuer', (name) => read.url(name)),
      tokenEndpoint: read.nullable('token_endpoint', (name) => read.url(name)),
      revocationEndpoint: read.nullable('revocation_endpoint', (name) => read.url(name)),
      clientId: read.nullable('client_id', (name) => read.string(name)),
      clientSecret: read.secret('client_secret'),
      authMethod: read.oneOf<AuthMethod>('token_endpoint_auth_method', [
        ...AUTH_METHODS,
        ...KEY_AUTH_METHODS,
      ]),
      quirks: read.strings('quirks'),
      ...readExtras(read),
    },
    hosts: read.strings('hosts'),
    ...(instanceUrl !== null && { instanceUrl }),
    state: readState(read),
    lastAttempt: readAttempt(read),
    origin: readOrigin(read),
    lifeboat: read.nullable('lifeboat', (name) => read.string(name)),
    kept,
    ...readSignIn(read),
    unknown: {},
  };

  const parent = read.string('parent');
  read.string('checksum');
  if (Math.abs(record.issued.epochMs + (lifetime ?? 0) * 1000) > MAX_EPOCH_MS) {
    bad('issued, or issued and expires_in, is no date');
  }
  if (Math.abs(record.idTokenExpiresAt ?? 0) * 1000 > MAX_EPOCH_MS) {
    bad('id_token_expires_at is no date');
  }
  const unknown = read.rest();
  if (isDeeper(unknown, MAX_DEPTH)) {
    bad('a member is nested too deeply');
  }
  return {
    kind: 'record',
    record: { ...record, unknown },
    parent,
    complete: text === sealed(text.slice(0, text.lastIndexOf('"checksum":'))),
  };
};

const readState = (record: Members): State => {
  const read = record.object('state') ?? bad('state is missing');
  return {
    kind: read.oneOf('kind', ['active', 'dead', 'paused'] as const),
    reason: read.nullable('reason', (name) => read.string(name)),
    at: read.moment('at'),
  };
};

const readAttempt = (record: Members): Attempt | null => {
  const read = record.object('last_attempt');
  return read === null
    ? null
    : {
        id: read.string('id'),
        key: read.string('key'),
        verdict: read.oneOf('verdict', VERDICTS),
        error: read.nullable('error', (name) => read.string(name)),
        description: read.nullable('description', (name) => read.string(name)),
        sent: read.moment('sent') ?? bad('last_attempt.sent is missing'),
        ended: read.moment('ended') ?? bad('last_attempt.ended is missing'),
        backoffMs: read.number('backoff_ms'),
        failures: read.integer('failures'),
        unanswered: read.integer('unanswered'),
        lease: read.string('lease'),
      };
};

const readOrigin = (record: Members): Origin | null => {
  const read = record.object('origin');
  return read === null
    ? null
    : {
        anchor: read.string('anchor'),
        machine: read.string('machine'),
        directory: read.string('directory'),
        file: read.string('file'),
      };
};

const readKept = (
  record: Members,
): { kept: Kept | null; elsewhere: ReadonlyMap<string, string> } => {
  const read = record.object('kept');
  if (read === null) {
    return { kept: null, elsewhere: new Map() };
  }
  const place = read.oneOf('in', PLACES);
  const slot = read.nullable('slot', (name) => read.string(name));
  const sealed = read.nullable('sealed', (name) => read.string(name));
  const secrets = read.object('secrets')?.rest() ?? null;
  if (secrets !== null && (place === 'keychain' ? slot : sealed) === null) {
    bad('kept does not say where the secrets are');
  }
  const kept = { place, slot, sealed, stowed: secrets !== null };
  return {
    kept: { ...kept, leftovers: read.strings('leftovers') },
    elsewhere: fingerprints(secrets ?? {}),
  };
};

const fingerprints = (secrets: Record<string, unknown>): ReadonlyMap<string, string> =>
  new Map(
    Object.entries(secrets).map(([name, value]) =>
      SECRET_NAMES.includes(name) && typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)
        ? [name, value]
        : bad('kept.secrets has something else than fingerprints'),
    ),
  );

const parseObject = (text: string): Record<string, unknown> | null => {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
};

/**
 * The text without what follows its checksum. A record is written over a longer reservation and cut
 * to size afterwards: a writer that dies in between leaves it complete, with rubbish behind it.
 */
export const withoutRemainder = (text: string): string => {
  const end = /^"checksum":"[0-9a-f]{64}"\}\n/m.exec(text);
  return end === null ? text : text.slice(0, end.index + end[0].length);
};
