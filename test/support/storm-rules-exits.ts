import { excuseForUnavailable } from './storm-excuses.ts';
import type { Facts } from './storm-facts.ts';
import type { ProcessRun } from './storm-history.ts';
import { runViolation, type Violation } from './storm-violation.ts';

/** Each process ended, and in a way that what happened around it explains. */
export const judgeExits = (facts: Facts): Violation[] =>
  facts.history.processes.flatMap((run) => {
    const reason = run.hung ? 'did not end' : complaint(facts, run);
    return reason === null ? [] : [runViolation(reason, run)];
  });

const complaint = (facts: Facts, run: ProcessRun): string | null => {
  if (run.signal !== null) {
    const wasSent = run.signals.some(({ signal }) => signal === run.signal);
    return wasSent ? null : `ended by a ${run.signal} that nobody sent`;
  }
  switch (run.code) {
    case 0:
      return isSpeechless(run) ? 'exit 0 without a token' : null;
    case 3:
      return mayBeAbsent(facts, run) ? null : 'exit 3 without a removal';
    case 4:
      return mayBeDead(facts, run) ? null : 'exit 4 without a permitted loss or a revocation';
    case 5:
      return excuseForUnavailable(facts, run);
    case 6:
      return wasReplacedMeanwhile(facts, run) ? null : 'exit 6 without a cause';
    default:
      return `exit ${run.code}`;
  }
};

const isSpeechless = ({ command, printed, oddOutput }: ProcessRun): boolean =>
  command.kind === 'get' && printed === null && oddOutput === null;

/** Somebody removed it, and no sign-in that began after that was over before this process began. */
const mayBeAbsent = (facts: Facts, run: ProcessRun): boolean => {
  const runs = facts.runsOf(run.login);
  return (
    run.command.kind !== 'import' &&
    runs.some(
      (removal) =>
        removal.command.kind === 'remove' &&
        removal !== run &&
        removal.startedAt <= run.endedAt &&
        !runs.some(
          ({ command, code, startedAt, endedAt }) =>
            command.kind === 'import' &&
            code === 0 &&
            startedAt >= removal.endedAt &&
            endedAt <= run.startedAt,
        ),
    )
  );
};

/** A family that it may have held while this process ran was worthless by then. */
const mayBeDead = (facts: Facts, run: ProcessRun): boolean => {
  const imports = facts.runsOf(run.login).filter(({ command }) => command.kind === 'import');
  return (
    run.command.kind === 'get' &&
    [...facts.families.values()].some(({ grant, imported, deadAt }) => {
      const replaced = imports.some(
        ({ code, startedAt, endedAt }) =>
          code === 0 && startedAt > (imported?.endedAt ?? 0) && endedAt < run.startedAt,
      );
      return (
        grant.login === run.login &&
        imported !== null &&
        imported.startedAt <= run.endedAt &&
        deadAt <= run.endedAt &&
        !replaced
      );
    })
  );
};

/** An import reads back what it saved, and says so when somebody else has put something else there. */
const wasReplacedMeanwhile = (facts: Facts, run: ProcessRun): boolean =>
  run.command.kind === 'import' &&
  run.stderr.includes('something else was read back') &&
  facts
    .runsOf(run.login)
    .some(
      (other) =>
        other !== run &&
        (other.command.kind === 'import' || other.command.kind === 'remove') &&
        other.startedAt <= run.endedAt &&
        other.endedAt >= run.startedAt,
    );
