import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { failedAttempt, sentUnanswered, succeededAttempt, type Try } from '../src/attempt.ts';
import { attemptKey, type Credential } from '../src/credential.ts';
import type { RefreshOutcome } from '../src/refresh-outcome.ts';
import { Secret } from '../src/secret.ts';
import { afterAttempt, at, credentialOf, credentials } from './support/records.ts';

const MADE: Try = { id: 'id', lease: 'lease', sent: at(1), ended: at(2), unanswered: 1 };

type Failure = Exclude<RefreshOutcome, { kind: 'granted' }>;

const unavailable = (members: Partial<Failure> = {}): Failure =>
  ({
    kind: 'unavailable',
    fault: 'answered',
    transient: true,
    error: 'http_503',
    description: null,
    retryAfterMs: null,
    ...members,
  }) as Failure;

const rejected = (verdict: 'dead' | 'interaction' | 'configuration'): Failure => ({
  kind: 'rejected',
  verdict,
  error: 'invalid_grant',
  description: 'revoked',
});

describe('the back-off after passing failures', () => {
  it('is a second, doubled while it keeps failing, and a minute at most', () => {
    expect(backoffsOf(Array(9).fill(unavailable()))).toEqual([
      ...[1_000, 2_000, 4_000, 8_000, 16_000, 32_000],
      ...[60_000, 60_000, 60_000],
    ]);
  });

  it('respects Retry-After where that is longer, and only there', () => {
    expect(
      failedAttempt(credentialOf(), unavailable({ retryAfterMs: 90_000 }), MADE),
    ).toMatchObject({ backoffMs: 90_000 });
    expect(failedAttempt(credentialOf(), unavailable({ retryAfterMs: 10 }), MADE)).toMatchObject({
      backoffMs: 1_000,
    });
  });

  it('begins anew after a success, with another refresh token, and with another client', () => {
    const failing = after(credentialOf(), [unavailable(), unavailable(), unavailable()]);
    const { client } = failing;
    const others: Credential[] = [
      { ...failing, lastAttempt: succeededAttempt(failing, MADE) },
      { ...failing, refreshToken: new Secret('refresh-2') },
      { ...failing, client: { ...client, clientId: 'other' } },
    ];
    for (const record of others) {
      expect(failedAttempt(record, unavailable(), MADE)).toMatchObject({
        failures: 1,
        backoffMs: 1_000,
      });
    }
  });

  it('is finite and grows no shorter, however often it has failed', () => {
    fc.assert(
      fc.property(fc.nat(Number.MAX_SAFE_INTEGER - 1), (failures) => {
        const record = afterAttempt(credentialOf(), { failures });
        const { backoffMs } = failedAttempt(record, unavailable(), MADE);
        expect(backoffMs).toBe(Math.min(1_000 * 2 ** failures, 60_000));
      }),
    );
  });
});

describe('a refusal', () => {
  it.each(['dead', 'interaction', 'configuration'] as const)(
    '(%s) stands for five minutes, for it does not mend itself',
    (verdict) => {
      expect(failedAttempt(credentialOf(), rejected(verdict), MADE)).toEqual({
        ...MADE,
        key: attemptKey(credentialOf()),
        verdict,
        error: 'invalid_grant',
        description: 'revoked',
        backoffMs: 300_000,
        failures: 1,
      });
    },
  );
});

describe('an attempt', () => {
  it('that succeeded leaves nothing of the failures before it', () => {
    const failing = after(credentialOf(), [unavailable(), unavailable()]);
    expect(succeededAttempt(failing, MADE)).toEqual({
      ...MADE,
      key: attemptKey(failing),
      verdict: 'refreshed',
      error: null,
      description: null,
      backoffMs: 0,
      failures: 0,
      unanswered: 0,
    });
  });

  it('keeps no more of the try than it says, and so no token', () => {
    const outcome = { kind: 'granted', tokens: { accessToken: new Secret('access-2') } };
    const tried = { ...MADE, outcome, requests: 1 };
    const names = [
      ...['backoffMs', 'description', 'ended', 'error', 'failures', 'id', 'key', 'lease'],
      ...['sent', 'unanswered', 'verdict'],
    ];
    expect(Object.keys(succeededAttempt(credentialOf(), tried)).sort()).toEqual(names);
    expect(Object.keys(failedAttempt(credentialOf(), unavailable(), tried)).sort()).toEqual(names);
  });

  it('is known by the refresh token and client that it tried', () => {
    fc.assert(
      fc.property(credentials, (record) => {
        expect(failedAttempt(record, unavailable(), MADE).key).toBe(attemptKey(record));
        expect(succeededAttempt(record, MADE).key).toBe(attemptKey(record));
      }),
    );
  });
});

describe('how often a refresh token went out unanswered', () => {
  it('is what the dead and the living senders say, whichever says more', () => {
    const record = afterAttempt(credentialOf(), { unanswered: 2 });
    expect(sentUnanswered(record, 0)).toBe(2);
    expect(sentUnanswered(record, 1)).toBe(2);
    expect(sentUnanswered(record, 3)).toBe(3);
    expect(sentUnanswered(credentialOf(), 1)).toBe(1);
  });

  it('does not count what was said of another refresh token', () => {
    const record = afterAttempt(credentialOf(), { unanswered: 2 });
    expect(sentUnanswered({ ...record, refreshToken: new Secret('refresh-2') }, 0)).toBe(0);
  });
});

/** The record after these failures, each with what the ones before it left. */
function after(record: Credential, outcomes: readonly Failure[]): Credential {
  let current = record;
  for (const outcome of outcomes) {
    current = { ...current, lastAttempt: failedAttempt(current, outcome, MADE) };
  }
  return current;
}

function backoffsOf(outcomes: readonly Failure[]): (number | undefined)[] {
  return outcomes.map(
    (_, index) => after(credentialOf(), outcomes.slice(0, index + 1)).lastAttempt?.backoffMs,
  );
}
