import { failedAttempt, succeededAttempt } from './attempt.ts';
import { type Attempt, type Credential, freshness, mergeTokens, tokenHash } from './credential.ts';
import { afterFailure, type Refresh } from './decide.ts';
import { errnoOf, TokenctlError } from './errors.ts';
import type { LeaseStep } from './lock/lease.ts';
import type { LeaseName } from './lock/lease-name.ts';
import { elapsedMs } from './platform/clock.ts';
import type { SignalHold } from './platform/signals.ts';
import { recommit } from './recommit.ts';
import type { Granted, RefreshOutcome } from './refresh-outcome.ts';
import { shortFingerprint } from './secret.ts';
import { send, type Tried } from './send.ts';
import type { StoreLease } from './store/store.ts';
import { type Request, type Story, settle } from './story.ts';
import { type Token, tokenOf } from './token.ts';

/** What is at stake: the record as read inside the lease, and what is known of its refresh token. */
export interface Stake {
  readonly lease: StoreLease;
  readonly record: Credential;
  readonly decision: Refresh;
  /** Holders that died after they sent this refresh token. */
  readonly deaths: number;
  /** Held from the gate on, released with the lease. */
  readonly signals: SignalHold;
  /** Leases this caller has lost past the gate. */
  readonly lost: Set<LeaseName>;
}

/** Spends the refresh token, and saves what comes of it before anybody sees it. */
export const spend = async (
  story: Story,
  request: Request,
  stake: Stake,
): Promise<Token | 'again'> => {
  const { lease, record, decision } = stake;
  if ((await reserve(story, lease, record)) === 'lost') {
    return 'again';
  }
  const tried = await send(story, request, stake);
  if (tried === 'lost') {
    return 'again';
  }
  requireSoundEnvironment(story, tried);
  const result =
    tried.outcome.kind === 'granted'
      ? await keep(story, stake, tried, tried.outcome)
      : await noteFailure(story, stake, tried, tried.outcome);
  if (result === 'again' || 'accessToken' in result) {
    return result;
  }
  // The attempt may have outlasted the token that was still good when it began.
  const expired = freshness(record, story.clock()) === 'expired';
  const onFailure = expired ? 'fail' : decision.onFailure;
  return settle(story, record, afterFailure({ ...decision, onFailure }, result), []);
};

/** Proves that a new token can be saved, before the one that it will cost is spent. */
const reserve = async (
  { store: { login } }: Story,
  lease: StoreLease,
  record: Credential,
): Promise<LeaseStep> => {
  try {
    return await lease.reserve(record);
  } catch (error) {
    const why = `a new token could not be saved (${errnoOf(error) ?? 'unknown error'}), so none was asked for`;
    throw new TokenctlError('refused', why, {
      login,
      hint: 'make room, or its directory writable',
      cause: error,
    });
  }
};

/** Faults of this process's own environment: nobody else shares them, and time does not mend them. */
const OWN_FAULTS: ReadonlySet<string> = new Set(['invalid_proxy', 'invalid_ca_file']);

const requireSoundEnvironment = ({ store }: Story, { outcome }: Tried): void => {
  if (outcome.kind === 'unavailable' && OWN_FAULTS.has(outcome.error)) {
    throw new TokenctlError('refused', `${outcome.error}: ${outcome.description}`, {
      login: store.login,
      hint: 'correct HTTPS_PROXY or SSL_CERT_FILE in the environment',
    });
  }
};

/** Saves the new tokens first, and only then judges what else the answer says. */
const keep = async (
  story: Story,
  stake: Stake,
  tried: Tried,
  granted: Granted,
): Promise<Token | Attempt | 'again'> => {
  const { lease, record } = stake;
  const next = mergeTokens(record, granted.tokens, tried.sent, succeededAttempt(record, tried));
  let saved = unjudged(next, stake);
  let step: LeaseStep | 'unsynced';
  try {
    step = await lease.write(saved, record);
  } catch (error) {
    return unsaved(story, stake, tried, next, error);
  }
  const { judged, warnings, failure } = await judge(next, stake, granted, tried);
  try {
    if (judged !== saved && step === 'done') {
      step = await lease.write(judged, record);
      saved = judged;
    }
    step = step === 'done' ? await lease.commit() : step;
  } catch (error) {
    // It is durable in the lease: the next holder adopts it from there.
    await lease.leaveBehind();
    warnings.push(
      `the new token is not in its place yet (${errnoOf(error)}); the next run puts it there`,
    );
  }
  if (step === 'lost') {
    const recommitted = await saveAgain(story, stake, judged);
    if (recommitted !== 'saved') {
      return recommitted === 'superseded'
        ? 'again'
        : unsaved(story, stake, tried, next, recommitted);
    }
  } else if (step === 'unsynced') {
    warnings.push('the new token is saved, but a power failure could still undo that');
  }
  await audit(story, stake, tried, saved, failure);
  return failure ?? tokenOf(story.store.login, judged, { warnings, refreshed: true });
};

/** What may be adopted although nobody has judged it: the rotation, and an access token of the usual kind. */
const unjudged = (next: Credential, { record, decision }: Stake): Credential => {
  const { idToken, idTokenExpiresAt } = record;
  const usual = next.tokenType.toLowerCase() === 'bearer' && next.accessToken !== null;
  const plain = usual ? next : { ...next, ...accessTokenOf(record, decision) };
  return plain.idToken === idToken ? plain : { ...plain, idToken, idTokenExpiresAt };
};

/** The access token from before: it may still be good for a while, unless it was rejected or revoked. */
const accessTokenOf = (
  { accessToken, tokenType, issued, lifetime, obtained, rejected, client }: Credential,
  { reason }: Refresh,
) => ({
  ...{ accessToken, tokenType, issued, lifetime, obtained },
  rejected:
    rejected || reason === 'rejected' || client.quirks.includes('refresh-revokes-access-token'),
});

/** What of the new tokens may be used. A bad `scope` or `id_token` must not cost the login. */
const judge = async (
  next: Credential,
  { record, decision }: Stake,
  granted: Granted,
  tried: Tried,
): Promise<{ judged: Credential; warnings: string[]; failure: Attempt | null }> => {
  const judgement = await granted.judge();
  const { idToken, idTokenExpiresAt } = record;
  const kept = judgement.idTokenUsable ? next : { ...next, idToken, idTokenExpiresAt };
  if (judgement.accessTokenUsable) {
    return { judged: kept, warnings: [...judgement.problems], failure: null };
  }
  const failure = failedAttempt(
    next,
    {
      kind: 'rejected',
      verdict: 'configuration',
      error: 'unusable_answer',
      description: judgement.problems.join('; '),
    },
    tried,
  );
  const judged = { ...kept, ...accessTokenOf(record, decision), lastAttempt: failure };
  return { judged, warnings: [], failure };
};

/** The lease was taken away in the meantime; the result was not. */
const saveAgain = async (
  { store }: Story,
  { lease, record, lost }: Stake,
  judged: Credential,
): Promise<'saved' | 'superseded' | Error> => {
  lost.add(lease.name);
  await store.audit?.({ event: 'lease_lost', login: store.login, lease: lease.name });
  try {
    const result = await recommit(store, judged, record, lost);
    return result === 'busy'
      ? Object.assign(new Error('the lock is held'), { code: 'ELOCKED' })
      : result;
  } catch (error) {
    return error instanceof Error ? error : new Error('unknown error');
  }
};

/**
 * The new tokens are nowhere but here. The old refresh token is spent: sent again, it would revoke
 * the access token that is about to be printed. So the record is marked, in the space it has.
 */
const unsaved = async (
  story: Story,
  stake: Stake,
  tried: Tried,
  next: Credential,
  error: unknown,
): Promise<Token> => {
  const { lease, record } = stake;
  const { login } = story.store;
  const why = `the new token could not be saved (${errnoOf(error) ?? 'unknown error'})`;
  const failure = failedAttempt(
    record,
    { kind: 'rejected', verdict: 'dead', error: 'not_saved', description: why },
    tried,
  );
  await attemptTo(async () => {
    await lease.write(withFailure(record, failure, stake), record);
    await lease.commit();
  });
  await audit(story, stake, tried, record, failure);
  return tokenOf(login, next, { warnings: [why], saved: false, refreshed: true });
};

/** Puts a failed attempt down for everyone who asked in the meantime. */
const noteFailure = async (
  story: Story,
  stake: Stake,
  tried: Tried,
  outcome: Exclude<RefreshOutcome, { kind: 'granted' }>,
): Promise<Attempt | 'again'> => {
  const { lease, record } = stake;
  const attempt = failedAttempt(record, outcome, tried);
  // If it cannot be put down, nothing is lost but the sharing.
  const noted = await attemptTo(async () => {
    const now = await lease.read();
    if (now !== null && tokenHash(now.record.refreshToken) !== tokenHash(record.refreshToken)) {
      return 'superseded';
    }
    const step = await lease.write(withFailure(record, attempt, stake), record);
    return step === 'lost' ? step : await lease.commit();
  });
  if (noted === 'superseded' || noted === 'lost') {
    stake.lost.add(lease.name);
    return 'again';
  }
  await audit(story, stake, tried, record, attempt);
  return attempt;
};

const withFailure = (record: Credential, failure: Attempt, { decision }: Stake): Credential => ({
  ...record,
  // A rejected access token stays rejected, for those too who did not hear of it themselves.
  rejected: record.rejected || decision.reason === 'rejected',
  lastAttempt: failure,
  state:
    failure.verdict === 'dead'
      ? {
          kind: 'dead',
          reason: [failure.error, failure.description].filter(Boolean).join(': '),
          at: failure.ended,
        }
      : record.state,
});

const attemptTo = async <T>(step: () => Promise<T>): Promise<T | null> => {
  try {
    return await step();
  } catch {
    return null;
  }
};

const audit = async (
  { store }: Story,
  { lease, record, decision }: Stake,
  { requests, sent, ended }: Tried,
  saved: Credential,
  failure: Attempt | null,
): Promise<void> => {
  await store.audit?.({
    event: 'attempt',
    login: store.login,
    verdict: failure?.verdict ?? 'refreshed',
    reason: decision.reason,
    error: failure?.error ?? null,
    generation: saved.generation,
    requests,
    spent: shortFingerprint(record.refreshToken),
    issued: saved === record ? null : shortFingerprint(saved.refreshToken),
    ms: elapsedMs(sent, ended),
    lease: lease.name,
  });
};
