import type { Audit } from '../audit/audit.ts';
import type { Credential } from '../credential.ts';
import type { Place } from '../kept.ts';
import type { Judge } from '../lock/judge.ts';
import type { LeaseStep } from '../lock/lease.ts';
import type { LeaseName } from '../lock/lease-name.ts';
import type { KeptFault } from './kept-fault.ts';

/**
 * Where one login's record is kept, and the lock that is the only way to change it.
 *
 * Implementations: `file.ts` (the default; any number of processes) and `memory.ts` (one process).
 */
export interface Store {
  /** The login this store holds; for messages. */
  readonly login: string;
  /** The record and what had to be mended to read it; null if there is none. */
  read(): Promise<Stored | null>;
  /** Tries to become the only one who may refresh or change the record. Never waits. */
  tryLease(judge: Judge): Promise<LeaseAttempt>;
  /**
   * Tries to become the only one who signs in under this name, which keeps nobody from renewing what
   * is still held. Never waits. Absent where no other process can.
   */
  tryLoginLock?(judge: Judge): Promise<LoginLockAttempt>;
  /** The names of all logins kept beside this one. */
  list(): Promise<string[]>;
  /** Why the record's refresh token may be another's to spend (a copy, a restored backup); null if it is ours. */
  whyForeign(record: Credential): Promise<string | null>;
  /** Where this store's refreshes and failures are put down, if anywhere. */
  readonly audit?: Audit | undefined;
}

export interface Stored {
  readonly record: Credential;
  /** One line each, safe to print. */
  readonly warnings: readonly string[];
}

export type LeaseAttempt =
  | { readonly kind: 'held'; readonly lease: StoreLease }
  | { readonly kind: 'busy'; readonly holder: LeaseName };

export type LoginLockAttempt =
  | { readonly kind: 'held'; readonly release: () => Promise<void> }
  | { readonly kind: 'busy'; readonly holder: LeaseName };

/** One holding of a login's lock. `lost`: it was taken from us, and the step did not happen. */
export interface StoreLease {
  readonly name: LeaseName;
  /** Leases of dead holders that had to be moved aside first. */
  readonly evicted: readonly LeaseName[];
  /** Adopts what a dead holder completed, and tells what became of the refresh token. Call it first. */
  inherit(own: ReadonlySet<LeaseName>): Promise<Inheritance>;
  read(): Promise<Stored | null>;
  /** Proves that a successor of `previous` can be saved, by putting a file for it on the disk. */
  reserve(previous: Credential | null): Promise<LeaseStep>;
  /** Passed right before the refresh token of `generation` is sent for the `nth` time. */
  gate(generation: number, nth: number): Promise<LeaseStep>;
  /** Takes that back: the request did not go out, or was answered without a rotation. */
  ungate(generation: number, nth: number): Promise<void>;
  /**
   * The record with the secrets that are kept apart from it, and the proof that their successors can be
   * kept there. Of a higher generation: a holder that died had put those there already.
   */
  open(record: Credential, limitMs: number): Promise<Opened>;
  /** Puts the secrets of an opened record apart; to be followed by a write. `slot`: see {@link newSlot}. */
  stow(record: Credential, place: Place, slot: string | null, limitMs: number): Promise<Opened>;
  /** A name for a place in the keychain that nobody has yet. */
  newSlot(): string;
  /** The slots that are this record's to empty; those that a copy names belong to where it came from. */
  ownSlots(record: Credential): Promise<readonly string[]>;
  /** Removes what is in the keychain under this name; why not, if that cannot be. */
  emptySlot(slot: string, limitMs: number): Promise<KeptFault | null>;
  /** The secrets of this generation are safe apart from the record, whatever becomes of it. */
  hasStowed(generation: number): boolean;
  /** Other access tokens of the record's grant (`extra-tokens.ts`), each in a record like it. */
  others(record: Credential): Promise<readonly Credential[]>;
  /** What a person should know of what was kept, one line each. */
  warnings(): readonly string[];
  /** Makes the next record durable, without making it the record yet. */
  write(next: Credential, previous: Credential | null): Promise<LeaseStep>;
  /** Makes the next record the record. `unsynced`: done, but a power failure may still undo it. */
  commit(): Promise<LeaseStep | 'unsynced'>;
  /**
   * Saves the next record outside the store, when nothing in it can be made durable any more; the
   * next holder of the lease brings it in.
   *
   * @returns the file's path, for people; null if that failed as well.
   */
  launchLifeboat(next: Credential, previous: Credential): Promise<string | null>;
  /** The record is at home here from now on, wherever it came from. To be followed by a write. */
  claim(): void;
  /** Forgets the record. */
  remove(): Promise<void>;
  /** After the lease was lost past the gate: no answer is waited for any more. `answered`: there was one. */
  conclude(answered: boolean): Promise<void>;
  release(): Promise<void>;
  /** Ends the holding but leaves the durable next record for the next holder to adopt. */
  leaveBehind(): Promise<void>;
}

/** Secrets that are kept apart can be out of reach, and that is no news about the login. */
export type Opened =
  | { readonly kind: 'opened'; readonly record: Credential }
  | { readonly kind: 'closed'; readonly fault: KeptFault };

export interface Inheritance {
  /** A dead holder's complete next record became the record. */
  readonly adopted: Credential | null;
  /** A holder that lost its lease, but not its life, sent the current refresh token and may still get an answer. */
  readonly inFlight: LeaseName | null;
  /** How often the current refresh token had gone out when its last sender died, the answers lost with it. */
  readonly lostSends: number;
  /** When it went out last, epoch milliseconds; null if it did not, or it cannot be told. */
  readonly lastSentMs: number | null;
}
