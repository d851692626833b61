import { failedAttempt, succeededAttempt } from './attempt.ts';
import { type Attempt, type Credential, mergeTokens } from './credential.ts';
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

/** A refresh token goes out a second time if its sender died, and not a third. */
const MAX_DEATHS = 1;

/** Spends the refresh token, and saves what comes of it before anybody sees it. */
export const spend = async (
  story: Story,
  request: Request,
  stake: Stake,
): Promise<Token | 'again'> => {
  const { lease, record, decision, deaths } = stake;
  const refresh = story.refresh;
  if (refresh === null) {
    throw new Error('a refresh was decided without a way to refresh');
  }
  if ((await reserve(story, lease, record)) === 'lost') {
    return 'again';
  }
  const tried =
    deaths > MAX_DEATHS && !request.ask.force
      ? diedTwice(story, lease)
      : await send(story, request, stake, refresh);
  if (tried === 'lost') {
    return 'again';
  }
  const result =
    tried.outcome.kind === 'granted'
      ? await keep(story, stake, tried, tried.outcome)
      : await noteFailure(story, stake, tried, tried.outcome);
  return result === 'again' || 'accessToken' in result
    ? result
    : settle(story, record, afterFailure(decision, result), []);
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

/** Saves the new tokens first, and only then judges what else the answer says. */
const keep = async (
  story: Story,
  stake: Stake,
  tried: Tried,
  granted: Granted,
): Promise<Token | Attempt | 'again'> => {
  const { lease, record } = stake;
  const { login } = story.store;
  const next = mergeTokens(record, granted.tokens, tried.sent, succeededAttempt(record, tried));
  const unsaved = (error: unknown): Token => {
    const why = `the new token could not be saved (${errnoOf(error) ?? 'unknown error'})`;
    return tokenOf(login, next, { warnings: [why], saved: false, refreshed: true });
  };
  let step: Awaited<ReturnType<StoreLease['commit']>>;
  try {
    step = await lease.write(next, record);
  } catch (error) {
    return unsaved(error);
  }
  const { saved, warnings, failure } = await judge(next, record, granted, tried);
  try {
    if (saved !== next && step === 'done') {
      step = await lease.write(saved, record);
    }
    if (step === 'done') {
      step = await lease.commit();
    }
    if (step === 'lost') {
      stake.lost.add(lease.name);
      await story.store.audit?.({ event: 'lease_lost', login, lease: lease.name });
      const recommitted = await recommit(story.store, saved, record);
      if (recommitted !== 'saved') {
        return recommitted === 'superseded' ? 'again' : unsaved({ code: 'ELOCKED' });
      }
    }
  } catch (error) {
    // It is durable in the lease: the next holder adopts it from there.
    await lease.leaveBehind();
    warnings.push(
      `the new token is not in its place yet (${errnoOf(error)}); the next run puts it there`,
    );
  }
  await audit(story, stake, tried, saved, failure);
  return failure ?? tokenOf(login, saved, { warnings, refreshed: true });
};

/** What of the new tokens may be used. A bad `scope` or `id_token` must not cost the login. */
const judge = async (
  next: Credential,
  previous: Credential,
  granted: Granted,
  tried: Tried,
): Promise<{ saved: Credential; warnings: string[]; failure: Attempt | null }> => {
  const judgement = await granted.judge();
  let saved = next;
  if (!judgement.idTokenUsable) {
    const { idToken, idTokenExpiresAt } = previous;
    saved = { ...saved, idToken, idTokenExpiresAt };
  }
  if (judgement.accessTokenUsable) {
    return { saved, warnings: [...judgement.problems], failure: null };
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
  // The one before may still be good for a while; only the refresh token has moved on.
  const { accessToken, tokenType, issued, lifetime, obtained, rejected } = previous;
  const before = { accessToken, tokenType, issued, lifetime, obtained, rejected };
  return { saved: { ...saved, ...before, lastAttempt: failure }, warnings: [], failure };
};

/** Puts a failed attempt down for everyone who asked in the meantime. */
const noteFailure = async (
  story: Story,
  stake: Stake,
  tried: Tried,
  outcome: Exclude<RefreshOutcome, { kind: 'granted' }>,
): Promise<Attempt | 'again'> => {
  const { lease, record, decision } = stake;
  const attempt = failedAttempt(record, outcome, tried);
  const dead = attempt.verdict === 'dead';
  // A rejected access token stays rejected, for those too who did not hear of it themselves.
  const rejected = record.rejected || decision.reason === 'rejected';
  try {
    const now = await lease.read();
    if (now !== null && !sameToken(now.record, record)) {
      return 'again';
    }
    const marked: Credential = {
      ...record,
      rejected,
      lastAttempt: attempt,
      state: dead
        ? { kind: 'dead', reason: reasonOf(attempt), at: attempt.ended }
        : record.state.kind === 'dead'
          ? record.state
          : { kind: 'active', reason: null, at: null },
    };
    if ((await lease.write(marked, record)) === 'lost' || (await lease.commit()) === 'lost') {
      stake.lost.add(lease.name);
      return 'again';
    }
  } catch {
    // Nothing is lost but the sharing of this failure.
  }
  await audit(story, stake, tried, record, attempt);
  return attempt;
};

const sameToken = (a: Credential, b: Credential): boolean =>
  a.refreshToken === null ? b.refreshToken === null : a.refreshToken.equals(b.refreshToken);

const reasonOf = ({ error, description }: Attempt): string =>
  [error, description].filter(Boolean).join(': ');

const diedTwice = ({ clock }: Story, { name }: StoreLease): Tried => ({
  id: name,
  lease: name,
  sent: clock(),
  ended: clock(),
  unanswered: MAX_DEATHS + 1,
  requests: 0,
  outcome: {
    kind: 'rejected',
    verdict: 'dead',
    error: 'answer_lost',
    description:
      'two processes died after they had sent the refresh token and before its answer was saved',
  },
});

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
