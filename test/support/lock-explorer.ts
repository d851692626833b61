import { type Contender, DIRECTORY, newContender, RECORD } from './lock-contender.ts';
import { Interned } from './lock-interned.ts';
import { type Bounds, CRASHED, Model, type Move, type State } from './lock-model.ts';
import { recordOn, tokensAtRisk } from './lock-world.ts';

export interface Exploration {
  readonly states: number;
  readonly transitions: number;
  /** The first thing that went wrong, and a shortest way there. */
  readonly violation: string | null;
  readonly trace: readonly string[];
}

/**
 * Explores every order in which the steps of several processes can happen, with every crash, every
 * pause (a pause is just not being scheduled) and every answer of the server. Breadth first, over
 * states that have not been seen; a state is the world and what each process has observed.
 */
export const explore = async (bounds: Bounds): Promise<Exploration> => {
  const model = new Model(bounds);
  const seen = new Seen();
  for (const world of bounds.initial) {
    seen.add(await initialState(model, model.worldId(world)), -1);
  }
  let transitions = 0;
  for (let at = 0; at < seen.size; at += 1) {
    const state = seen.at(at);
    const moves = await model.moves(state);
    for (const move of moves) {
      transitions += 1;
      const isNew = seen.add(move.to, at);
      const violation = move.violation ?? (isNew ? violationIn(model, move.to) : null);
      if (violation !== null) {
        const trace = [...(await traceTo(model, seen, at)), describe(move)];
        return { states: seen.size, transitions, violation, trace };
      }
    }
    const stuck = moves.length === 0 ? await violationAtTheEnd(model, state) : null;
    if (stuck !== null) {
      const trace = await traceTo(model, seen, at);
      return { states: seen.size, transitions, violation: stuck, trace };
    }
  }
  return { states: seen.size, transitions, violation: null, trace: [] };
};

const initialState = async (model: Model, world: number): Promise<State> => {
  const { contenders, rounds, falseDeaths } = model.bounds;
  const generation = 1;
  const nodes: number[] = [];
  for (let id = 0; id < contenders; id += 1) {
    nodes.push(await model.code.start(newContender(id, generation, rounds)));
  }
  return { world, nodes, falseDeathsLeft: falseDeaths };
};

const PAST_THE_GATE: ReadonlySet<string> = new Set(['post', 'write', 'commit']);

/** What must hold at every instant. */
const violationIn = (model: Model, { world, nodes }: State): string | null => {
  const living = nodes.filter((node) => node !== CRASHED).map((node) => model.code.at(node).state);
  if (living.filter(({ phase }) => PAST_THE_GATE.has(phase)).length > 1) {
    return 'two living holders are past the gate';
  }
  const forgotten = tokensAtRisk(model.worlds.at(world)).filter(
    (token) => !living.some(({ kept }) => kept?.next.token === token),
  );
  return forgotten.length > 0 ? `${forgotten[0]} was completely written and is lost` : null;
};

/** The process that comes when all others have ended. */
const LAST = 7;
const MANY_STEPS = 1000;

/** Whoever comes last gets the lock, is not told to wait, and leaves nothing lying about. */
const violationAtTheEnd = async (model: Model, end: State): Promise<string | null> => {
  const record = recordOn(model.worlds.at(end.world).disk);
  const last = {
    ...newContender(LAST, record?.generation ?? 0, 2),
    phase: 'acquire' as const,
    holdings: 1,
  };
  const nodes = [...end.nodes];
  nodes[LAST] = await model.code.start(last);
  let state: State = { ...end, nodes, falseDeathsLeft: 0 };
  let outcome: Contender['outcome'] = null;
  for (let count = 0; count < MANY_STEPS; count += 1) {
    const [move] = await model.steps(state, LAST);
    if (move === undefined) {
      return leftOver(model, state, outcome);
    }
    if (move.violation !== null) {
      return `the last process: ${move.violation}`;
    }
    state = move.to;
    outcome = model.code.at(state.nodes[LAST] as number).state.outcome ?? outcome;
  }
  return 'the lock can never be acquired again';
};

const leftOver = (
  model: Model,
  { world }: State,
  outcome: Contender['outcome'],
): string | null => {
  if (outcome === 'in flight') {
    return 'the last process waits for an answer that nobody waits for';
  }
  const { disk } = model.worlds.at(world);
  if (outcome === 'spent twice' || recordOn(disk)?.dead === true) {
    // What says that the refresh token went out stays until there is another one.
    return null;
  }
  const litter = [...disk.keys()].find((path) => path !== DIRECTORY && path !== RECORD);
  return litter === undefined ? null : `${legible(litter)} was left behind`;
};

/** The way from an initial state, by making each move again. */
const traceTo = async (model: Model, seen: Seen, index: number): Promise<string[]> => {
  const parent = seen.parent(index);
  if (parent === -1) {
    return [legible([...model.worlds.at(seen.at(index).world).disk.keys()].join(' '))];
  }
  const moves = await model.moves(seen.at(parent));
  const move = moves.find(({ to }) => seen.indexOf(to) === index);
  return [...(await traceTo(model, seen, parent)), move === undefined ? '?' : describe(move)];
};

const describe = ({ process, what, result }: Move): string => {
  const who = PROCESSES[process];
  if (what === 'crash') {
    return `${who} dies`;
  }
  const { op, ...operands } = what;
  const given =
    result === null ? '' : 'errno' in result ? result.errno : JSON.stringify(result.given);
  return legible(`${who} ${op} ${Object.values(operands).join(' ')} → ${given}`);
};

const PROCESSES = 'ABCDEFGHI';

/** Lease names as `A1`: the first holding of process A. */
const legible = (text: string): string =>
  text.replace(
    /(\d)\.s\.0{12}\.-\.0{15}(\d)/g,
    (_, pid: string, nth: string) => `${PROCESSES[Number(pid) - 1]}${nth}`,
  );

/** All states so far, in the order they were found, packed into one number each. */
class Seen {
  readonly #indexes = new Map<number, number>();
  readonly #keys: number[] = [];
  readonly #parents: number[] = [];
  readonly #nodes = new Interned<readonly number[]>();

  get size(): number {
    return this.#keys.length;
  }

  /** False if it was known. */
  add(state: State, parent: number): boolean {
    const key = this.#keyOf(state);
    if (this.#indexes.has(key)) {
      return false;
    }
    this.#indexes.set(key, this.#keys.length);
    this.#keys.push(key);
    this.#parents.push(parent);
    return true;
  }

  at(index: number): State {
    const key = this.#keys[index] as number;
    const rest = Math.floor(key / 4);
    return {
      falseDeathsLeft: key % 4,
      nodes: this.#nodes.at(rest % 2 ** 25),
      world: Math.floor(rest / 2 ** 25),
    };
  }

  indexOf(state: State): number {
    return this.#indexes.get(this.#keyOf(state)) ?? -1;
  }

  parent(index: number): number {
    return this.#parents[index] as number;
  }

  #keyOf({ world, nodes, falseDeathsLeft }: State): number {
    return (world * 2 ** 25 + this.#nodes.idOf(nodes.join(), nodes)) * 4 + falseDeathsLeft;
  }
}
