import lockfile from 'proper-lockfile';
import { errnoOf } from '../errors.ts';
import type { FileSystem } from '../platform/fs.ts';
import { removeLeaseSync } from '../platform/remove-sync.ts';
import { createSignalHold } from '../platform/signals.ts';
import { type Acquisition, tryAcquire } from './acquire.ts';
import type { Lease } from './lease.ts';
import type { LeaseName } from './lease-name.ts';
import type { LockPlace } from './place.ts';

/** How often a holder shows that it lives. Only holders that cannot be seen from here need it. */
const HEARTBEAT_MS = 2_000;

export type KeptAcquisition =
  | Exclude<Acquisition, { kind: 'held' }>
  | (Extract<Acquisition, { kind: 'held' }> & {
      /** False once proper-lockfile found the heartbeat gone or changed by someone else. */
      readonly uncompromised: () => boolean;
      /** Stops the heartbeat and gives the lease up. */
      readonly release: () => Promise<void>;
      /** Stops the heartbeat and leaves the lease, next record and all, for the next holder. */
      readonly leaveBehind: () => Promise<void>;
    });

/**
 * {@link tryAcquire} carried by proper-lockfile: it creates the lock through our `mkdir`, keeps the
 * heartbeat, notices when it is compromised, and cleans up at exit. Its own takeover of stale
 * locks is never reached: it removes and creates by the shared path, which lets two in
 * (https://github.com/moxystudio/node-proper-lockfile/issues/121).
 */
export const tryAcquireKept = async (
  place: LockPlace,
  name: LeaseName,
  ownerText: string,
): Promise<KeptAcquisition> => {
  const carrier = new Carrier(place, name, ownerText);
  let compromised = false;
  let release: () => Promise<void>;
  try {
    release = await uninterrupted(() =>
      lockfile.lock(`${place.lockPath}/${name}`, {
        lockfilePath: place.lockPath,
        // Its table of locks is keyed by this path: each lease needs one of its own, as it is.
        realpath: false,
        fs: carrier.adapter,
        // Never stale by its rule, so it never removes anything; the judge decides.
        stale: Number.POSITIVE_INFINITY,
        update: HEARTBEAT_MS,
        retries: 0,
        // The default throws from a timer. The gate and the fence do the real work.
        onCompromised: () => {
          compromised = true;
        },
      }),
    );
  } catch (error) {
    if (carrier.acquisition !== null && carrier.acquisition.kind !== 'held') {
      return carrier.acquisition;
    }
    // It has given the lease up, but did not wait for that.
    await carrier.settled();
    if (carrier.acquisition !== null && errnoOf(error) === 'ENOENT') {
      // Taken from us before its first heartbeat, by one that cannot see us and thought us dead.
      return { kind: 'busy', holder: 'another' };
    }
    throw error;
  }
  const held = carrier.acquisition;
  if (held?.kind !== 'held') {
    throw new Error('proper-lockfile reported a lock that was not acquired');
  }
  let ended = false;
  const end = async (how: () => Promise<void>) => {
    if (ended) {
      return;
    }
    ended = true;
    carrier.end = how;
    await carrier.settled();
    // Already released (compromised): the lease may still be there under its name.
    await uninterrupted(() => release().catch(how));
  };
  return {
    ...held,
    uncompromised: () => !compromised,
    release: () => end(() => held.lease.release()),
    leaveBehind: () => end(() => held.lease.leaveBehind()),
  };
};

/** For the moments in which proper-lockfile does not know the lease, and could not remove it at exit. */
const uninterrupted = async <T>(action: () => Promise<T>): Promise<T> => {
  const signals = createSignalHold();
  signals.hold();
  try {
    return await action();
  } finally {
    await signals.release();
  }
};

type Callback<T = void> = (error: Error | null, value?: T) => void;

/** The `fs` option of proper-lockfile for one lease: its calls, translated to the lease's own name. */
class Carrier {
  acquisition: Acquisition | null = null;
  /** What "remove the lock" means. */
  end: () => Promise<void> = async () => this.#lease?.release();
  readonly adapter: Record<string, unknown>;
  readonly #fs: FileSystem;
  #inFlight: Promise<unknown> = Promise.resolve();

  constructor(place: LockPlace, name: LeaseName, ownerText: string) {
    this.#fs = place.fs;
    // One object per lease: proper-lockfile caches the precision of mtimes on it.
    this.adapter = {
      mkdir: (_path: string, done: Callback) =>
        this.#run(done, async () => {
          this.acquisition = await tryAcquire(place, name, ownerText);
          if (this.acquisition.kind !== 'held') {
            throw Object.assign(new Error('the lock is held'), { code: 'EEXIST' });
          }
        }),
      rmdir: (_path: string, done: Callback) => this.#run(done, () => this.end()),
      rmdirSync: () => {
        const lease = this.#lease;
        if (lease !== null && !lease.gated) {
          removeLeaseSync(place.lockPath, name);
        }
      },
      stat: (_path: string, done: Callback<{ mtime: Date }>) =>
        this.#run(done, async () => {
          const lease = this.#lease;
          // Asked about a lock that is not ours, to judge whether it is stale: it never is.
          return { mtime: new Date(lease === null ? Date.now() : await this.#mtimeMs(lease)) };
        }),
      utimes: (_path: string, _atime: Date, mtime: Date, done: Callback) =>
        this.#run(done, async () => {
          if (this.#lease !== null) {
            await this.#fs.setMtime(this.#lease.heartbeatPath, mtime.getTime());
          }
        }),
    };
  }

  /** Resolves when no call is under way: a heartbeat must not outlive its lease. */
  async settled(): Promise<void> {
    await this.#inFlight;
  }

  get #lease(): Lease | null {
    return this.acquisition?.kind === 'held' ? this.acquisition.lease : null;
  }

  async #mtimeMs(lease: Lease): Promise<number> {
    return Math.round(await this.#fs.mtimeMs(lease.heartbeatPath));
  }

  #run<T>(done: Callback<T>, action: () => Promise<T>): void {
    const running = action();
    this.#inFlight = running.catch(() => {});
    running.then(
      (value) => done(null, value),
      (error: Error) => done(error),
    );
  }
}
