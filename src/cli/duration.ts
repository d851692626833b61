import { TokenctlError } from '../errors.ts';

const UNIT_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
/** Ten years are beyond any token's life, and added to now they are still a date. */
const LONGEST_MS = 10 * 365 * 86_400_000;

/** `90s`, `10m`, `2h`, `1d` as milliseconds. @throws {TokenctlError} `usage` */
export const parseDuration = (text: string, option: string): number => {
  const [, digits, unit] = /^(\d{1,12})(ms|s|m|h|d)$/.exec(text) ?? [];
  const unitMs = unit === undefined ? undefined : UNIT_MS[unit];
  if (digits === undefined || unitMs === undefined) {
    throw new TokenctlError('usage', `${option} takes a duration like 90s, 10m, 2h or 1d`);
  }
  return Math.min(Number(digits) * unitMs, LONGEST_MS);
};

/** Milliseconds for people: `42s`, `12m`, `3h 5m`, `12d`. */
export const formatDuration = (ms: number): string => {
  const seconds = Math.floor(ms / 1_000);
  const minutes = Math.floor(seconds / 60);
  const hours = Math.floor(minutes / 60);
  if (hours >= 48) {
    return `${Math.floor(hours / 24)}d`;
  }
  if (hours > 0) {
    return minutes % 60 === 0 ? `${hours}h` : `${hours}h ${minutes % 60}m`;
  }
  return minutes > 0 ? `${minutes}m` : `${Math.max(seconds, 0)}s`;
};
