import { errnoOf } from '../../src/errors.ts';
import { type Acquisition, tryAcquire } from '../../src/lock/acquire.ts';
import { Lease } from '../../src/lock/lease.ts';
import { type LeaseName, parseLeaseName } from '../../src/lock/lease-name.ts';
import type { LockPlace } from '../../src/lock/place.ts';
import { removeRemains } from '../../src/lock/remains.ts';
import {
  type Contender,
  DONE,
  LOCK,
  nameOf,
  newContender,
  type PerformLockStep,
  parseStored,
  RECORD,
  type Stored,
  textOf,
} from './lock-terms.ts';
import { memoryFileSystem } from './memory-fs.ts';

/**
 * What one process does to get a fresh token: the story of `src/token-manager.ts` and the roll
 * forward of `src/store/file-lease.ts` in their smallest form, around the real lock.
 *
 * It is cut into phases. A phase depends on nothing but the state it starts with and what it
 * observes, so two processes in equal states are interchangeable, however they came there.
 */
export const runPhase = async (
  state: Contender,
  perform: PerformLockStep,
  variant: Variant,
): Promise<Contender> => {
  const contest = contestOf(state, perform);
  switch (state.phase) {
    case 'ask':
      return ask(state, contest);
    case 'acquire':
      return acquire(state, contest, variant);
    case 'look':
      return look(state, contest);
    case 'adopt':
      return adopt(state, contest);
    case 'sweep':
      return sweep(state, contest);
    case 'consider':
      return consider(state, contest);
    case 'reserve':
      return reserve(state, contest, variant);
    case 'gate':
      return gate(state, contest);
    case 'post':
      return post(state, contest);
    case 'write':
      return write(state, contest);
    case 'commit':
      return commit(state, contest);
    case 'release':
      await variant.release(contest.lease, contest.place);
      return state.after === 'ask' ? fresh(state) : DONE;
    case 'done':
      return state;
  }
};

/** The parts that a test replaces to see whether the exploration notices. */
export interface Variant {
  readonly acquire: (
    place: LockPlace,
    name: LeaseName,
    perform: PerformLockStep,
  ) => Promise<Acquisition>;
  readonly release: (lease: Lease, place: LockPlace) => Promise<void>;
  /** Whether a result that is saved under a second lease passes that lease's gate first. */
  readonly recommit: 'gated' | 'ungated';
}

/** The lock as it is. */
export const REAL: Variant = {
  acquire: (place, name) => tryAcquire(place, name, 'owner'),
  release: (lease) => lease.release(),
  recommit: 'gated',
};

interface Contest {
  readonly place: LockPlace;
  readonly name: LeaseName;
  readonly lease: Lease;
  readonly perform: PerformLockStep;
}

const contestOf = (state: Contender, perform: PerformLockStep): Contest => {
  const place: LockPlace = {
    fs: memoryFileSystem(perform),
    lockPath: LOCK,
    judge: async (name, gated) => {
      const owner = (parseLeaseName(name)?.pid ?? 0) - 1;
      const ofHolder = state.phase === 'acquire';
      return (await perform({ op: 'judge', name, owner, gated, ofHolder })) as 'alive' | 'dead';
    },
  };
  const name = nameOf(state.id, state.holdings);
  return { place, name, lease: new Lease(place, name), perform };
};

/** Forgets what belonged to one holding. */
const fresh = (state: Contender): Contender => ({
  ...newContender(state.id, state.expired, state.rounds),
  holdings: state.holdings,
  lost: state.lost,
  kept: state.kept,
});

const ask = async (state: Contender, { place }: Contest): Promise<Contender> => {
  const record = await readRecord(place);
  if (state.kept === null ? isFresh(state, record) : record.token !== state.kept.spent) {
    return nextRound(state, record);
  }
  return { ...state, phase: 'acquire', holdings: state.holdings + 1 };
};

const isFresh = (state: Contender, record: Stored): boolean =>
  record.dead || record.generation > state.expired;

const nextRound = (state: Contender, record: Stored): Contender =>
  state.rounds > 1 && !record.dead
    ? {
        ...newContender(state.id, state.expired + 1, state.rounds - 1),
        holdings: state.holdings,
      }
    : DONE;

const acquire = async (
  state: Contender,
  { place, name, perform }: Contest,
  variant: Variant,
): Promise<Contender> => {
  const acquired = await variant.acquire(place, name, perform);
  switch (acquired.kind) {
    case 'held':
      return { ...state, phase: 'look' };
    case 'busy':
      // It left nothing behind, so its name can be used again.
      return { ...state, phase: 'ask', holdings: state.holdings - 1 };
    case 'obstructed':
      throw new Error(`obstructed: ${acquired.what}`);
  }
};

const release = (state: Contender, after: Contender['after']): Contender => ({
  ...fresh(state),
  phase: 'release',
  after,
});

/** What did dead holders leave? */
const look = async (state: Contender, { lease }: Contest): Promise<Contender> => {
  const found = (await lease.remains()).filter(({ name }) => !state.lost.includes(name));
  return { ...state, phase: 'adopt', found };
};

/** A complete successor of the record becomes the record. */
const adopt = async (state: Contender, { place }: Contest): Promise<Contender> => {
  const { fs } = place;
  const before = await readRecord(place);
  for (const { nextPath } of state.found) {
    const next =
      nextPath === null ? null : parseStored(await fs.readText(nextPath, 4096).catch(() => ''));
    if (
      nextPath !== null &&
      next?.generation === before.generation + 1 &&
      next.parent === before.token
    ) {
      try {
        await fs.rename(nextPath, RECORD);
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') {
          // Another holder, who was told that we are dead, adopted it.
          return release(state, 'ask');
        }
        throw error;
      }
      return { ...state, phase: 'sweep', record: next };
    }
  }
  return { ...state, phase: 'sweep', record: before };
};

/** Heeds what is left, or removes it, one after the other. */
const sweep = async (state: Contender, { place }: Contest): Promise<Contender> => {
  const [remains, ...found] = state.found;
  if (remains === undefined) {
    return { ...state, phase: 'consider', record: null };
  }
  const sent = remains.spent.filter(({ generation }) => generation === state.record?.generation);
  if (sent.length === 0) {
    await removeRemains(place, remains);
  } else if (remains.owner === 'alive') {
    return { ...state, found, inFlight: true };
  }
  return { ...state, found, deaths: Math.max(state.deaths, ...sent.map(({ nth }) => nth)) };
};

const consider = async (state: Contender, { place }: Contest): Promise<Contender> => {
  const record = await readRecord(place);
  if (state.kept !== null) {
    return record.token === state.kept.spent
      ? { ...state, phase: 'reserve', record, inFlight: false, deaths: 0 }
      : release({ ...state, kept: null }, 'ask');
  }
  if (isFresh(state, record)) {
    return release(state, 'ask');
  }
  if (state.inFlight || state.deaths > 1) {
    return release(state, state.inFlight ? 'in flight' : 'spent twice');
  }
  return { ...state, phase: 'reserve', record };
};

const reserve = async (
  state: Contender,
  { lease }: Contest,
  { recommit }: Variant,
): Promise<Contender> => {
  if ((await lease.reserve('reserved')) === 'lost') {
    return release(state, 'ask');
  }
  return { ...state, phase: state.kept !== null && recommit === 'ungated' ? 'write' : 'gate' };
};

const gate = async (state: Contender, { lease }: Contest): Promise<Contender> => {
  const { record, kept, deaths } = state;
  const generation = record?.generation ?? 0;
  if ((await lease.gate(generation, kept?.nth ?? deaths + 1)) === 'lost') {
    return release(state, 'ask');
  }
  // What was paid for is only to be saved.
  return { ...state, phase: kept === null ? 'post' : 'write' };
};

const post = async (state: Contender, { perform }: Contest): Promise<Contender> => {
  const record = current(state);
  const token = await perform({ op: 'post', token: record.token, sender: state.id });
  const next =
    token === null
      ? { ...record, dead: true }
      : {
          generation: record.generation + 1,
          token: String(token),
          parent: record.token,
          dead: false,
        };
  return { ...state, phase: 'write', kept: { next, spent: record.token, nth: state.deaths + 1 } };
};

const write = async (state: Contender, { lease }: Contest): Promise<Contender> =>
  (await lease.write(textOf(paidFor(state)))) === 'lost'
    ? lose(state)
    : { ...state, phase: 'commit' };

const commit = async (state: Contender, { lease }: Contest): Promise<Contender> =>
  (await lease.commit(RECORD)) === 'lost' ? lose(state) : release({ ...state, kept: null }, 'ask');

/** The lease is gone, the result is not: acquire again, and save it if it still fits. */
const lose = (state: Contender): Contender =>
  release({ ...state, lost: [...state.lost, nameOf(state.id, state.holdings)] }, 'ask');

const current = ({ record }: Contender): Stored => {
  if (record === null) {
    throw new Error('no record in this phase');
  }
  return record;
};

const paidFor = ({ kept }: Contender): Stored => {
  if (kept === null) {
    throw new Error('nothing was paid for in this phase');
  }
  return kept.next;
};

const readRecord = async ({ fs }: LockPlace): Promise<Stored> => {
  const record = parseStored(await fs.readText(RECORD, 4096));
  if (record === null) {
    throw new Error('the record is torn');
  }
  return record;
};
