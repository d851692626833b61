import { readFileSync, readlinkSync } from 'node:fs';
import { uptime } from 'node:os';

/**
 * A point in time on two independent clocks.
 *
 * The wall clock can be stepped by a person, NTP or a resumed virtual machine; the
 * time since boot cannot, but means nothing on another boot. Asking both makes a
 * step of either harmless (INCIDENTS 18: a fast clock made tokens look expired for ever).
 */
export interface Moment {
  /** Milliseconds since 1970-01-01T00:00Z. */
  readonly epochMs: number;
  /** Milliseconds since boot, suspended time included; null where the boot cannot be identified. */
  readonly uptimeMs: number | null;
  /** Identifies this boot of this kernel; null where it cannot be identified. */
  readonly bootId: string | null;
}

export type Clock = () => Moment;

/**
 * Milliseconds since some point in this process's life, for waits and limits. Not `performance.now()`,
 * whose first use costs a short process a millisecond and more.
 */
export const monotonicMs = (): number => {
  const [seconds, nanoseconds] = process.hrtime();
  return seconds * 1_000 + nanoseconds / 1e6;
};

export const systemClock: Clock = () => {
  const bootId = countsFromBoot() ? currentBootId() : null;
  return {
    epochMs: Date.now(),
    uptimeMs: bootId === null ? null : Math.round(uptime() * 1000),
    bootId,
  };
};

/** The boot clock ticks in 10 ms; two moments on it may be this far from what the wall clock says without a step. */
const AGREEMENT_MS = 20;

/**
 * Milliseconds from `then` to `now`: by the boot clock on the same boot, else by the wall clock.
 * Where the two agree the wall clock gives the number, for it is the finer one.
 */
export const elapsedMs = (then: Moment, now: Moment): number => {
  const byWall = now.epochMs - then.epochMs;
  const byUptime = uptimeElapsedMs(then, now);
  return byUptime === null || Math.abs(byUptime - byWall) <= AGREEMENT_MS ? byWall : byUptime;
};

/** Milliseconds from `then` to `now` by the clock that cannot be stepped; null on another boot. */
export const uptimeElapsedMs = (then: Moment, now: Moment): number | null =>
  then.bootId !== null &&
  then.bootId === now.bootId &&
  then.uptimeMs !== null &&
  now.uptimeMs !== null
    ? now.uptimeMs - then.uptimeMs
    : null;

/** The moment `ms` milliseconds after `moment`, on both clocks. */
export const later = (moment: Moment, ms: number): Moment => ({
  epochMs: moment.epochMs + ms,
  uptimeMs: moment.uptimeMs === null ? null : moment.uptimeMs + ms,
  bootId: moment.bootId,
});

let cachedBootId: string | null | undefined;

/**
 * Linux names each boot (random(4), /proc/sys/kernel/random/boot_id). macOS and Windows have no
 * such file; there the wall clock decides alone.
 */
export const currentBootId = (): string | null => {
  if (cachedBootId === undefined) {
    cachedBootId = readBootId();
  }
  return cachedBootId;
};

const readBootId = (): string | null => {
  if (process.platform !== 'linux') {
    return null;
  }
  try {
    const id = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    return /^[0-9a-f-]{36}$/.test(id) ? id : null;
  } catch {
    return null;
  }
};

/** Its number is fixed (PROC_TIME_INIT_INO in linux/proc_ns.h). */
const INITIAL_TIME_NAMESPACE = 'time:[4026531834]';

let cachedCountsFromBoot: boolean | undefined;

/**
 * Whether the time since boot is that. In a container with a time of its own (time_namespaces(7)) it
 * may count from anywhere, on a boot of the same name.
 */
const countsFromBoot = (): boolean => {
  cachedCountsFromBoot ??= timeNamespace() === INITIAL_TIME_NAMESPACE;
  return cachedCountsFromBoot;
};

const timeNamespace = (): string => {
  try {
    return readlinkSync('/proc/self/ns/time');
  } catch {
    // Linux before 5.6, which has but one.
    return INITIAL_TIME_NAMESPACE;
  }
};

/** When this process was started, by the kernel's account where it keeps one. */
export const processStart = (): Moment => {
  const now = systemClock();
  return later(now, -processAgeMs(now));
};

/** Clock ticks of procfs a second: USER_HZ, 100 on every architecture Linux still supports. */
const TICK_MS = 10;

const processAgeMs = ({ uptimeMs }: Moment): number => {
  if (uptimeMs !== null) {
    try {
      const stat = readFileSync('/proc/self/stat', 'latin1');
      const ticks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
      if (Number.isFinite(ticks)) {
        return Math.max(0, uptimeMs - ticks * TICK_MS);
      }
    } catch {
      // No procfs: what Node itself remembers is some milliseconds late.
    }
  }
  return process.uptime() * 1_000;
};
