import type { Facts } from './storm-facts.ts';
import type { Generation } from './storm-generations.ts';
import type { ProcessRun, TokenRequest } from './storm-history.ts';
import { excuseForLoss, isUncommitted } from './storm-losses.ts';
import { isForced } from './storm-rules-sends.ts';
import { killedAt, type Violation, violation } from './storm-violation.ts';

/** Of a stated lifetime; before that nobody renews unasked. */
const REFRESH_AT = 0.75;
/** Two clocks that tick in 10 ms, and rounding. */
const SLACK_MS = 50;

/** Each refresh had a cause, and what it brought was kept or lost in a permitted way. */
export const judgeRefreshes = (facts: Facts): Violation[] =>
  facts.generations.flatMap((next) => {
    const { previous, by } = next;
    return previous === null || by === null
      ? []
      : [...judgeCause(facts, previous, by), ...judgeKeeping(facts, previous, next, by)];
  });

/** One refresh per expiry: the token before was due, or rejected, or somebody wanted a new one. */
const judgeCause = (facts: Facts, spent: Generation, request: TokenRequest): Violation[] => {
  const ageMs = request.at - earliestIssue(facts, spent);
  const due = ageMs >= spent.issued.lifetimeMs * REFRESH_AT - SLACK_MS;
  return due || wasRejected(facts, spent, request) || wasForced(facts, spent, request)
    ? []
    : [violation('refreshed without need', request.at, spent, { ageMs, spent: spent.issued })];
};

/** A lifetime counts from when its request was sent; for an import, from then. */
const earliestIssue = (
  facts: Facts,
  { login, issued, by, family, previous }: Generation,
): number => {
  if (by === null || previous === null) {
    return facts.families.get(family)?.imported?.startedAt ?? issued.at;
  }
  const spent = previous.issued.refresh;
  const senders = [facts.runOf(login, by.holder, by.at), ...facts.corpses(spent)];
  const started = senders.flatMap((sender) => sender?.startedAt ?? []);
  const attempt = facts.attempts(spent).find((line) => line.issued === issued.refresh);
  // The attempt took so long, and ended when it was answered or later.
  const sentAt = (by.endedAt ?? by.at) - (attempt?.ms ?? Number.POSITIVE_INFINITY);
  return Math.max(Math.min(by.at, ...started), Number.isFinite(sentAt) ? sentAt : 0);
};

const wasRejected = (facts: Facts, { login, issued }: Generation, { at }: TokenRequest): boolean =>
  facts.runsOf(login).some(({ command, startedAt, endedAt }) => {
    if (startedAt > at) {
      return false;
    }
    return command.kind === 'get'
      ? command.rejected === issued.access
      : command.kind === 'invalidate' &&
          (command.token === issued.access || (command.token === null && endedAt >= issued.at));
  });

/** --force is satisfied by any refresh that was sent after it was started. */
const wasForced = (facts: Facts, spent: Generation, request: TokenRequest): boolean =>
  [
    facts.runOf(spent.login, request.holder, request.at),
    ...facts.corpses(spent.issued.refresh),
  ].some((sender) => sender !== null && isForced(sender) && isNews(facts, spent, sender));

const isNews = (facts: Facts, spent: Generation, { spawnedAt }: ProcessRun): boolean =>
  spent.by === null || earliestIssue(facts, spent) <= spawnedAt + SLACK_MS;

/** What a rotation brought is in the store, or its answer was lost where no client can help it. */
const judgeKeeping = (
  facts: Facts,
  spent: Generation,
  next: Generation,
  rotation: TokenRequest,
): Violation[] =>
  facts.savedAt(next.issued.refresh) < Number.POSITIVE_INFINITY ||
  excuseForLoss(facts, spent, rotation) !== null
    ? []
    : [
        violation('a rotated refresh token was lost', rotation.at, next, {
          holder: rotation.holder,
        }),
      ];

/** Refresh tokens whose answers were lost, and that cost the login. */
export interface Loss {
  readonly login: string;
  readonly at: number;
  readonly excuse: 'killed' | 'fault' | 'outage' | 'late';
}

/** Each reuse that the server detected, explained or not. */
export const judgeReuse = (facts: Facts): { losses: Loss[]; violations: Violation[] } => {
  const losses: Loss[] = [];
  const violations: Violation[] = [];
  for (const request of facts.history.requests) {
    if (request.outcome === 'reuse_detected') {
      const spent = facts.byRefresh.get(request.refresh ?? '');
      const excuse = spent === undefined ? null : excuseForReuse(facts, spent, request);
      const { at } = request;
      if (spent !== undefined && excuse !== null) {
        losses.push({ login: spent.login, at, excuse });
      } else {
        violations.push(violation('reuse', at, spent ?? { login: '?' }, request));
      }
    }
  }
  return { losses, violations };
};

const excuseForReuse = (
  facts: Facts,
  spent: Generation,
  request: TokenRequest,
): Loss['excuse'] | null => {
  const { refresh } = spent.issued;
  const next = facts.successor(refresh);
  if (next === null || next.by === null) {
    return null;
  }
  if (facts.savedAt(next.issued.refresh) === Number.POSITIVE_INFINITY) {
    return excuseForLoss(facts, spent, next.by);
  }
  // The one re-send overtook the request of the dead process for which it was made.
  const overtaken = facts
    .corpses(refresh)
    .some(
      (corpse) =>
        corpse.pid !== next.by?.holder && isUncommitted(corpse) && killedAt(corpse) <= request.at,
    );
  return overtaken ? 'late' : null;
};
