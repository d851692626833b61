import { createHash } from 'node:crypto';
import {
  type Attempt,
  AUTH_METHODS,
  type AuthMethod,
  type Credential,
  DEFAULT_REFRESH_AT,
  proactiveMs,
  type State,
  VERDICTS,
} from './credential.ts';
import { TokenctlError } from './errors.ts';
import type { Moment } from './platform/clock.ts';
import { Secret } from './secret.ts';

/** The version this code writes. */
export const FORMAT = 1;
/** The lowest version of a reader that understands what this code writes. */
const LOWEST_READER = 1;
/** A record holds a few tokens of some kilobytes, and never more than what their checks let through. */
export const MAX_RECORD_BYTES = 2 * 1024 * 1024;
/** Beyond this a date cannot be written (ECMA-262, time values). */
const MAX_EPOCH_MS = 8.64e15;

/**
 * A record as text: JSON with one member per line, in a fixed order, what decides about freshness
 * first. The first lines are a contract with `bin/tokenctl`, which reads them without a JSON parser.
 *
 * `parent` is the hash of the refresh token this record succeeds. It and the checksum let the next
 * lease holder recognise a complete successor that a dead process left behind.
 */
export const serialiseRecord = (record: Credential, parent: string): string => {
  const members: [string, unknown][] = [
    ['format', FORMAT],
    ['reader', LOWEST_READER],
    ['freshness', plainFreshness(record)],
    ['access_token', record.accessToken?.reveal() ?? null],
    ['token_type', record.tokenType],
    ['expires_in', record.lifetime],
    ['issued', momentToJson(record.issued)],
    ['obtained', record.obtained],
    ['rejected', record.rejected],
    ['refresh_at', record.refreshAt],
    ['scope', record.scope],
    ['id_token', record.idToken?.reveal() ?? null],
    ['id_token_expires_at', record.idTokenExpiresAt],
    ['record_id', record.recordId],
    ['generation', record.generation],
    ['refresh_token', record.refreshToken?.reveal() ?? null],
    ['provider', record.provider],
    ['issuer', record.client.issuer],
    ['token_endpoint', record.client.tokenEndpoint],
    ['revocation_endpoint', record.client.revocationEndpoint],
    ['client_id', record.client.clientId],
    ['client_secret', record.client.clientSecret?.reveal() ?? null],
    ['token_endpoint_auth_method', record.client.authMethod],
    ['quirks', record.client.quirks],
    ['hosts', record.hosts],
    [
      'state',
      { kind: record.state.kind, reason: record.state.reason, at: momentToJson(record.state.at) },
    ],
    ['last_attempt', attemptToJson(record.lastAttempt)],
    ...Object.entries(record.unknown),
    ['parent', parent],
  ];
  const body = members.map(
    ([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)},\n`,
  );
  return sealed(`{${body.join('')}`);
};

/** The text with its end. A record is complete if it is, to the byte, what this makes of its body. */
const sealed = (body: string): string =>
  `${body}"checksum":"${createHash('sha256').update(body).digest('hex')}"}\n`;

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
    if (error instanceof BadRecord) {
      return { kind: error.kind, what: error.message };
    }
    throw error;
  }
};

class BadRecord extends Error {
  readonly kind: UnreadableRecord['kind'];

  constructor(message: string, kind: UnreadableRecord['kind'] = 'corrupt') {
    super(message);
    this.kind = kind;
  }
}

const bad = (what: string): never => {
  throw new BadRecord(what);
};

const readMembers = (text: string): CompleteRecord => {
  const json = parseObject(text) ?? bad(text.trim() === '' ? 'it is empty' : 'not a JSON object');
  const read = new Members(json);
  if (read.integer('reader') > FORMAT) {
    throw new BadRecord('was written by a newer tokenctl', 'newer');
  }
  read.integer('format');
  read.take('freshness');
  const lifetime = read.nullable('expires_in', (name) => read.number(name));
  const refreshAt = read.number('refresh_at', DEFAULT_REFRESH_AT);
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
      authMethod: read.oneOf<AuthMethod>('token_endpoint_auth_method', AUTH_METHODS),
      quirks: read.strings('quirks'),
    },
    hosts: read.strings('hosts'),
    state: readState(read),
    lastAttempt: readAttempt(read),
    unknown: {},
  };
  const parent = read.string('parent');
  read.string('checksum');
  if (Math.abs(record.issued.epochMs + (lifetime ?? 0) * 1000) > MAX_EPOCH_MS) {
    bad('issued, or issued and expires_in, is no date');
  }
  return {
    kind: 'record',
    record: { ...record, unknown: read.rest() },
    parent,
    complete: text === sealed(text.slice(0, text.lastIndexOf('"checksum":'))),
  };
};

/**
 * Until when the plain path may print the access token without asking anyone, in whole milliseconds
 * on both clocks, on the same boot; null if it never may. No stated lifetime: `until_ms` is null.
 */
const plainFreshness = (record: Credential): unknown => {
  const plain =
    isPlain(record.accessToken) &&
    record.state.kind === 'active' &&
    !record.rejected &&
    record.tokenType.toLowerCase() === 'bearer';
  if (!plain) {
    return null;
  }
  const { issued } = record;
  const age = record.lifetime === null ? null : proactiveMs(record);
  return {
    until_ms: age === null ? null : Math.floor(issued.epochMs + age),
    uptime_ms: age === null || issued.uptimeMs === null ? null : Math.floor(issued.uptimeMs + age),
    boot_id: issued.bootId,
  };
};

/** Whether the line in the file shows the token as it is: JSON escapes quotation marks and backslashes. */
const isPlain = (token: Secret | null): boolean =>
  token !== null && /^[^"\\]+$/.test(token.reveal());

/**
 * The text without what follows its checksum. A record is written over a longer reservation and cut
 * to size afterwards: a writer that dies in between leaves it complete, with rubbish behind it.
 */
export const withoutRemainder = (text: string): string => {
  const end = /^"checksum":"[0-9a-f]{64}"\}\n/m.exec(text);
  return end === null ? text : text.slice(0, end.index + end[0].length);
};

const momentToJson = (moment: Moment | null): unknown =>
  moment === null
    ? null
    : { epoch_ms: moment.epochMs, uptime_ms: moment.uptimeMs, boot_id: moment.bootId };

const attemptToJson = (attempt: Attempt | null): unknown =>
  attempt === null
    ? null
    : {
        id: attempt.id,
        key: attempt.key,
        verdict: attempt.verdict,
        error: attempt.error,
        description: attempt.description,
        sent: momentToJson(attempt.sent),
        ended: momentToJson(attempt.ended),
        backoff_ms: attempt.backoffMs,
        failures: attempt.failures,
        unanswered: attempt.unanswered,
        lease: attempt.lease,
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

const parseObject = (text: string): Record<string, unknown> | null => {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
};

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Takes members out of a JSON object, each checked; what is left over is unknown. */
class Members {
  readonly #members: Map<string, unknown>;

  constructor(json: Record<string, unknown>) {
    this.#members = new Map(Object.entries(json));
  }

  take(name: string): unknown {
    const value = this.#members.get(name);
    this.#members.delete(name);
    return value;
  }

  rest(): Record<string, unknown> {
    return Object.fromEntries(this.#members);
  }

  nullable<T>(name: string, read: (name: string) => T): T | null {
    if (this.#members.get(name) == null) {
      this.#members.delete(name);
      return null;
    }
    return read(name);
  }

  string(name: string): string {
    const value = this.take(name);
    return typeof value === 'string' ? value : bad(`${name} is not a string`);
  }

  url(name: string): string {
    const value = this.string(name);
    return URL.canParse(value) ? value : bad(`${name} is not a URL`);
  }

  secret(name: string): Secret | null {
    return this.nullable(name, () => new Secret(this.string(name)));
  }

  number(name: string, fallback?: number): number {
    const value = this.take(name) ?? fallback;
    return typeof value === 'number' && Number.isFinite(value)
      ? value
      : bad(`${name} is not a number`);
  }

  integer(name: string): number {
    const value = this.number(name);
    return Number.isSafeInteger(value) && value >= 0 ? value : bad(`${name} is not a whole number`);
  }

  boolean(name: string): boolean {
    const value = this.take(name);
    return typeof value === 'boolean' ? value : bad(`${name} is not true or false`);
  }

  strings(name: string): string[] {
    const value = this.take(name) ?? [];
    return Array.isArray(value) && value.every((item) => typeof item === 'string')
      ? value
      : bad(`${name} is not a list of strings`);
  }

  oneOf<T extends string>(name: string, values: readonly T[]): T {
    const value = this.string(name);
    return values.find((known) => known === value) ?? bad(`${name} is unknown`);
  }

  object(name: string): Members | null {
    return this.nullable(name, () => {
      const value = this.take(name);
      return isObject(value) ? new Members(value) : bad(`${name} is not an object`);
    });
  }

  moment(name: string): Moment | null {
    const read = this.object(name);
    return read === null
      ? null
      : {
          epochMs: read.number('epoch_ms'),
          uptimeMs: read.nullable('uptime_ms', () => read.number('uptime_ms')),
          bootId: read.nullable('boot_id', () => read.string('boot_id')),
        };
  }
}
