import { join } from 'node:path';
import { errnoOf } from '../../src/errors.ts';
import { type Acquisition, tryAcquire } from '../../src/lock/acquire.ts';
import { Lease } from '../../src/lock/lease.ts';
import { type LeaseName, parseLeaseName } from '../../src/lock/lease-name.ts';
import type { LockPlace } from '../../src/lock/place.ts';
import { type Remains, removeRemains } from '../../src/lock/remains.ts';
import { memoryFileSystem, type Perform, type Step } from './memory-fs.ts';

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
    case 'inherit':
      return inherit(state, contest);
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
      return state.after === 'done' ? DONE : { ...fresh(state), phase: 'ask' };
    case 'done':
      return state;
  }
};

export interface Contender {
  readonly phase: Phase;
  /** Which process this is. */
  readonly id: number;
  /** The generation that this process finds expired, and how many more it will. */
  readonly expired: number;
  readonly rounds: number;
  /** How often it has held the lock: each holding has a name of its own. */
  readonly holdings: number;
  /** Its holdings that were lost past the gate. */
  readonly lost: readonly LeaseName[];
  /** What came of a refresh token that was spent, while it is not saved yet. */
  readonly kept: { readonly next: Stored; readonly spent: string; readonly nth: number } | null;
  /** The record that this holding is about, and how often its refresh token was sent by others. */
  readonly record: Stored | null;
  readonly deaths: number;
  /** What comes after the release. */
  readonly after: 'ask' | 'done';
  /** Why it ends without a fresh token. */
  readonly outcome: 'in flight' | 'spent twice' | null;
}

export type Phase =
  | 'ask'
  | 'acquire'
  | 'inherit'
  | 'reserve'
  | 'gate'
  | 'post'
  | 'write'
  | 'commit'
  | 'release'
  | 'done';

/** A record, as far as the lock is concerned. */
export interface Stored {
  readonly generation: number;
  readonly token: string;
  readonly parent: string;
  readonly dead: boolean;
}

/** Steps besides those of the disk. */
export type LockStep =
  | Step
  | { readonly op: 'judge'; readonly owner: number; readonly gated: boolean }
  | { readonly op: 'post'; readonly token: string; readonly sender: number };

export type PerformLockStep = (step: LockStep) => ReturnType<Perform>;

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

export const DIRECTORY = '/data';
export const LOCK = `${DIRECTORY}/x.lock`;
export const RECORD = `${DIRECTORY}/x.json`;

export const newContender = (id: number, expired: number, rounds: number): Contender => ({
  phase: 'ask',
  id,
  expired,
  rounds,
  holdings: 0,
  lost: [],
  kept: null,
  record: null,
  deaths: 0,
  after: 'done',
  outcome: null,
});

/** All processes that have ended are alike. */
const DONE: Contender = { ...newContender(-1, 0, 0), phase: 'done' };

/** Of process `id`, as its `nth` holding: a real lease name with the process id 1 higher. */
export const nameOf = (id: number, nth: number): LeaseName =>
  `${id + 1}.s.${'0'.repeat(12)}.-.${String(nth).padStart(16, '0')}`;

export const textOf = (stored: Stored): string => JSON.stringify(stored);

/** A complete record, or null. */
export const parseStored = (text: string): Stored | null => {
  try {
    return JSON.parse(text) as Stored;
  } catch {
    return null;
  }
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
      return (await perform({ op: 'judge', owner, gated })) as 'alive' | 'dead';
    },
  };
  const name = nameOf(state.id, state.holdings);
  return { place, name, lease: new Lease(place, name), perform };
};

/** Forgets what belonged to one holding. */
const fresh = (state: Contender): Contender => ({
  ...state,
  record: null,
  deaths: 0,
  after: 'done',
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
        ...fresh(state),
        phase: 'ask',
        rounds: state.rounds - 1,
        expired: state.expired + 1,
        kept: null,
        lost: [],
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
      return { ...state, phase: 'inherit' };
    case 'busy':
      // It left nothing behind, so its name can be used again.
      return { ...state, phase: 'ask', holdings: state.holdings - 1 };
    case 'obstructed':
      throw new Error(`obstructed: ${acquired.what}`);
  }
};

const release = (
  state: Contender,
  after: Contender['after'],
  outcome: Contender['outcome'],
): Contender => ({
  ...fresh(state),
  phase: 'release',
  after,
  outcome,
});

/** What dead holders left: adopt it, heed it, or sweep it. */
const inherit = async (state: Contender, { place, lease }: Contest): Promise<Contender> => {
  const found = (await lease.remains()).filter(({ name }) => !state.lost.includes(name));
  const before = await readRecord(place);
  const adopted = await adopt(place, found, before);
  if (adopted === 'lost') {
    return release(state, 'ask', null);
  }
  const current = adopted ?? before;
  let inFlight = false;
  let deaths = 0;
  for (const remains of found) {
    const sent = remains.spent.filter(({ generation }) => generation === current.generation);
    if (sent.length === 0) {
      await removeRemains(place, remains);
    } else if (remains.owner === 'alive') {
      inFlight = true;
    } else {
      deaths = Math.max(deaths, ...sent.map(({ nth }) => nth));
    }
  }
  const record = await readRecord(place);
  if (state.kept !== null) {
    return record.token === state.kept.spent
      ? { ...state, phase: 'reserve', record }
      : release({ ...state, kept: null }, 'ask', null);
  }
  if (isFresh(state, record)) {
    return release(state, 'ask', null);
  }
  if (inFlight || deaths > 1) {
    return release(state, 'done', inFlight ? 'in flight' : 'spent twice');
  }
  return { ...state, phase: 'reserve', record, deaths };
};

const adopt = async (
  { fs }: LockPlace,
  found: readonly Remains[],
  current: Stored,
): Promise<Stored | 'lost' | null> => {
  for (const { nextPath } of found) {
    const next =
      nextPath === null ? null : parseStored(await fs.readText(nextPath, 4096).catch(() => ''));
    if (
      nextPath !== null &&
      next?.generation === current.generation + 1 &&
      next.parent === current.token
    ) {
      try {
        await fs.rename(nextPath, RECORD);
      } catch (error) {
        if (errnoOf(error) === 'ENOENT') {
          // Another holder, who was told that we are dead, adopted it.
          return 'lost';
        }
        throw error;
      }
      return next;
    }
  }
  return null;
};

const reserve = async (
  state: Contender,
  { lease }: Contest,
  { recommit }: Variant,
): Promise<Contender> => {
  if ((await lease.reserve('reserved')) === 'lost') {
    return release(state, 'ask', null);
  }
  return { ...state, phase: state.kept !== null && recommit === 'ungated' ? 'write' : 'gate' };
};

const gate = async (state: Contender, { lease }: Contest): Promise<Contender> => {
  const { record, kept, deaths } = state;
  const generation = record?.generation ?? 0;
  if ((await lease.gate(generation, kept?.nth ?? deaths + 1)) === 'lost') {
    return release(state, 'ask', null);
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
  (await lease.commit(RECORD)) === 'lost'
    ? lose(state)
    : release({ ...state, kept: null }, 'ask', null);

/** The lease is gone, the result is not: acquire again, and save it if it still fits. */
const lose = (state: Contender): Contender =>
  release({ ...state, lost: [...state.lost, nameOf(state.id, state.holdings)] }, 'ask', null);

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

/** Where a holder keeps things, for the initial states. */
export const inLease = (name: LeaseName, file: string): string => join(LOCK, name, file);
