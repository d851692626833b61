import { parseLeaseName } from '../../src/lock/lease-name.ts';
import { isExplained } from './storm-excuses.ts';
import type { Facts } from './storm-facts.ts';
import type { AuditLine, ProcessRun } from './storm-history.ts';
import { runViolation, type Violation, violation } from './storm-violation.ts';

/** The store and its lock, as the audit and whoever read the records tell of them. */
export const judgeStore = (facts: Facts): Violation[] => [
  ...facts.history.reads.torn.map((what) => violation('a torn record was read', 0, NOWHERE, what)),
  ...facts.history.processes
    .filter(({ atPrint, autopsy }) =>
      [atPrint, autopsy?.record].some((sight) => sight?.kind === 'torn'),
    )
    .map((run) => runViolation('a torn record was read', run)),
  ...facts.history.leaks.map((where) => violation('a token in the wrong place', 0, NOWHERE, where)),
  ...facts.history.audit.flatMap((line) => {
    const rule = complaint(facts, line);
    return rule === null ? [] : [violation(rule, line.at, line, line)];
  }),
];

const NOWHERE = { login: '' };

const complaint = (facts: Facts, line: AuditLine): string | null => {
  switch (line.event) {
    case 'takeover': {
      const pid = parseLeaseName(line.from ?? '')?.pid;
      const former = facts.runsOf(line.login).filter((run) => run.pid === pid);
      return former.some((run) => wasEnded(run, line.at))
        ? null
        : 'a lease was taken from the living';
    }
    case 'lease_lost':
      // All of them see each other, so nobody is ever taken for dead.
      return 'a lease was lost';
    case 'attempt':
      return judgeAttempt(facts, line);
    default:
      return null;
  }
};

const ENDING: readonly string[] = ['SIGKILL', 'SIGTERM', 'SIGINT', 'SIGHUP'];

const wasEnded = ({ signals, endedAt }: ProcessRun, at: number): boolean =>
  endedAt <= at || signals.some((sent) => ENDING.includes(sent.signal) && sent.at <= at);

/** What the audit says of an attempt, the server saw. */
const judgeAttempt = (facts: Facts, line: AuditLine): string | null => {
  const spent = line.spent ?? '';
  switch (line.verdict) {
    case 'refreshed':
      return facts.successor(spent)?.issued.refresh === line.issued
        ? null
        : 'the audit tells of a refresh that the server did not see';
    case 'dead': {
      const isRefused = facts
        .sends(spent)
        .some(({ outcome }) => outcome === 'reuse_detected' || outcome === 'invalid_grant');
      return isRefused ? null : 'a refresh token was called dead that the server had not refused';
    }
    case 'unavailable':
      return isExplained(facts, line) ? null : 'an attempt failed and nothing was wrong';
    default:
      return `an attempt ended with ${line.verdict}`;
  }
};
