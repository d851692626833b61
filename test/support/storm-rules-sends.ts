import type { Corpse, Facts, Generation } from './storm-facts.ts';
import type { Fingerprint, ProcessRun, TokenRequest } from './storm-history.ts';
import { isCutOff, killedAt, type Violation, violation } from './storm-violation.ts';

/** Invariant 1: what may be sent, and how often. For each refresh token: who passed the gate with it, what arrived. */
export const judgeSends = (facts: Facts): Violation[] =>
  facts.generations.flatMap((generation) => {
    const sends = facts.sends(generation.issued.refresh);
    const passers = passersOf(facts, generation);
    return [
      ...judgeCount(facts, generation, sends),
      ...passers.flatMap((passer) => [
        ...judgeAfterSaving(facts, generation, passer),
        ...(isForced(passer.run) ? [] : judgeAfterDeaths(facts, generation, passer)),
        ...(isForced(passer.run) ? [] : judgeAfterRefusal(facts, generation, passer)),
      ]),
      ...sends.flatMap((send, index) =>
        judgePause(facts, generation, sends[index - 1] ?? null, send),
      ),
    ];
  });

/** A process that meant to send this refresh token: it put its attempt down, or was killed at it. */
interface Passer {
  readonly run: ProcessRun | null;
  /** When it still held the lease. Leases do not overlap, so this orders them. */
  readonly at: number;
  readonly issued: Fingerprint | null;
}

const passersOf = (facts: Facts, { login, issued: { refresh } }: Generation): Passer[] => [
  ...facts
    .attempts(refresh)
    .map(({ pid, at, issued = null }) => ({ run: facts.runOf(login, pid, at), at, issued })),
  ...facts
    .corpses(refresh)
    .filter(isUncommitted)
    .map((corpse) => ({ run: corpse, at: corpse.autopsy.at, issued: null })),
];

/** Each request is one of an attempt that was put down, or of a sender that was killed. */
const judgeCount = (
  facts: Facts,
  generation: Generation,
  sends: readonly TokenRequest[],
): Violation[] => {
  const { refresh } = generation.issued;
  const accounted =
    // It may have been killed at its second.
    facts.corpses(refresh).length * 2 +
    facts.attempts(refresh).reduce((sum, { requests = 0 }) => sum + requests, 0);
  const at = sends.at(-1)?.at ?? 0;
  return sends.length <= accounted
    ? []
    : [violation('request without a sender', at, generation, `${sends.length} > ${accounted}`)];
};

/** Once its successor is in the store, nobody has any business with a spent refresh token. */
const judgeAfterSaving = (
  facts: Facts,
  generation: Generation,
  { run, at, issued }: Passer,
): Violation[] => {
  const next = facts.successor(generation.issued.refresh)?.issued.refresh ?? null;
  const savedAt = next === null ? Number.POSITIVE_INFINITY : facts.savedAt(next);
  return issued === next || at <= savedAt
    ? []
    : [violation('sent after its successor was saved', at, generation, { savedAt, by: run?.pid })];
};

/** A second time if a sender died. If that one died too, it rests, or --force sends it again. */
const judgeAfterDeaths = (
  facts: Facts,
  generation: Generation,
  { run, at }: Passer,
): Violation[] => {
  const deaths = facts
    .corpses(generation.issued.refresh)
    .filter((corpse) => corpse !== run && isUncommitted(corpse) && !corpse.autopsy.noted)
    .map(killedAt)
    .filter((death) => death < at);
  return deaths.length < 2 || at - Math.max(...deaths) >= REST_MS
    ? []
    : [violation('sent a third time', at, generation, { deaths, by: run?.pid })];
};

const REST_MS = 10 * 60_000 - 1_000;

/** A refresh token that was refused is dead: without --force nobody asks again. */
const judgeAfterRefusal = (
  facts: Facts,
  generation: Generation,
  { run, at }: Passer,
): Violation[] =>
  facts
    .attempts(generation.issued.refresh)
    .some((refusal) => refusal.verdict === 'dead' && refusal.at < at)
    ? [violation('sent although it is known to be dead', at, generation, { by: run?.pid })]
    : [];

/** What it died of, it died of before its result became the record. */
export const isUncommitted = ({ autopsy: { gate, record } }: Corpse): boolean =>
  record.kind === 'record' && record.generation === gate;

/** A failure is shared, for a second at least; so long is the pause within one attempt, too. */
const SHORTEST_PAUSE_MS = 900;
/** Process start times come in ticks of 10 ms. */
const TICKS_MS = 50;

const judgePause = (
  facts: Facts,
  generation: Generation,
  before: TokenRequest | null,
  send: TokenRequest,
): Violation[] => {
  if (before === null) {
    return [];
  }
  const ended = endOf(before);
  const noted = facts
    .attempts(generation.issued.refresh)
    .some(({ verdict, at }) => verdict === 'unavailable' && at >= ended && at <= send.at);
  const sender = facts.runOf(generation.login, send.holder, send.at);
  const askedLater = isForced(sender) && (sender?.spawnedAt ?? 0) > ended - TICKS_MS;
  const mayComeAtOnce = !noted && before.holder !== send.holder;
  return mayComeAtOnce || askedLater || send.at - ended >= SHORTEST_PAUSE_MS
    ? []
    : [
        violation('a failure was not shared', send.at, generation, {
          pauseMs: send.at - ended,
          senders: [before.holder, send.holder],
        }),
      ];
};

/** When its sender knew, or earlier: of a connection that broke it may have heard before the server did. */
const endOf = ({ at, endedAt, fault }: TokenRequest): number =>
  fault === null || ANSWERS.includes(fault) ? (endedAt ?? at) : at;

const ANSWERS: readonly string[] = ['status', 'html', 'redirect'];

export const isForced = (run: ProcessRun | null): boolean =>
  run?.command.kind === 'get' && run.command.force;

/** Why the answer to a rotation of this token may be lost; null if there is no excuse. */
export const excuseForLoss = (
  facts: Facts,
  spent: Generation,
  rotation: TokenRequest,
): 'killed' | 'fault' | 'outage' | null => {
  // What was complete in a dead process's lease was to be adopted.
  const killed = facts
    .corpses(spent.issued.refresh)
    .some((corpse) => corpse.autopsy.next.kind !== 'record' && maySend(facts, corpse, rotation));
  const broken = rotation.fault === 'reset' || rotation.fault === 'hang';
  const cutOff = isCutOff(facts.history, rotation);
  return killed ? 'killed' : broken ? 'fault' : cutOff ? 'outage' : null;
};

/**
 * The request came while this process held the lease; or after its death, while one held it that has
 * another request to answer for, or none.
 */
const maySend = (facts: Facts, corpse: Corpse, { at, holder, refresh }: TokenRequest): boolean => {
  if (holder === corpse.pid) {
    return true;
  }
  const arrived = facts.sends(refresh ?? '').filter((send) => send.holder === holder).length;
  const own = facts
    .attempts(refresh ?? '')
    .filter(({ pid }) => pid === holder)
    .reduce((sum, { requests = 0 }) => sum + requests, 0);
  return killedAt(corpse) <= at && arrived > own;
};
