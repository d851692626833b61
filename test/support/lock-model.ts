import { Automaton, CRASHED } from './lock-automaton.ts';
import { REAL, type Variant } from './lock-contender.ts';
import { Interned } from './lock-interned.ts';
import { mayChange, Reduction } from './lock-reduction.ts';
import type { LockStep } from './lock-terms.ts';
import { changesOf, DEAD, keyOf, type Result, type World } from './lock-world.ts';
import type { Semantics } from './memory-fs.ts';

export interface Bounds {
  readonly initial: readonly World[];
  readonly contenders: number;
  /** How often each of them finds its token expired. */
  readonly rounds?: number;
  /** How many of them may die, between any two steps. */
  readonly crashes?: number;
  /** How often a living holder may be taken for dead because it is silent, before the gate. */
  readonly falseDeaths?: number;
  /** … and also one that only prepares to become one. */
  readonly falseSweeps?: boolean;
  /** … and one past the gate, which the lock must never allow. */
  readonly evictPastGate?: boolean;
  readonly semantics?: Semantics;
  readonly variant?: Variant;
  /** Partial-order reduction: see lock-reduction.ts. */
  readonly reduced?: boolean;
}

/** Everything at one instant. Small numbers stand for the world and for the node of each process. */
export interface State {
  readonly world: number;
  readonly nodes: readonly number[];
  readonly falseDeathsLeft: number;
}

/** One process takes one step, or dies. */
export interface Move {
  readonly process: number;
  readonly what: 'crash' | LockStep;
  readonly result: Result | null;
  readonly to: State;
  readonly violation: string | null;
}

interface Outcome {
  readonly world: number;
  readonly result: number;
  readonly violation: string | null;
  readonly falseDeath?: true;
}

/** Which moves there are. Effects on the world and reactions of the code are computed once each. */
export class Model {
  readonly bounds: Required<Bounds>;
  readonly code: Automaton;
  readonly worlds = new Interned<World>();
  readonly #reduction: Reduction;
  readonly #effects = new Map<number, readonly Outcome[]>();

  constructor(bounds: Bounds) {
    this.bounds = {
      rounds: 1,
      crashes: 0,
      falseDeaths: 0,
      falseSweeps: false,
      evictPastGate: false,
      semantics: 'posix',
      variant: REAL,
      reduced: true,
      ...bounds,
    };
    this.code = new Automaton(this.bounds.variant);
    this.#reduction = new Reduction(this);
  }

  worldId(world: World): number {
    return this.worlds.idOf(keyOf(world), world);
  }

  async moves(state: State): Promise<Move[]> {
    const moves: Move[] = [];
    const alone = this.bounds.reduced ? this.#reduction.alone(state) : -1;
    const crashed = state.nodes.filter((node) => node === CRASHED).length;
    for (let process = 0; process < state.nodes.length; process += 1) {
      const node = state.nodes[process] as number;
      if (this.code.at(node).step === null || (alone !== -1 && process !== alone)) {
        continue;
      }
      moves.push(...(await this.steps(state, process)));
      if (crashed < this.bounds.crashes && this.#deathMatters(node)) {
        const to = { ...state, nodes: state.nodes.with(process, CRASHED) };
        moves.push({ process, what: 'crash', result: null, to, violation: null });
      }
    }
    return moves;
  }

  /** What comes of the next step of one process. */
  async steps(state: State, process: number): Promise<Move[]> {
    const node = state.nodes[process] as number;
    const { step, stepId } = this.code.at(node);
    if (step === null) {
      return [];
    }
    const moves: Move[] = [];
    for (const outcome of this.#outcomes(state, step, stepId)) {
      const { world, result, falseDeath } = outcome;
      const next = this.code.known(node, result) ?? (await this.code.react(node, result));
      const violation =
        outcome.violation ??
        (step.op === 'post' ? this.#badSending(state, step.token) : null) ??
        this.code.at(next).failure;
      const falseDeathsLeft = state.falseDeathsLeft - (falseDeath === true ? 1 : 0);
      moves.push({
        process,
        what: step,
        result: this.code.results.at(result),
        to: { world, nodes: state.nodes.with(process, next), falseDeathsLeft },
        violation,
      });
    }
    return moves;
  }

  #outcomes(state: State, step: LockStep, stepId: number): readonly Outcome[] {
    if (step.op === 'judge') {
      return this.#verdicts(state, step);
    }
    const key = state.world * 2 ** 20 + stepId;
    let effects = this.#effects.get(key);
    if (effects === undefined) {
      const changes = changesOf(this.worlds.at(state.world), step, this.bounds.semantics);
      effects = changes.map(({ world, result, violation }) => ({
        world: this.worldId(world),
        result: this.code.resultId(result),
        violation,
      }));
      this.#effects.set(key, effects);
    }
    return effects;
  }

  #verdicts(
    { world, nodes, falseDeathsLeft }: State,
    { owner, gated, ofHolder }: Extract<LockStep, { op: 'judge' }>,
  ): Outcome[] {
    const { falseSweeps, evictPastGate } = this.bounds;
    const dead: Outcome = { world, result: this.code.resultId({ given: 'dead' }), violation: null };
    if (owner === DEAD || nodes[owner] === CRASHED) {
      return [dead];
    }
    const alive = { ...dead, result: this.code.resultId({ given: 'alive' }) };
    const mayErr = falseDeathsLeft > 0 && (ofHolder || falseSweeps) && (!gated || evictPastGate);
    return mayErr ? [alive, { ...dead, falseDeath: true }] : [alive];
  }

  /** A refresh token may go out a second time if its sender is dead, and a third time never. */
  #badSending({ world, nodes }: State, token: string): string | null {
    const before = this.worlds.at(world).senders;
    if (before.some((sender) => sender !== DEAD && nodes[sender] !== CRASHED)) {
      return `${token} was sent again while its first sender lives`;
    }
    return before.length > 1 ? `${token} was sent ${before.length + 1} times` : null;
  }

  /** Elsewhere a process might as well die a little later. */
  #deathMatters(node: number): boolean {
    const { state, step } = this.code.at(node);
    return (step !== null && mayChange(step)) || (state.phase === 'ask' && state.lost.length > 0);
  }
}
