import { join } from 'node:path';
import type { LeaseName } from '../../src/lock/lease-name.ts';
import type { Remains } from '../../src/lock/remains.ts';
import type { Perform, Step } from './memory-fs.ts';

/** Where a contender stands between two of its phases, and all it knows then. */
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
  /** What dead holders left, as far as it has not been dealt with. */
  readonly found: readonly Remains[];
  /** A living process that lost its lease may still get an answer for this refresh token. */
  readonly inFlight: boolean;
  /** After the release: look again, or end without a fresh token. */
  readonly after: 'ask' | 'in flight' | 'spent twice';
}

export type Phase =
  | 'ask'
  | 'acquire'
  | 'look'
  | 'adopt'
  | 'sweep'
  | 'consider'
  | 'reserve'
  | 'gate'
  | 'post'
  | 'write'
  | 'commit'
  | 'release'
  | 'done';

/** A process in these phases believes that it holds the lock; one in the last three is past the gate. */
export const PAST_THE_GATE: ReadonlySet<Phase> = new Set(['post', 'write', 'commit'] as const);
export const HOLDING: ReadonlySet<Phase> = new Set<Phase>([
  ...(['look', 'adopt', 'sweep', 'consider', 'reserve', 'gate'] as const),
  ...PAST_THE_GATE,
]);

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
  | {
      readonly op: 'judge';
      readonly name: LeaseName;
      readonly owner: number;
      readonly gated: boolean;
      /** Of whoever holds the lock, and not of one that prepares to, or held it once. */
      readonly ofHolder: boolean;
    }
  | { readonly op: 'post'; readonly token: string; readonly sender: number };

export type PerformLockStep = (step: LockStep) => ReturnType<Perform>;

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
  found: [],
  inFlight: false,
  after: 'ask',
});

/** All processes that have ended are alike. */
export const DONE: Contender = { ...newContender(-1, 0, 0), phase: 'done' };

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

/** Where a holder keeps things, for the initial states. */
export const inLease = (name: LeaseName, file: string): string => join(LOCK, name, file);
