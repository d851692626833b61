import { createHash } from 'node:crypto';
import type { Attempt, Credential } from './credential.ts';
import { freshLine, freshUntil } from './fresh-line.ts';
import { fingerprintsOf, SECRET_NAMES, secretsOf, secretText } from './kept.ts';
import type { Moment } from './platform/clock.ts';
import { extrasToJson, signInToJson } from './record-extras.ts';

/**
 * The version this code writes. 1 had neither `origin` nor `lifeboat`; its records are read, and
 * become 2 with their next change, which is made under the lock like any other.
 */
export const FORMAT = 2;
/** The lowest version of a reader that may act on it: 1 would spend what `lifeboat` says is spent. */
const LOWEST_READER = 2;
/**
 * What it must be where secrets are kept apart, for 2 would take the login for one without a refresh
 * token, and of a record with {@link ClientExtras}, whose refresh token 2 would send without its key.
 */
const APART_READER = 3;
/** The highest version of a reader that this code is. */
export const READER = 3;
/** A record holds a few tokens of some kilobytes, and never more than what their checks let through. */
export const MAX_RECORD_BYTES = 2 * 1024 * 1024;

/**
 * A record as text: JSON with one member per line, in a fixed order, what decides about freshness
 * first. The first four lines are a contract with `bin/tokenctl`, which reads them without a JSON
 * parser, and as some shells do, one byte a system call: they are as short as can be.
 *
 * `parent` is the hash of the refresh token this record succeeds. It and the checksum let the next
 * lease holder recognise a complete successor that a dead process left behind.
 */
export const serialiseRecord = (record: Credential, parent: string): string => {
  const apart = record.kept?.stowed === true;
  const needed = apart || record.client.extras !== undefined ? APART_READER : LOWEST_READER;
  const members: [string, unknown][] = [
    ['fresh', freshLine(record, FORMAT)],
    ['access_token', record.accessToken?.reveal() ?? null],
    ['fresh_until', freshUntil(record)],
    ['hosts', record.hosts],
    ['format', needed === LOWEST_READER ? FORMAT : needed],
    ['reader', needed],
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
    ['refresh_token', secretText(record.refreshToken)],
    ['provider', record.provider],
    ['issuer', record.client.issuer],
    ['token_endpoint', record.client.tokenEndpoint],
    ['revocation_endpoint', record.client.revocationEndpoint],
    ['client_id', record.client.clientId],
    ['client_secret', secretText(record.client.clientSecret)],
    ['token_endpoint_auth_method', record.client.authMethod],
    ['quirks', record.client.quirks],
    ...(record.instanceUrl === undefined
      ? []
      : ([['instance_url', record.instanceUrl]] satisfies [string, unknown][])),
    [
      'state',
      { kind: record.state.kind, reason: record.state.reason, at: momentToJson(record.state.at) },
    ],
    ['last_attempt', attemptToJson(record.lastAttempt)],
    ['origin', record.origin],
    ['lifeboat', record.lifeboat],
    ...keptToJson(record),
    ...extrasToJson(record.client.extras),
    ...signInToJson(record.signIn),
    ...Object.entries(record.unknown),
    ['parent', parent],
  ];
  const body = members.map(([name, value]) => {
    const here = apart && SECRET_NAMES.includes(name) ? null : value;
    return `${JSON.stringify(name)}:${JSON.stringify(here)},\n`;
  });
  return sealed(`{${body.join('')}`);
};

/** The text with its end. A record is complete if it is, to the byte, what this makes of its body. */
/** The body with its checksum: what is not this to the byte was not written completely. */
export const sealed = (body: string): string =>
  `${body}"checksum":"${createHash('sha256').update(body).digest('hex')}"}\n`;

const momentToJson = (moment: Moment | null): unknown =>
  moment === null
    ? null
    : { epoch_ms: moment.epochMs, uptime_ms: moment.uptimeMs, boot_id: moment.bootId };

const keptToJson = (record: Credential): [string, unknown][] => {
  const { kept } = record;
  if (kept === null) {
    return [];
  }
  const { place, slot, sealed, stowed, leftovers } = kept;
  const secrets = stowed ? fingerprintsOf(secretsOf(record)) : null;
  return [['kept', { in: place, slot, sealed: stowed ? sealed : null, secrets, leftovers }]];
};

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
