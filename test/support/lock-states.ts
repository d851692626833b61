import { Numbers } from './lock-interned.ts';
import type { State } from './lock-model.ts';

/** All states so far, in the order they were found; each takes a few bytes, for there are millions. */
export class States {
  /** The nodes of all processes: each sequence is a shorter one and one more node. */
  readonly #positions = new Numbers();
  readonly #states = new Numbers();
  readonly #parents: number[] = [];

  constructor() {
    this.#positions.add(0);
  }

  get size(): number {
    return this.#states.size;
  }

  /** Its index: equal to the former `size` if it is new. `parent`: the state it was reached from, or -1. */
  add({ world, nodes, falseDeathsLeft }: State, parent: number): number {
    let position = 0;
    for (const node of nodes) {
      position = this.#positions.add(position * NODES + node + 1);
    }
    if (position >= POSITIONS || world >= WORLDS || falseDeathsLeft >= FALSE_DEATHS) {
      throw new Error('too many states for their packed form');
    }
    const index = this.#states.add((world * POSITIONS + position) * FALSE_DEATHS + falseDeathsLeft);
    if (index === this.#parents.length) {
      this.#parents.push(parent);
    }
    return index;
  }

  at(index: number): State {
    const state = this.#states.at(index);
    const worldAndPosition = Math.floor(state / FALSE_DEATHS);
    const nodes: number[] = [];
    let position = worldAndPosition % POSITIONS;
    while (position !== 0) {
      const longer = this.#positions.at(position);
      nodes.unshift((longer % NODES) - 1);
      position = Math.floor(longer / NODES);
    }
    return {
      world: Math.floor(worldAndPosition / POSITIONS),
      nodes,
      falseDeathsLeft: state % FALSE_DEATHS,
    };
  }

  parent(index: number): number {
    return this.#parents[index] as number;
  }
}

/** What is packed together stays below 2^53. */
const NODES = 2 ** 22;
const POSITIONS = 2 ** 29;
const WORLDS = 2 ** 22;
const FALSE_DEATHS = 4;
