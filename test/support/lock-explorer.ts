import { CRASHED } from './lock-automaton.ts';
import { violationAtTheEnd, violationIn } from './lock-invariants.ts';
import { type Bounds, Model, type Move, type State } from './lock-model.ts';
import { States } from './lock-states.ts';
import { newContender } from './lock-terms.ts';
import { describe, legible } from './lock-trace.ts';
import { keyOf } from './lock-world.ts';

export type { Bounds };

export interface Exploration {
  readonly states: number;
  readonly transitions: number;
  /** What everything can look like when all have ended: the world, and who is dead. */
  readonly ends: ReadonlySet<string>;
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
  const seen = new States();
  const graph = new Graph();
  const ends = new Set<string>();
  const report = async (violation: string | null, at: number, last: readonly Move[] = []) => ({
    states: seen.size,
    transitions: graph.size,
    ends,
    violation,
    trace: violation === null ? [] : [...(await traceTo(model, seen, at)), ...last.map(describe)],
  });
  for (const world of bounds.initial) {
    seen.add(await initialState(model, model.worldId(world)), -1);
  }
  for (let at = 0; at < seen.size; at += 1) {
    const state = seen.at(at);
    const moves = await model.moves(state);
    graph.add(at);
    for (const move of moves) {
      const before = seen.size;
      const to = seen.add(move.to, at);
      graph.addMove(to);
      const violation = move.violation ?? (to === before ? violationIn(model, move.to) : null);
      if (violation !== null) {
        return report(violation, at, [move]);
      }
    }
    if (moves.length === 0) {
      const dead = state.nodes.map((node) => node === CRASHED);
      ends.add(JSON.stringify([keyOf(model.worlds.at(state.world)), dead]));
      const violation = await violationAtTheEnd(model, state);
      if (violation !== null) {
        return report(violation, at);
      }
    }
  }
  const hopeless = graph.withoutEnd();
  return report(hopeless === -1 ? null : 'they go round in circles for ever', hopeless);
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

/** The way from an initial state, by making each move again. */
const traceTo = async (model: Model, seen: States, index: number): Promise<string[]> => {
  const parent = seen.parent(index);
  if (parent === -1) {
    return [legible([...model.worlds.at(seen.at(index).world).disk.keys()].join(' '))];
  }
  const moves = await model.moves(seen.at(parent));
  const move = moves.find(({ to }) => seen.add(to, -1) === index);
  return [...(await traceTo(model, seen, parent)), move === undefined ? '?' : describe(move)];
};

/** Which state leads to which. */
class Graph {
  /** For each state in order, where its moves begin. */
  readonly #first: number[] = [];
  readonly #to: number[] = [];

  get size(): number {
    return this.#to.length;
  }

  add(state: number): void {
    this.#first[state] = this.#to.length;
  }

  addMove(to: number): void {
    this.#to.push(to);
  }

  /** A state from which no end can be reached any more; -1 if there is none. */
  withoutEnd(): number {
    const ends = new Uint8Array(this.#first.length);
    for (let changed = true; changed; ) {
      changed = false;
      // Most moves lead to later states, so that one pass backwards settles nearly all.
      for (let state = ends.length - 1; state >= 0; state -= 1) {
        if (ends[state] === 0 && this.#leadsToEnd(state, ends)) {
          ends[state] = 1;
          changed = true;
        }
      }
    }
    return ends.indexOf(0);
  }

  #leadsToEnd(state: number, ends: Uint8Array): boolean {
    const first = this.#first[state] as number;
    const last = this.#first[state + 1] ?? this.#to.length;
    for (let move = first; move < last; move += 1) {
      if (ends[this.#to[move] as number] === 1) {
        return true;
      }
    }
    return first === last;
  }
}
