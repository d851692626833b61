import { Automaton } from './lock-automaton.ts';
import { type LockStep, REAL, type Variant } from './lock-contender.ts';
import { Interned } from './lock-interned.ts';
import { changesOf, DEAD, keyOf, type Result, type World } from './lock-world.ts';
import type { Semantics } from './memory-fs.ts';

export interface Bounds {
  readonly initial: readonly World[];
  readonly contenders: number;
  /** How often each of them finds its token expired. */
  readonly rounds?: number;
  /** How many of them may die, between any two steps. */
  readonly crashes?: number;
  /** How often a living process may be taken for dead because it is silent; a holder only before the gate. */
  readonly falseDeaths?: number;
  /** … and past the gate, which the lock must never allow. */
  readonly evictPastGate?: boolean;
  readonly semantics?: Semantics;
  readonly variant?: Variant;
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

/** In the place of a process that died. */
export const CRASHED = 0;

interface Effect {
  readonly world: number;
  readonly result: number;
  readonly violation: string | null;
}

/** Which moves there are. Effects on the world and reactions of the code are computed once each. */
export class Model {
  readonly bounds: Required<Bounds>;
  readonly code: Automaton;
  readonly worlds = new Interned<World>();
  readonly #effects = new Map<number, readonly Effect[]>();

  constructor(bounds: Bounds) {
    this.bounds = {
      rounds: 1,
      crashes: 0,
      falseDeaths: 0,
      evictPastGate: false,
      semantics: 'posix',
      variant: REAL,
      ...bounds,
    };
    this.code = new Automaton(this.bounds.variant);
  }

  worldId(world: World): number {
    return this.worlds.idOf(keyOf(world), world);
  }

  async moves(state: State): Promise<Move[]> {
    const moves: Move[] = [];
    const crashed = state.nodes.filter((node) => node === CRASHED).length;
    for (let process = 0; process < state.nodes.length; process += 1) {
      const node = state.nodes[process] as number;
      const { step } = this.code.at(node);
      if (node === CRASHED || step === null) {
        continue;
      }
      moves.push(...(await this.steps(state, process)));
      if (crashed < this.bounds.crashes && this.#ownsSomething(node)) {
        moves.push({
          process,
          what: 'crash',
          result: null,
          to: { ...state, nodes: state.nodes.with(process, CRASHED) },
          violation: null,
        });
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
    for (const { world, result, violation, falseDeath } of this.#outcomes(state, step, stepId)) {
      const next = this.code.known(node, result) ?? (await this.code.react(node, result));
      const { failure } = this.code.at(next);
      moves.push({
        process,
        what: step,
        result: this.code.results.at(result),
        to: {
          world,
          nodes: state.nodes.with(process, next),
          falseDeathsLeft: state.falseDeathsLeft - (falseDeath ? 1 : 0),
        },
        violation: violation ?? failure,
      });
    }
    return moves;
  }

  #outcomes(
    state: State,
    step: LockStep,
    stepId: number,
  ): readonly (Effect & { readonly falseDeath?: boolean })[] {
    if (step.op === 'judge') {
      const alive = step.owner !== DEAD && state.nodes[step.owner] !== CRASHED;
      const verdict = { world: state.world, result: this.#result(alive ? 'alive' : 'dead') };
      const mayErr =
        alive && state.falseDeathsLeft > 0 && (!step.gated || this.bounds.evictPastGate);
      const outcomes = [{ ...verdict, violation: null }];
      return mayErr
        ? [
            ...outcomes,
            { ...verdict, result: this.#result('dead'), violation: null, falseDeath: true },
          ]
        : outcomes;
    }
    const key = state.world * 2 ** 20 + stepId;
    let effects = this.#effects.get(key);
    if (effects === undefined) {
      effects = changesOf(this.worlds.at(state.world), step, this.bounds.semantics).map(
        ({ world, result, violation }) => ({
          world: this.worldId(world),
          result: this.code.results.idOf(JSON.stringify(result), result),
          violation,
        }),
      );
      this.#effects.set(key, effects);
    }
    return step.op === 'post'
      ? effects.map((effect) => ({
          ...effect,
          violation: effect.violation ?? this.#badSending(state, step.token),
        }))
      : effects;
  }

  #result(given: string): number {
    return this.code.results.idOf(given, { given });
  }

  /** A refresh token may go out a second time if its sender is dead, and a third time never. */
  #badSending({ world, nodes }: State, token: string): string | null {
    const before = this.worlds.at(world).senders;
    if (before.some((sender) => sender !== DEAD && nodes[sender] !== CRASHED)) {
      return `${token} was sent again while its first sender lives`;
    }
    return before.length > 1 ? `${token} was sent ${before.length + 1} times` : null;
  }

  /** Before it has touched anything, a process that dies is one that is never scheduled. */
  #ownsSomething(node: number): boolean {
    const { state } = this.code.at(node);
    return state.phase !== 'ask' || state.lost.length > 0;
  }
}
