import { CRASHED } from './lock-automaton.ts';
import type { Model, State } from './lock-model.ts';
import {
  type Contender,
  DIRECTORY,
  HOLDING,
  newContender,
  PAST_THE_GATE,
  RECORD,
} from './lock-terms.ts';
import { legible } from './lock-trace.ts';
import { recordOn, tokensAtRisk } from './lock-world.ts';

/** What must hold at every instant, besides what each step is checked for by itself. */
export const violationIn = (model: Model, { world, nodes }: State): string | null => {
  const living = nodes.filter((node) => node !== CRASHED).map((node) => model.code.at(node).state);
  const token = recordOn(model.worlds.at(world).disk)?.token;
  // One whose answer was adopted by another meanwhile goes on, but has nothing left to do harm with.
  const spending = living.filter(
    ({ phase, record }) => PAST_THE_GATE.has(phase) && record?.token === token,
  );
  if (spending.length > 1) {
    return 'two living holders are past the gate';
  }
  // One that was falsely taken for dead goes on until it notices.
  const deceived = model.bounds.falseDeaths > 0;
  if (!deceived && living.filter(({ phase }) => HOLDING.has(phase)).length > 1) {
    return 'two living holders at once';
  }
  const forgotten = tokensAtRisk(model.worlds.at(world)).find(
    (token) => !living.some(({ kept }) => kept?.next.token === token),
  );
  return forgotten === undefined ? null : `${forgotten} was completely written and is lost`;
};

/** The process that comes when all others have ended, twice. */
const LAST = 7;
const MANY_STEPS = 1000;

/** Whoever comes last gets the lock, is not told to wait, and leaves nothing lying about. */
export const violationAtTheEnd = async (model: Model, end: State): Promise<string | null> => {
  const record = recordOn(model.worlds.at(end.world).disk);
  const last = newContender(LAST, record?.generation ?? 0, 2);
  const nodes = [...end.nodes];
  nodes[LAST] = await model.code.start({ ...last, phase: 'acquire', holdings: 1 });
  let state: State = { ...end, nodes, falseDeathsLeft: 0 };
  let outcome: Contender['after'] = 'ask';
  for (let count = 0; count < MANY_STEPS; count += 1) {
    const [move] = await model.steps(state, LAST);
    if (move === undefined) {
      return outcome === 'in flight'
        ? 'the last process waits for an answer that nobody waits for'
        : leftOver(model, state, outcome);
    }
    if (move.violation !== null) {
      return `the last process: ${move.violation}`;
    }
    state = move.to;
    const { after } = model.code.at(state.nodes[LAST] as number).state;
    outcome = after === 'ask' ? outcome : after;
  }
  return 'the lock can never be acquired again';
};

const leftOver = (model: Model, { world }: State, outcome: Contender['after']): string | null => {
  const { disk } = model.worlds.at(world);
  if (outcome === 'spent twice' || recordOn(disk)?.dead === true) {
    // What says that the refresh token went out stays until there is another one.
    return null;
  }
  const litter = [...disk.keys()].find((path) => path !== DIRECTORY && path !== RECORD);
  return litter === undefined ? null : `${legible(litter)} was left behind`;
};
