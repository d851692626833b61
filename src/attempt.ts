import { type Attempt, attemptKey, type Credential } from './credential.ts';
import { unanswered } from './decide.ts';
import type { Moment } from './platform/clock.ts';
import type { RefreshOutcome } from './refresh-outcome.ts';

/** First back-off after a passing failure, doubled while it keeps failing, up to the longest. */
const FIRST_BACKOFF_MS = 1_000;
const LONGEST_BACKOFF_MS = 60_000;
/** A wrong configuration or a missing consent does not mend itself within seconds. */
const STANDING_BACKOFF_MS = 5 * 60_000;

/** When and how an attempt was made. */
export interface Try {
  readonly id: string;
  readonly lease: string;
  readonly sent: Moment;
  readonly ended: Moment;
  /** How often the refresh token has now gone out without an answer. */
  readonly unanswered: number;
}

export const succeededAttempt = (record: Credential, made: Try): Attempt => ({
  ...onlyTry(made),
  key: attemptKey(record),
  verdict: 'refreshed',
  error: null,
  description: null,
  backoffMs: 0,
  failures: 0,
  unanswered: 0,
});

/** A failed attempt as everyone who asked in the meantime shall know it. */
export const failedAttempt = (
  record: Credential,
  outcome: Exclude<RefreshOutcome, { kind: 'granted' }>,
  made: Try,
): Attempt => {
  const key = attemptKey(record);
  const before = record.lastAttempt;
  const inARow = before !== null && before.key === key && before.verdict !== 'refreshed';
  const failures = (inARow ? before.failures : 0) + 1;
  const { error, description } = outcome;
  const failed = { ...onlyTry(made), key, error, description, failures };
  if (outcome.kind === 'rejected') {
    return { ...failed, verdict: outcome.verdict, backoffMs: STANDING_BACKOFF_MS };
  }
  const backoffMs = Math.min(FIRST_BACKOFF_MS * 2 ** (failures - 1), LONGEST_BACKOFF_MS);
  return {
    ...failed,
    verdict: 'unavailable',
    backoffMs: Math.max(backoffMs, outcome.retryAfterMs ?? 0),
  };
};

/** Without what else is known of the try: its outcome holds tokens, and has no place in a record. */
const onlyTry = ({ id, lease, sent, ended, unanswered }: Try): Try => ({
  id,
  lease,
  sent,
  ended,
  unanswered,
});

/** How often the refresh token of `record` went out unanswered, as far as its dead and living senders tell. */
export const sentUnanswered = (record: Credential, lostSends: number): number =>
  Math.max(unanswered(record), lostSends);
