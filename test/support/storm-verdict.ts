import { gatherFacts } from './storm-facts.ts';
import type { History } from './storm-history.ts';
import { judgeEnd } from './storm-rules-end.ts';
import { judgeExits } from './storm-rules-exits.ts';
import { judgePrints } from './storm-rules-prints.ts';
import { judgeRefreshes, judgeReuse, type Loss } from './storm-rules-refreshes.ts';
import { judgeSends } from './storm-rules-sends.ts';
import { judgeStore } from './storm-rules-store.ts';
import type { Violation } from './storm-violation.ts';

export interface Verdict {
  /** What no rule permits, in order of time. Empty, or there is a bug. */
  readonly violations: readonly Violation[];
  /** What was lost in a permitted way. */
  readonly losses: readonly Loss[];
}

/** Replays what the server, the audit and the processes tell, and holds it against the invariants. Pure. */
export const judgeHistory = (history: History): Verdict => {
  const facts = gatherFacts(history);
  const reuse = judgeReuse(facts);
  const violations = [
    ...reuse.violations,
    ...judgeSends(facts),
    ...judgeRefreshes(facts),
    ...judgePrints(facts),
    ...judgeExits(facts),
    ...judgeStore(facts),
    ...judgeEnd(facts),
  ];
  return { violations: violations.sort((a, b) => a.at - b.at), losses: reuse.losses };
};
