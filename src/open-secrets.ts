import { randomUUID } from 'node:crypto';
import { failedAttempt, sentUnanswered } from './attempt.ts';
import { save } from './change-record.ts';
import type { Credential } from './credential.ts';
import type { Refresh } from './decide.ts';
import { faultError, faultText, type KeptFault } from './store/kept-fault.ts';
import type { StoreLease } from './store/store.ts';
import type { Request, Story } from './story.ts';
import { type Token, tokenOf } from './token.ts';

/** A keychain may ask a person; while the old token still works nobody waits that long for them. */
const LIMIT_MS = 20_000;
const PROACTIVE_LIMIT_MS = 3_000;

/**
 * What is about to be spent, if it is kept apart from the record, and the proof that its successor can
 * be kept there. `again`: the record has been brought up to what was found there.
 *
 * @throws {TokenctlError} `unavailable`, `refused`
 */
export const openSecrets = async (
  story: Story,
  request: Request,
  lease: StoreLease,
  record: Credential,
  decision: Refresh,
  lostSends: number,
): Promise<{ record: Credential } | { token: Token } | 'again'> => {
  const { kept } = record;
  if (kept === null || kept.place === 'file') {
    return { record };
  }
  const proactive = decision.onFailure === 'serve';
  const limitMs = proactive
    ? PROACTIVE_LIMIT_MS
    : Math.max(PROACTIVE_LIMIT_MS, Math.min(LIMIT_MS, Math.round(request.remainingMs())));
  if (!kept.stowed) {
    return putBack(lease, record, limitMs);
  }
  const opened = await lease.open(record, limitMs);
  if (opened.kind === 'closed') {
    const { login } = story.store;
    await share(story, lease, record, opened.fault, { proactive, lostSends });
    if (proactive) {
      return { token: tokenOf(login, record, { warnings: [faultText(opened.fault, login)] }) };
    }
    throw faultError(opened.fault, login);
  }
  if (opened.record.generation === record.generation) {
    return opened;
  }
  // A holder put a new refresh token there and did not live to say so in the record.
  await save(lease, opened.record, record);
  return 'again';
};

/**
 * A keychain that lets one wait, or is locked, does so for everybody who is waiting: they take this
 * outcome. Whoever comes later tries again at once, for a person may have unlocked it, unless the old
 * token is good enough.
 */
const share = async (
  { clock, store: { login } }: Story,
  lease: StoreLease,
  record: Credential,
  fault: KeptFault,
  { proactive, lostSends }: { proactive: boolean; lostSends: number },
): Promise<void> => {
  if (fault.kind !== 'slow' && fault.kind !== 'locked') {
    return;
  }
  const now = clock();
  const failed = failedAttempt(
    record,
    {
      ...{ kind: 'unavailable', fault: 'not-sent', transient: false, retryAfterMs: null },
      ...{ error: `${fault.place}_${fault.kind}`, description: faultText(fault, login) },
    },
    {
      ...{ id: randomUUID(), lease: lease.name, sent: now, ended: now },
      unanswered: sentUnanswered(record, lostSends),
    },
  );
  const backoffMs = proactive ? Math.min(failed.backoffMs, LONGEST_BACKOFF_MS) : 0;
  const lastAttempt = { ...failed, backoffMs };
  // If it cannot be put down, nothing is lost but the sharing.
  await save(lease, { ...record, lastAttempt }, record).catch(() => {});
};

const LONGEST_BACKOFF_MS = 10_000;

/** What could not be put there when it was new. If it still cannot, the login goes on in the file. */
const putBack = async (
  lease: StoreLease,
  record: Credential,
  limitMs: number,
): Promise<{ record: Credential } | 'again'> => {
  const { kept } = record;
  const stowed = kept === null ? null : await lease.stow(record, kept.place, kept.slot, limitMs);
  if (stowed?.kind !== 'opened') {
    return { record };
  }
  await save(lease, stowed.record, record);
  return 'again';
};
