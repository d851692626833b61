import type { Facts } from './storm-facts.ts';
import type { Generation } from './storm-generations.ts';
import type { Fingerprint, ProcessRun, TokenRequest } from './storm-history.ts';
import { isUncommitted } from './storm-losses.ts';
import { killedAt, type Violation, violation } from './storm-violation.ts';

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
    facts.killedHolders(refresh).length * 2 +
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
