import { type Attempt, attemptKey, type Credential, freshness, remainingMs } from './credential.ts';
import type { ErrorCode } from './errors.ts';
import { elapsedMs, type Moment } from './platform/clock.ts';
import type { Secret } from './secret.ts';

/** What the caller wants, and since when. */
export interface Ask {
  /** When the caller asked. Whatever is settled after this was settled for the caller too. */
  readonly asked: Moment;
  readonly force: boolean;
  readonly noRefresh: boolean;
  readonly minTtlMs: number;
  /** An access token a resource server rejected (401). */
  readonly rejected: Secret | null;
}

/** What is known besides the record. */
export interface Surroundings {
  readonly now: Moment;
  /** There is a way to get a new access token: a refresh token, or the caller's own function. */
  readonly renewable: boolean;
  /** Why the refresh token may be another's to spend (a copy, a restored backup); null if it is ours. */
  readonly foreign: string | null;
}

export type Decision =
  /** Hand out the stored access token. */
  | { readonly kind: 'serve'; readonly warning: string | null }
  /**
   * Renew. `meanwhile: serve`: the current token is good enough while someone else does it.
   * `onFailure: serve`: … and when nobody can.
   */
  | {
      readonly kind: 'refresh';
      readonly reason: 'expired' | 'window' | 'rejected' | 'forced' | 'min-ttl';
      readonly meanwhile: 'serve' | 'wait';
      readonly onFailure: 'serve' | 'fail';
    }
  | {
      readonly kind: 'fail';
      readonly code: ErrorCode;
      readonly why: string;
      /** The command that mends it, where the code does not say. */
      readonly mend?: 'adopt' | 'get';
    };

/** A decision that needs nobody else. */
export type Settled = Exclude<Decision, { kind: 'refresh' }>;

export type Refresh = Extract<Decision, { kind: 'refresh' }>;

/** A token rejected this soon after its own refresh was not rejected for its age; another refresh would loop. */
const REJECTED_AGAIN_MS = 30_000;
const REJECTED_AGAIN_FRACTION = 1 / 4;
/** A token younger than this part of its lifetime is as long-lived as the provider grants. */
const YOUNG_FRACTION = 1 / 4;

/** The decision table of the design: what to do with this record for this caller, now. Pure. */
export const decide = (record: Credential, ask: Ask, around: Surroundings): Decision => {
  if (record.state.kind === 'paused') {
    return fail('paused', record.state.reason ?? 'paused');
  }
  const wanted = want(record, ask, around);
  if (wanted.kind !== 'refresh') {
    return wanted;
  }
  if (!ask.force && record.state.kind === 'dead') {
    return wanted.onFailure === 'serve'
      ? serve(`login required soon: ${whyDead(record)}`)
      : fail('login_required', whyDead(record));
  }
  if (around.foreign !== null) {
    return wanted.onFailure === 'serve'
      ? serve(around.foreign)
      : { kind: 'fail', code: 'refused', why: around.foreign, mend: 'adopt' };
  }
  if (ask.noRefresh || !around.renewable) {
    return unrenewable(wanted, ask.noRefresh);
  }
  if (wanted.reason === 'rejected' && !ask.force && isYoung(record, around.now)) {
    return fail('unavailable', 'the access token was rejected right after it was issued');
  }
  const shared = sharedFailure(record, ask, around.now);
  if (shared !== null) {
    return afterFailure(wanted, shared);
  }
  // A refresh token that went out unanswered may be spent: sent again, it could revoke the token
  // that still works. So it is sent again only when there is nothing left to lose.
  return wanted.onFailure === 'serve' && unanswered(record) > 0
    ? afterFailure(wanted, { verdict: 'unavailable', error: 'no answer', description: null })
    : wanted;
};

/** What the caller gets after an attempt failed, its own or one it shares. */
export const afterFailure = (
  { onFailure, reason }: Refresh,
  { verdict, error, description }: Pick<Attempt, 'verdict' | 'error' | 'description'>,
): Settled => {
  const why = [error, description].filter(Boolean).join(': ');
  if (verdict === 'unavailable') {
    // Outages are invisible while the old token lives, save for who asked for more than it has left.
    return onFailure === 'fail'
      ? fail('unavailable', why)
      : serve(reason === 'min-ttl' ? `could not refresh: ${why}` : null);
  }
  if (onFailure === 'serve') {
    return serve(`${verdict === 'configuration' ? 'fix needed' : 'login required'} soon: ${why}`);
  }
  return fail(verdict === 'configuration' ? 'refused' : 'login_required', why);
};

/** A failed attempt whose outcome this caller takes instead of trying again; null if there is none. */
export const sharedFailure = (record: Credential, ask: Ask, now: Moment): Attempt | null => {
  const attempt = record.lastAttempt;
  if (attempt === null || attempt.verdict === 'refreshed' || attempt.key !== attemptKey(record)) {
    return null;
  }
  const sinceEnded = elapsedMs(attempt.ended, now);
  if (sinceEnded < 0) {
    // The wall clock was stepped back since: shared by that clock, the failure could last for years.
    return null;
  }
  const endedSinceAsked = elapsedMs(ask.asked, attempt.ended) > 0;
  const backingOff = sinceEnded < attempt.backoffMs;
  return endedSinceAsked || (backingOff && !ask.force) ? attempt : null;
};

/** What to tell who asked for more than a token has left. */
export const tooShort = (remaining: number): string =>
  `valid for ${Math.floor(remaining / 1000)} s only, less than --min-ttl`;

/** How often the stored refresh token has been sent without an answer. */
export const unanswered = (record: Credential): number =>
  record.refreshToken !== null && record.lastAttempt?.key === attemptKey(record)
    ? record.lastAttempt.unanswered
    : 0;

/** What the access token alone calls for. */
const want = (record: Credential, ask: Ask, around: Surroundings): Settled | Refresh => {
  const { now } = around;
  const state = freshness(record, now);
  if (record.rejected || ask.rejected?.equals(record.accessToken)) {
    return refresh('rejected', 'wait', 'fail');
  }
  if (ask.force && !sentSinceAsked(record, ask, now)) {
    return refresh('forced', 'wait', 'fail');
  }
  if (state !== 'expired' && ask.minTtlMs > 0) {
    return wantMinTtl(record, ask, around) ?? (state === 'fresh' ? served(record) : windowRefresh);
  }
  return state === 'fresh'
    ? served(record)
    : state === 'window'
      ? windowRefresh
      : refresh('expired', 'wait', 'fail');
};

const wantMinTtl = (
  record: Credential,
  ask: Ask,
  { now, renewable }: Surroundings,
): Settled | Refresh | null => {
  const remaining = remainingMs(record, now);
  if (remaining === null || remaining >= ask.minTtlMs || record.lifetime === null) {
    return null;
  }
  const lifetimeMs = record.lifetime * 1000;
  const asGoodAsItGets =
    sentSinceAsked(record, ask, now) ||
    (wasRefreshed(record, now) && lifetimeMs - remaining < lifetimeMs * YOUNG_FRACTION);
  return asGoodAsItGets || ask.noRefresh || !renewable
    ? serve(tooShort(remaining))
    : refresh('min-ttl', 'wait', 'serve');
};

/** So young that a rejection now is the second in a row. */
const isYoung = (record: Credential, now: Moment): boolean => {
  const limit = Math.min(
    REJECTED_AGAIN_MS,
    (record.lifetime ?? Number.POSITIVE_INFINITY) * 1000 * REJECTED_AGAIN_FRACTION,
  );
  return wasRefreshed(record, now) && elapsedMs(record.issued, now) < limit;
};

const sentSinceAsked = (record: Credential, ask: Ask, now: Moment): boolean =>
  wasRefreshed(record, now) && elapsedMs(ask.asked, record.issued) >= 0;

/** What was issued in the future was issued before the wall clock was stepped back, nobody knows when. */
const wasRefreshed = ({ obtained, issued }: Credential, now: Moment): boolean =>
  obtained === 'refresh' && elapsedMs(issued, now) >= 0;

/** A dead login still serves what it has, and says so. */
const served = (record: Credential): Settled =>
  serve(record.state.kind === 'dead' ? `login required soon: ${whyDead(record)}` : null);

const whyDead = ({ state }: Credential): string => state.reason ?? 'the refresh token is dead';

const unrenewable = (wanted: Refresh, noRefresh: boolean): Settled => {
  if (wanted.onFailure === 'serve') {
    return serve(null);
  }
  return noRefresh
    ? {
        kind: 'fail',
        code: 'unavailable',
        why: 'a refresh is needed, and --no-refresh forbids it',
        mend: 'get',
      }
    : fail(
        'login_required',
        'the access token is no longer usable, and there is nothing to renew it with',
      );
};

const serve = (warning: string | null): Settled => ({ kind: 'serve', warning });

const fail = (code: ErrorCode, why: string): Settled => ({ kind: 'fail', code, why });

const refresh = (
  reason: Refresh['reason'],
  meanwhile: Refresh['meanwhile'],
  onFailure: Refresh['onFailure'],
): Refresh => ({ kind: 'refresh', reason, meanwhile, onFailure });

const windowRefresh = refresh('window', 'serve', 'serve');
