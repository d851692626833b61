import { monotonicMs } from '../platform/clock.ts';
import { currentProcess, type Liveness, livenessOf } from '../platform/process-identity.ts';
import { hashMachine, type LeaseName, parseLeaseName } from './lease-name.ts';

/**
 * Whether a lease's owner still lives. `gated`: it may be at the token endpoint right now.
 * `heartbeatMs` asks for the time of its last heartbeat (null: there is none).
 */
export type Judge = (
  name: LeaseName,
  gated: boolean,
  heartbeatMs: () => Promise<number | null>,
) => Promise<'alive' | 'dead'>;

/** A holder beats every 2 s (see heartbeat.ts); this much silence is five beats missed. */
export const SILENCE_MS = 10_000;
/**
 * A holder that cannot be seen from here and is past the gate may have spent the refresh token and
 * only be suspended with its machine. It is succeeded only when its last heartbeat is this old.
 */
export const GATED_SILENCE_MS = 15 * 60_000;
/**
 * Between two looks no more silence than this counts. In a longer gap this process was stopped or
 * its machine asleep, and so, perhaps, was the owner: on waking, nobody is dead at once.
 */
const LONGEST_LOOK_MS = 1_000;

/** Leases that this process has done with and could not take away: a disk that failed, and may work again. */
const abandoned = new Set<LeaseName>();

/** From here on this process does not wait for itself. To others it lives, until it dies or comes again. */
export const abandon = (name: LeaseName): void => {
  abandoned.add(name);
};

/**
 * Judges by what the system says of the process. One that cannot be seen from here (another
 * host, another container) is judged by silence alone, observed on this process's own monotonic
 * clock: make one judge for each wait, it remembers what it has seen.
 */
export const createJudge = (
  wallClock: () => number = Date.now,
  monotonicClock: () => number = monotonicMs,
): Judge => {
  const observed = new Map<
    LeaseName,
    { readonly heartbeatMs: number | null; readonly lookedMs: number; readonly silentMs: number }
  >();
  return async (name, gated, heartbeatMs) => {
    const liveness = livenessByName(name);
    if (liveness !== 'unknown') {
      return liveness;
    }
    const beat = await heartbeatMs();
    const lookedMs = monotonicClock();
    const before = observed.get(name);
    if (before === undefined || before.heartbeatMs !== beat) {
      observed.set(name, { heartbeatMs: beat, lookedMs, silentMs: 0 });
      return 'alive';
    }
    const silentMs = before.silentMs + Math.min(lookedMs - before.lookedMs, LONGEST_LOOK_MS);
    observed.set(name, { heartbeatMs: beat, lookedMs, silentMs });
    // A heartbeat from the future was written by a clock that is wrong: it must not freeze the lock.
    const longSilent = Math.abs(wallClock() - (beat ?? 0)) >= GATED_SILENCE_MS;
    return silentMs >= SILENCE_MS && (!gated || longSilent) ? 'dead' : 'alive';
  };
};

/** What the system says of the process that is named so. */
export const livenessByName = (name: LeaseName): Liveness => {
  if (abandoned.has(name)) {
    return 'dead';
  }
  const owner = parseLeaseName(name);
  const self = currentProcess();
  if (owner === null || owner.machineHash !== hashMachine(self.machine)) {
    return 'unknown';
  }
  return livenessOf({ ...owner, machine: self.machine });
};
