import {
  type Contender,
  type LockStep,
  newContender,
  type PerformLockStep,
  runPhase,
  type Variant,
} from './lock-contender.ts';
import { Interned } from './lock-interned.ts';
import type { Result } from './lock-world.ts';
import { systemError } from './memory-fs.ts';

/** Where a process stands: the phase it is in and what it has observed in it, hence the step it waits for. */
export interface Node {
  readonly id: number;
  readonly state: Contender;
  readonly observed: readonly Result[];
  /** What it does next; null when it is done. */
  readonly step: LockStep | null;
  readonly stepId: number;
  /** The code threw: a bug, unless shown otherwise. */
  readonly failure: string | null;
}

/**
 * The real code as an automaton. Code that is given the same answers does the same things, so each
 * reaction is computed once, by running the code from the start of its phase, and remembered.
 */
export class Automaton {
  readonly nodes: Node[] = [];
  readonly steps = new Interned<LockStep>();
  readonly results = new Interned<Result>();
  readonly #starts = new Map<string, number>();
  readonly #reactions = new Map<number, number>();
  readonly #variant: Variant;

  constructor(variant: Variant) {
    this.#variant = variant;
    this.nodes.push(NOBODY);
  }

  async start(state: Contender): Promise<number> {
    const key = JSON.stringify(state);
    return this.#starts.get(key) ?? this.#add(state, [], key);
  }

  /** The node after `node` was given a result; undefined if that has not been computed yet. */
  known(node: number, result: number): number | undefined {
    return this.#reactions.get(node * 2 ** 24 + result);
  }

  async react(node: number, result: number): Promise<number> {
    const { state, observed } = this.at(node);
    const next = await this.#add(state, [...observed, this.results.at(result)], null);
    this.#reactions.set(node * 2 ** 24 + result, next);
    return next;
  }

  at(node: number): Node {
    return this.nodes[node] as Node;
  }

  async #add(state: Contender, observed: readonly Result[], start: string | null): Promise<number> {
    const reaction = await reactionOf(state, observed, this.#variant);
    if ('next' in reaction && reaction.next.phase !== 'done') {
      return this.start(reaction.next);
    }
    const ended = 'next' in reaction;
    if (ended && start === null) {
      return this.start(reaction.next);
    }
    const id = this.nodes.length;
    const step = 'step' in reaction ? reaction.step : null;
    this.nodes.push({
      id,
      state: ended ? reaction.next : state,
      observed,
      step,
      stepId: step === null ? -1 : this.steps.idOf(JSON.stringify(step), step),
      failure: 'failure' in reaction ? reaction.failure : null,
    });
    if (start !== null) {
      this.#starts.set(start, id);
    }
    return id;
  }
}

/** Number 0: a process that died. */
const NOBODY: Node = {
  id: 0,
  state: newContender(-1, 0, 0),
  observed: [],
  step: null,
  stepId: -1,
  failure: null,
};

type Reaction =
  | { readonly next: Contender }
  | { readonly step: LockStep }
  | { readonly failure: string };

/** Runs a phase with scripted answers, until it wants one more than there are or ends. */
const reactionOf = (
  state: Contender,
  observed: readonly Result[],
  variant: Variant,
): Promise<Reaction> =>
  new Promise((resolve) => {
    let at = 0;
    const perform: PerformLockStep = async (step) => {
      const result = observed[at];
      at += 1;
      if (result === undefined) {
        resolve({ step });
        return new Promise(() => {});
      }
      if ('errno' in result) {
        throw systemError(result.errno);
      }
      return result.given;
    };
    runPhase(state, perform, variant).then(
      (next) => resolve({ next }),
      (error: unknown) => resolve({ failure: String(error) }),
    );
  });
