import { CRASHED, type Node } from './lock-automaton.ts';
import type { Model, State } from './lock-model.ts';
import { type Contender, DIRECTORY, HOLDING, LOCK, type LockStep, nameOf } from './lock-terms.ts';

/**
 * Partial-order reduction: sometimes nobody else needs to be given a turn before a process takes
 * its next step, because whatever others do commutes with it. (It may still die before it.)
 *
 * A private step that changes nothing is taken at once. A run of private changes is begun when the
 * process pleases, and once begun it is finished (or cut short by death) before anybody else moves.
 * That loses nothing: what others can see of the run (a prepared lease in a listing, a holder's
 * files in a listing of its lease) they ignore if its owner lives; and if it dies in the middle,
 * they see the same as if it had died before they looked.
 *
 * - A lease that is being prepared beside the lock is touched by nobody but its owner.
 * - A file that is reserved or half overwritten is not a record, whoever reads it.
 * - When the living are taken for dead no more, what is in a holder's lease makes no difference to
 *   others.
 * - When besides the process holds the lock, and no other believes that it does, nobody else touches
 *   its lease, what dead holders left, or the record.
 */
export class Reduction {
  readonly #model: Model;
  readonly #leases: (string | null | undefined)[] = [];
  readonly #goingAlone: Record<Calm, (boolean | undefined)[]> = {
    none: [],
    'no false deaths': [],
    'sole holder': [],
  };

  constructor(model: Model) {
    this.#model = model;
  }

  /** The process that may go first without loss; -1 if there is none. */
  alone(state: State): number {
    const others = state.falseDeathsLeft === 0 ? 'no false deaths' : 'none';
    const holder = this.#holderInCalm(state);
    return state.nodes.findIndex((node, process) =>
      this.#goesAlone(node, process === holder ? 'sole holder' : others),
    );
  }

  /** The one process that holds the lock, if it cannot lose it and nobody else believes to hold it. */
  #holderInCalm({ nodes, world, falseDeathsLeft }: State): number {
    if (falseDeathsLeft > 0 || nodes.some((node) => this.#isAboutToEvictLiving(node, nodes))) {
      return -1;
    }
    const holders = [...nodes.keys()].filter(
      (process) => this.#leaseOf(nodes[process] as number) !== null,
    );
    const [holder] = holders;
    const lease = holder === undefined ? null : this.#leaseOf(nodes[holder] as number);
    const isSole = holders.length === 1 && lease !== null && holder !== undefined;
    return isSole && this.#model.worlds.at(world).disk.has(lease) ? holder : -1;
  }

  #isAboutToEvictLiving(node: number, nodes: readonly number[]): boolean {
    const { step } = this.#model.code.at(node);
    const [, pid] = (step?.op === 'rename' && LEASE_IN_LOCK.exec(step.from)) || [];
    const owner = Number(pid) - 1;
    return pid !== undefined && nodes[owner] !== undefined && nodes[owner] !== CRASHED;
  }

  /** The lease that a process believes to hold; null if it does not. */
  #leaseOf(node: number): string | null {
    let lease = this.#leases[node];
    if (lease === undefined) {
      const { phase, id, holdings } = this.#model.code.at(node).state;
      const holds = node !== CRASHED && (HOLDING.has(phase) || phase === 'release');
      lease = holds ? `${LOCK}/${nameOf(id, holdings)}` : null;
      this.#leases[node] = lease;
    }
    return lease;
  }

  #goesAlone(node: number, calm: Calm): boolean {
    const known = this.#goingAlone[calm];
    let alone = known[node];
    if (alone === undefined) {
      alone = goesAlone(this.#model.code.at(node), calm);
      known[node] = alone;
    }
    return alone;
  }
}

/** How little a process has to fear from the others, from now on until it moves. */
type Calm = 'none' | 'no false deaths' | 'sole holder';

const LEASE_IN_LOCK = new RegExp(`^${LOCK}/(\\d)`);

const goesAlone = ({ state, step, pasts }: Node, calm: Calm): boolean => {
  if (step === null || !isPrivate(state, step, calm)) {
    return false;
  }
  if (!mayChange(step)) {
    return true;
  }
  const past = pasts[0] ?? [];
  const runBegins = past.findLastIndex((before) => !isPrivate(state, before.step, calm)) + 1;
  return (
    past.slice(runBegins).some((before) => mayChange(before.step) && 'given' in before.result) ||
    // The phase before this one ends with a private change.
    (calm === 'sole holder' && state.phase === 'gate' && past.length === 0)
  );
};

/** A process that dies before it reads something might as well have died afterwards. */
export const mayChange = ({ op }: LockStep): boolean => !UNCHANGING.has(op);
const UNCHANGING: ReadonlySet<LockStep['op']> = new Set([
  'readdir',
  'read',
  'mtime',
  'open',
  'judge',
] as const);

const isPrivate = (state: Contender, step: LockStep, calm: Calm): boolean => {
  const path = 'path' in step ? step.path : 'file' in step ? step.file : '';
  if (path.startsWith(`${LOCK}.${nameOf(state.id, state.holdings)}.new`)) {
    return true;
  }
  if (step.op === 'put' && (state.phase === 'reserve' || !step.close)) {
    return true;
  }
  switch (state.phase) {
    case 'acquire':
      return calm !== 'none' && step.op === 'readdir' && path.startsWith(`${LOCK}/`);
    case 'look':
      return calm === 'sole holder' && step.op !== 'judge' && path !== DIRECTORY;
    case 'adopt':
    case 'sweep':
    case 'consider':
    case 'reserve':
    case 'gate':
    case 'write':
      return calm === 'sole holder' && step.op !== 'rename';
    case 'release':
      return calm === 'sole holder' && step.op !== 'rmdir';
    default:
      return false;
  }
};
