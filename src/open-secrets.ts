import { save } from './change-record.ts';
import type { Credential } from './credential.ts';
import type { Refresh } from './decide.ts';
import { faultError, faultText } from './store/kept-fault.ts';
import type { StoreLease } from './store/store.ts';
import type { Request, Story } from './story.ts';
import { type Token, tokenOf } from './token.ts';

/** A keychain may ask a person; while the old token still works nobody waits that long for them. */
const LIMIT_MS = 10_000;
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
