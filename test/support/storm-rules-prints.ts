import type { Facts } from './storm-facts.ts';
import type { Generation } from './storm-generations.ts';
import type { ProcessRun } from './storm-history.ts';
import { runViolation, type Violation } from './storm-violation.ts';

/** What a get may print: a token that this login holds, not an old one, and only once it is saved. */
export const judgePrints = (facts: Facts): Violation[] =>
  facts.history.processes.flatMap((run) => {
    if (run.oddOutput !== null) {
      return [runViolation('odd output', run, run.oddOutput)];
    }
    if (run.printed === null) {
      return [];
    }
    const printed = facts.byAccess.get(run.printed);
    if (printed === undefined || printed.login !== run.login) {
      return [runViolation('printed a token that this login never had', run)];
    }
    return [
      ...judgeValidity(facts, run, printed),
      ...judgePersistence(facts, run, printed),
      ...judgeOrder(facts, run, printed),
    ];
  });

const judgeValidity = (
  { history, families }: Facts,
  run: ProcessRun,
  { issued, by, family }: Generation,
): Violation[] => {
  const { command } = run;
  const wrong: string[] = [];
  // The lifetime of what is imported counts from then.
  const since = by === null ? (families.get(family)?.imported?.endedAt ?? issued.at) : issued.at;
  if (since + issued.lifetimeMs <= run.startedAt) {
    wrong.push('printed an expired token');
  }
  if (command.kind === 'get' && command.rejected === run.printed) {
    wrong.push('printed the token that was rejected');
  }
  if (command.kind === 'get' && command.force && (by === null || issued.at < run.startedAt)) {
    wrong.push('printed an old token although it was forced');
  }
  const marked = history.audit.some(
    ({ event, token, at }) => event === 'invalidate' && token === run.printed && at < run.startedAt,
  );
  if (marked) {
    wrong.push('printed an invalidated token');
  }
  return wrong.map((rule) => runViolation(rule, run, { issued }));
};

/** Invariant 2: what is printed is in the store, or was and something later is. */
const judgePersistence = (facts: Facts, run: ProcessRun, printed: Generation): Violation[] =>
  [run.atPrint, run.autopsy?.record ?? null].flatMap((sight) => {
    if (sight === null) {
      return [];
    }
    const stored = sight.kind === 'record' ? facts.byAccess.get(sight.access ?? '') : undefined;
    const isSaved =
      stored?.family === printed.family
        ? stored.number >= printed.number
        : sight.kind !== 'torn' && mayHaveBeenReplaced(facts, printed, stored ?? null);
    return isSaved ? [] : [runViolation('printed before it was saved', run, { sight })];
  });

/** By another sign-in or by a removal, at any time since this one was imported. */
const mayHaveBeenReplaced = (
  facts: Facts,
  { family, login }: Generation,
  stored: Generation | null,
): boolean => {
  const since = facts.families.get(family)?.imported?.startedAt ?? 0;
  const replacers =
    stored === null
      ? facts.runsOf(login).filter(({ command }) => command.kind === 'remove')
      : [facts.families.get(stored.family)?.imported];
  return replacers.some((run) => run != null && run.endedAt >= since);
};

/** Whoever starts after something later was seen does not see anything earlier. */
const judgeOrder = (facts: Facts, run: ProcessRun, printed: Generation): Violation[] => {
  const imported = facts.families.get(printed.family)?.imported ?? null;
  const earlier = facts.runsOf(run.login).filter(({ endedAt }) => endedAt < run.startedAt);
  const superseded = earlier.find((other) => {
    const seen = facts.byAccess.get(other.printed ?? '');
    return seen?.family === printed.family && seen.number > printed.number;
  });
  const replaced = earlier.find(
    ({ command, code, startedAt }) =>
      (command.kind === 'remove' || command.kind === 'import') &&
      code === 0 &&
      imported !== null &&
      startedAt > imported.endedAt,
  );
  return [
    ...(superseded ? [runViolation('printed a superseded token', run, superseded.pid)] : []),
    ...(replaced ? [runViolation('printed a token of a replaced login', run, replaced.pid)] : []),
  ];
};
