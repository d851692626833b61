import type { Corpse, Facts } from './storm-facts.ts';
import type { Generation } from './storm-generations.ts';
import type { TokenRequest } from './storm-history.ts';
import { isCutOff, killedAt } from './storm-violation.ts';

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

/** What it died of, it died of before its result became the record. */
export const isUncommitted = ({ autopsy: { gate, record } }: Corpse): boolean =>
  record.kind === 'record' && record.generation === gate;
