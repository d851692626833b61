import type { Facts } from './storm-facts.ts';
import type { ProcessRun } from './storm-history.ts';
import { runViolation, type Violation, violation } from './storm-violation.ts';

/** When all is calm, every login works that was not lost in a permitted way, and nothing is left lying about. */
export const judgeEnd = (facts: Facts): Violation[] => [
  ...facts.history.processes.flatMap((run) => {
    const rule = complaint(run);
    return rule === null ? [] : [runViolation(rule, run)];
  }),
  ...facts.history.strayFiles.map((name) => violation('a file was left behind', 0, NOWHERE, name)),
];

const NOWHERE = { login: '' };

/** Exits 3 and 4 are explained by a removal or a loss, or judged for want of it elsewhere. */
const complaint = ({ phase, code, stderr }: ProcessRun): string | null => {
  switch (phase) {
    case 'storm':
      return null;
    case 'end-plain':
      return code === 0 || code === 3 || code === 4 || isResting(stderr)
        ? null
        : 'a login does not work although all is calm';
    case 'end-force':
      return code === 0 || code === 3 || code === 4
        ? null
        : 'a login cannot be refreshed although all is calm';
    case 'mended':
      return code === 0 ? null : 'a login does not work although it is new';
  }
};

/** For ten minutes: two of its senders died, and nobody knows whether it is spent. */
const isResting = (stderr: string): boolean => stderr.includes('went out twice');
