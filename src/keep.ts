import { failedAttempt, succeededAttempt } from './attempt.ts';
import { type Attempt, type Credential, mergeTokens } from './credential.ts';
import type { Refresh } from './decide.ts';
import { errnoOf } from './errors.ts';
import type { LeaseStep } from './lock/lease.ts';
import { auditAttempt, markUnsaved } from './note-failure.ts';
import { recommit } from './recommit.ts';
import type { Granted } from './refresh-outcome.ts';
import type { Tried } from './send.ts';
import type { Stake } from './stake.ts';
import type { Story } from './story.ts';
import { type Token, tokenOf } from './token.ts';

/** Saves the new tokens first, and only then judges what else the answer says. */
export const keep = async (
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
    return unsaved(story, stake, tried, granted, next, error);
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
        : unsaved(story, stake, tried, granted, next, recommitted);
    }
  } else if (step === 'unsynced') {
    warnings.push('the new token is saved, but a power failure could still undo that');
  }
  warnings.push(...lease.warnings());
  await auditAttempt(story, stake, tried, saved, failure);
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

/** Nothing in the store can be made durable any more. The access token at least reaches the caller. */
const unsaved = async (
  story: Story,
  stake: Stake,
  tried: Tried,
  granted: Granted,
  next: Credential,
  error: unknown,
): Promise<Token | Attempt> => {
  const lifeboat = await stake.lease.launchLifeboat(unjudged(next, stake), stake.record);
  const why = `the new token could not be saved (${errnoOf(error) ?? 'unknown error'})`;
  await markUnsaved(story, stake, tried, why, lifeboat);
  const { judged, failure, warnings } = await judge(next, stake, granted, tried);
  return (
    failure ??
    tokenOf(story.store.login, judged, {
      warnings: [why, ...warnings],
      saved: false,
      lifeboat,
      refreshed: true,
    })
  );
};
