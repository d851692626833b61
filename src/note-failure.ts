import { failedAttempt } from './attempt.ts';
import { type Attempt, type Credential, tokenHash } from './credential.ts';
import { elapsedMs } from './platform/clock.ts';
import type { RefreshOutcome } from './refresh-outcome.ts';
import { shortFingerprint } from './secret.ts';
import type { Tried } from './send.ts';
import type { Stake } from './stake.ts';
import type { Story } from './story.ts';

/** Puts a failed attempt down for everyone who asked in the meantime. */
export const noteFailure = async (
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
    await lease.conclude(!(outcome.kind === 'unavailable' && outcome.fault === 'ambiguous'));
    return 'again';
  }
  await auditAttempt(story, stake, tried, record, attempt);
  return attempt;
};

/**
 * The new tokens could not be saved in the store. The old refresh token is spent: sent again, it
 * would revoke the access token that is about to be printed. So the record is marked, in the space
 * it has; where that fails too, the lease stays and says that the token went out.
 */
export const markUnsaved = async (
  story: Story,
  stake: Stake,
  tried: Tried,
  why: string,
  lifeboat: string | null,
): Promise<void> => {
  const { lease, record, decision } = stake;
  const failure = failedAttempt(
    record,
    { kind: 'rejected', verdict: 'dead', error: 'not_saved', description: why },
    tried,
  );
  const marked: Credential =
    lifeboat === null && !lease.hasStowed(record.generation + 1)
      ? withFailure(record, failure, stake)
      : {
          ...record,
          lifeboat,
          rejected:
            record.rejected ||
            decision.reason === 'rejected' ||
            record.client.quirks.includes('refresh-revokes-access-token'),
        };
  const isMarked = await attemptTo(
    async () => (await lease.write(marked, record)) === 'done' && (await lease.commit()) !== 'lost',
  );
  if (isMarked !== true) {
    await lease.leaveBehind();
  }
  await auditAttempt(story, stake, tried, record, failure);
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

/** One line for each attempt, before the lease is given up. */
export const auditAttempt = async (
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
