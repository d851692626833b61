import { runPhase, type Variant } from './lock-contender.ts';
import { Interned } from './lock-interned.ts';
import { type Contender, type LockStep, newContender, type PerformLockStep } from './lock-terms.ts';
import type { Result } from './lock-world.ts';
import { systemError } from './memory-fs.ts';

/** Where a process stands in its code, hence the step it wants to take. */
export interface Node {
  /** The phase it is in, and what it knew when that began. */
  readonly state: Contender;
  /** What it has done and observed in this phase; all ways that lead here, if they are merged. */
  readonly pasts: Past[];
  /** What it does next; null when it is done, or failed. */
  readonly step: LockStep | null;
  readonly stepId: number;
  /** The code threw. */
  readonly failure: string | null;
}

export type Past = readonly { readonly step: LockStep; readonly result: Result }[];

/** In the place of a process that died. */
export const CRASHED = 0;

/**
 * The real code as an automaton. Code that is given the same answers does the same things, so each
 * reaction is computed once, by running the code from the start of its phase with those answers.
 *
 * Pasts after which the code stands at the same point are merged ({@link pointOf}); that they are
 * alike is checked, by running the code for each of them whenever the point is left.
 */
export class Automaton {
  readonly nodes: Node[] = [];
  readonly results = new Interned<Result>();
  readonly #steps = new Interned<LockStep>();
  readonly #points = new Map<string, number>();
  readonly #reactions = new Map<number, number>();
  readonly #variant: Variant;

  constructor(variant: Variant) {
    this.#variant = variant;
    this.#add(newContender(-1, 0, 0), [], { failure: 'dead' });
  }

  at(node: number): Node {
    return this.nodes[node] as Node;
  }

  resultId(result: Result): number {
    return this.results.idOf(JSON.stringify(result), result);
  }

  async start(state: Contender): Promise<number> {
    const point = JSON.stringify(state);
    return this.#points.get(point) ?? this.#arrive(state, [[]], await this.#run(state, []), point);
  }

  /** The node after `node` was given a result; undefined if that has not been computed yet. */
  known(node: number, result: number): number | undefined {
    return this.#reactions.get(node * MANY + result);
  }

  async react(node: number, result: number): Promise<number> {
    const { state, step, pasts } = this.at(node);
    if (step === null) {
      throw new Error('a process that is done was given a result');
    }
    const longer = pasts.map((past) => [...past, { step, result: this.results.at(result) }]);
    const [reaction, ...others] = await Promise.all(longer.map((past) => this.#run(state, past)));
    if (reaction === undefined || others.some((other) => !alike(other, reaction))) {
      throw new Error(`pasts that are not alike were merged at ${JSON.stringify(step)}`);
    }
    const next = await this.#arrive(state, longer, reaction, null);
    this.#reactions.set(node * MANY + result, next);
    return next;
  }

  async #arrive(
    state: Contender,
    pasts: Past[],
    reaction: Reaction,
    start: string | null,
  ): Promise<number> {
    if ('next' in reaction && reaction.next.phase !== 'done') {
      return this.start(reaction.next);
    }
    const point = start ?? pointOf(state, pasts[0] ?? [], reaction);
    const known = this.#points.get(point);
    if (known !== undefined) {
      await this.#merge(known, pasts);
      return known;
    }
    const node = this.#add(state, pasts, reaction);
    this.#points.set(point, node);
    return node;
  }

  /** Pasts that join others later must react as those did. */
  async #merge(node: number, pasts: readonly Past[]): Promise<void> {
    const { state, step, pasts: others } = this.at(node);
    for (const past of pasts.slice(0, Math.max(0, CHECKED_PASTS - others.length))) {
      others.push(past);
      for (let result = 0; step !== null && result < this.results.size; result += 1) {
        const next = this.known(node, result);
        if (next !== undefined) {
          const longer = [...past, { step, result: this.results.at(result) }];
          const reaction = await this.#run(state, longer);
          if ((await this.#arrive(state, [longer], reaction, null)) !== next) {
            throw new Error(`pasts that are not alike were merged at ${JSON.stringify(step)}`);
          }
        }
      }
    }
  }

  #add(state: Contender, pasts: Past[], reaction: Reaction): number {
    const step = 'step' in reaction ? reaction.step : null;
    return (
      this.nodes.push({
        state: 'next' in reaction ? reaction.next : state,
        pasts,
        step,
        stepId: step === null ? -1 : this.#steps.idOf(JSON.stringify(step), step),
        failure: 'failure' in reaction ? reaction.failure : null,
      }) - 1
    );
  }

  #run(state: Contender, past: Past): Promise<Reaction> {
    return reactionOf(state, past, this.#variant);
  }
}

/** More than there are results. */
const MANY = 2 ** 24;
/** Of the pasts that are merged at one point, so many are checked. */
const CHECKED_PASTS = 10;

type Reaction =
  | { readonly next: Contender }
  | { readonly step: LockStep }
  | { readonly failure: string };

const alike = (a: Reaction, b: Reaction): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Runs a phase with the answers of the past, until it wants one more than there are or ends. */
const reactionOf = (state: Contender, past: Past, variant: Variant): Promise<Reaction> =>
  new Promise((resolve) => {
    let at = 0;
    const perform: PerformLockStep = async (step) => {
      const result = past[at]?.result;
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

/**
 * Names the point in the code that a past leads to. While acquiring, nothing of the past matters
 * but what comes next and whether a lease is prepared; in the other phases all of it may.
 */
const pointOf = (state: Contender, past: Past, reaction: Reaction): string => {
  if (!('step' in reaction)) {
    return JSON.stringify(reaction);
  }
  return state.phase === 'acquire'
    ? JSON.stringify([state, reaction.step, isPrepared(past)])
    : JSON.stringify([state, past.map(({ result }) => result)]);
};

/** Whether a complete lease stands beside the lock, as far as the contender knows. */
const isPrepared = (past: Past): boolean =>
  past.findLastIndex(({ step, result }) => step.op === 'put' && 'given' in result) >
  past.findLastIndex(
    ({ step, result }) =>
      step.op === 'rename' &&
      step.from.endsWith('.new') &&
      'errno' in result &&
      result.errno === 'ENOENT',
  );
