import { join } from 'node:path';
import { errnoOf } from '../errors.ts';
import type { FileSystem } from '../platform/fs.ts';
import { attempt, removeTree } from './directory.ts';
import { abandon } from './judge.ts';
import type { LeaseName } from './lease-name.ts';
import { CONCLUDED, type LockPlace, NEXT, OWNER } from './place.ts';
import { findRemains, type Remains } from './remains.ts';

/** `lost`: the lease was taken from us; whatever was not renamed out of it did not happen. */
export type LeaseStep = 'done' | 'lost';

/** One holding of the lock. Every step goes through the lease's own name. */
export class Lease {
  readonly name: LeaseName;
  readonly #place: LockPlace;
  readonly #path: string;
  readonly #spent = new Set<string>();
  #written = false;

  constructor(place: LockPlace, name: LeaseName) {
    this.#place = place;
    this.name = name;
    this.#path = join(place.lockPath, name);
  }

  /** The file whose modification time is this lease's heartbeat. */
  get heartbeatPath(): string {
    return join(this.#path, OWNER);
  }

  get nextPath(): string {
    return join(this.#path, NEXT);
  }

  /** Puts a file for the next record on the disk: the space is ours before anything is spent. */
  reserve(text: string): Promise<LeaseStep> {
    this.#written = false;
    return this.#step((fs) => fs.createDurable(this.nextPath, text));
  }

  /**
   * The gate, passed right before the refresh token is sent for the `nth` time: from here on a
   * living holder is never succeeded, and a dead one leaves word that the token went out.
   */
  async gate(generation: number, nth: number): Promise<LeaseStep> {
    const marker = join(this.#path, `spent-${generation}-${nth}`);
    this.#spent.add(marker);
    return this.#step((fs) => fs.create(marker, ''));
  }

  /** Takes the gate's word back: that request did not go out, or was answered without a rotation. */
  async ungate(generation: number, nth: number): Promise<void> {
    const marker = join(this.#path, `spent-${generation}-${nth}`);
    await attempt(() => this.#place.fs.unlink(marker));
    this.#spent.delete(marker);
  }

  /** Past the gate: the lease must outlive this process, for it says that the token went out. */
  get gated(): boolean {
    return this.#spent.size > 0;
  }

  /**
   * Makes the next record durable inside the lease, where the next holder finds it if we die. The
   * first time into the space that was reserved, or if that fails into a file of its own; a
   * correction replaces it by rename, so that what is durable already is never torn.
   */
  async write(text: string): Promise<LeaseStep> {
    const step = await this.#step(async (fs) => {
      if (this.#written || !(await this.#intoReservation(fs, text))) {
        await this.#byRename(fs, text);
      }
    });
    this.#written = step === 'done';
    return step;
  }

  /** False if the space that was reserved cannot be used: a new file may still be possible. */
  async #intoReservation(fs: FileSystem, text: string): Promise<boolean> {
    try {
      await fs.overwrite(this.nextPath, text);
      return true;
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') {
        throw error;
      }
      return false;
    }
  }

  async #byRename(fs: FileSystem, text: string): Promise<void> {
    const correction = `${this.nextPath}.new`;
    try {
      await fs.createDurable(correction, text);
      await fs.rename(correction, this.nextPath);
    } catch (error) {
      await attempt(() => fs.unlink(correction));
      throw error;
    }
  }

  /** The fence: renames the next record onto the record. An evicted holder's path is gone. */
  async commit(recordPath: string): Promise<LeaseStep> {
    const step = await this.#step((fs) => fs.rename(this.nextPath, recordPath));
    if (step === 'done') {
      this.#spent.clear();
    }
    return step;
  }

  /**
   * For a holder that lost its lease past the gate and lives on: it waits for no answer any more, so
   * nobody need wait for it. `answered`: nothing of what it left matters.
   */
  async conclude(answered: boolean): Promise<void> {
    const { fs, lockPath } = this.#place;
    const remains = `${lockPath}.${this.name}.dead`;
    await (answered
      ? removeTree(fs, remains)
      : attempt(() => fs.create(join(remains, CONCLUDED), '')));
  }

  /** What dead holders left behind. Only the holder may look: nobody else moves these. */
  remains(): Promise<Remains[]> {
    return findRemains(this.#place);
  }

  /** Gives the lock up, by name: a successor's lease is out of reach. */
  async release(): Promise<void> {
    const { fs, lockPath } = this.#place;
    this.#end(await removeTree(fs, this.#path));
    await attempt(() => fs.rmdir(lockPath));
  }

  /** Moves the lease aside as if we had died, next record and all: the next holder adopts it. */
  async leaveBehind(): Promise<void> {
    const { fs, lockPath } = this.#place;
    this.#end(await attempt(() => fs.rename(this.#path, `${lockPath}.${this.name}.dead`)));
    await attempt(() => fs.rmdir(lockPath));
  }

  #end(taken: string): void {
    if (taken !== 'done' && taken !== 'ENOENT') {
      abandon(this.name);
    }
  }

  async #step(run: (fs: FileSystem) => Promise<void>): Promise<LeaseStep> {
    try {
      await run(this.#place.fs);
      return 'done';
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') {
        return 'lost';
      }
      throw error;
    }
  }
}
