import { randomUUID } from 'node:crypto';
import { sentUnanswered, type Try } from './attempt.ts';
import { errnoOf, TokenctlError } from './errors.ts';
import type { LeaseStep } from './lock/lease.ts';
import type { RefreshOutcome } from './refresh-outcome.ts';
import type { Stake } from './stake.ts';
import type { Request, Story } from './story.ts';

export interface Tried extends Try {
  readonly outcome: RefreshOutcome;
  /** Requests sent, or tried to send. */
  readonly requests: number;
}

/** Name, TCP, proxy and TLS; while the old token still works nobody waits that long for them. */
const CONNECT_TIMEOUT_MS = 10_000;
const PROACTIVE_CONNECT_TIMEOUT_MS = 3_000;
/**
 * From sent to answered. It does not shrink with the caller's --timeout: giving up on a refresh
 * token that has been sent is the one thing that can lose a rotation.
 */
const ANSWER_TIMEOUT_MS = 10_000;
/** Before the one retry; what is left of the caller's time must cover it and a quick answer. */
const RETRY_PAUSE_MS = 1_000;
const QUICK_ANSWER_MS = 500;

/**
 * Sends the refresh token, once, and once more if that can do no harm. Passes the gate before
 * each request. `lost`: the lease is gone and nothing was sent.
 */
export const send = async (
  story: Story,
  request: Request,
  { lease, record, decision, lostSends, signals }: Stake,
): Promise<Tried | 'lost'> => {
  const id = randomUUID();
  const { refresh } = story;
  const proactive = decision.onFailure === 'serve';
  let unanswered = sentUnanswered(record, lostSends);
  for (let requests = 1; ; requests += 1) {
    const nth = unanswered + 1;
    const sent = story.clock();
    let gate = 'done' as LeaseStep;
    let gateError: unknown = null;
    const outcome = await refresh(record, {
      connectTimeoutMs: connectTimeoutMs(proactive, request),
      answerTimeoutMs: ANSWER_TIMEOUT_MS,
      // The gate is passed as late as it can be, with the connection established: who is interrupted
      // while connecting has sent nothing, and leaves nothing that says otherwise.
      beforeSending: async () => {
        signals.hold();
        try {
          gate = await lease.gate(record.generation, nth);
          return gate === 'done';
        } catch (error) {
          gateError = error;
          return false;
        }
      },
    }).catch(unforeseen);
    if (gateError !== null) {
      throw cannotMark(gateError, story.store.login);
    }
    if (gate === 'lost') {
      return 'lost';
    }
    if (outcome.kind === 'unavailable' && outcome.fault === 'ambiguous') {
      unanswered += 1;
    } else if (outcome.kind !== 'granted') {
      await lease.ungate(record.generation, nth);
    }
    // A caller's own function decides itself what it tries again.
    const mayRetry = requests === 1 && !proactive && !refresh.own;
    const pauseMs = mayRetry ? retryPauseMs(outcome, decision.reason) : null;
    const ended = story.clock();
    const tried = { id, lease: lease.name, sent, ended, unanswered, outcome, requests };
    if (pauseMs === null || pauseMs + QUICK_ANSWER_MS > request.remainingMs()) {
      return tried;
    }
    // Who wants to end now does not try again: the outcome is put down for the others first.
    if (await signals.interrupted(pauseMs)) {
      return tried;
    }
  }
};

/** A caller's short patience must not pass for an unreachable provider: that would be shared with all. */
const connectTimeoutMs = (proactive: boolean, { remainingMs }: Request): number =>
  proactive
    ? PROACTIVE_CONNECT_TIMEOUT_MS
    : Math.max(
        PROACTIVE_CONNECT_TIMEOUT_MS,
        Math.min(CONNECT_TIMEOUT_MS, Math.round(remainingMs())),
      );

/** A bug, and the refresh token may have gone out: nothing else is said of it, for it may hold tokens. */
const unforeseen = (error: unknown): RefreshOutcome => ({
  kind: 'unavailable',
  fault: 'ambiguous',
  transient: false,
  error: 'internal_error',
  description: error instanceof Error ? error.name : null,
  retryAfterMs: null,
});

const cannotMark = (error: unknown, login: string): TokenctlError =>
  new TokenctlError(
    'refused',
    `the lease cannot be written to (${errnoOf(error) ?? 'unknown error'}), so nothing was sent`,
    { login, hint: 'make room, or its directory writable', cause: error },
  );

/** How long to wait before the one retry; null if there must be none. */
const retryPauseMs = (
  outcome: RefreshOutcome,
  reason: Stake['decision']['reason'],
): number | null => {
  if (outcome.kind !== 'unavailable') {
    return null;
  }
  const mayRetry =
    outcome.fault === 'not-sent' ||
    (outcome.fault === 'answered' && outcome.transient) ||
    // Sent and no answer: the token may be spent. Again only when the old one is no longer valid.
    (outcome.fault === 'ambiguous' && reason !== 'forced');
  return mayRetry ? Math.max(RETRY_PAUSE_MS, outcome.retryAfterMs ?? 0) : null;
};
