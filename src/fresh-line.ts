import { type Credential, deadlineMs, proactiveMs } from './credential.ts';

/**
 * What `bin/tokenctl` needs to know before it may print the access token without asking anyone: the
 * format of the first lines, the second of the boot until which the token is fresh (0 where boots have
 * no name), and its length. null: it never may.
 *
 * Which boot that is, is left out: to find out would take the launcher as long as the rest. On another
 * boot the number means nothing, and if it does not send the launcher to Node.js, the wall clock
 * decides alone, as in `credential.ts`. That it was not stepped back, the anchor's time says.
 */
export const freshLine = (record: Credential, format: number): string | null => {
  const token = plainToken(record);
  if (token === null) {
    return null;
  }
  const { issued, lifetime } = record;
  const uptime =
    issued.uptimeMs === null
      ? 0
      : lifetime === null
        ? NO_DEADLINE_S
        : seconds(issued.uptimeMs + proactiveMs(record));
  return [format, uptime, token.length].join(' ');
};

/** The same by the wall clock, in seconds. */
export const freshUntil = (record: Credential): number | null => {
  const untilMs = freshUntilMs(record);
  return untilMs === null ? null : seconds(untilMs);
};

/**
 * The modification time that the record's file is to have, which is how the launcher asks the wall
 * clock; null if it is of no use to it. See `store/deadline.ts`.
 */
export const freshUntilMs = (record: Credential): number | null => {
  if (plainToken(record) === null) {
    return null;
  }
  const { issued, lifetime } = record;
  return lifetime === null
    ? NO_DEADLINE_S * 1000
    : Math.floor(issued.epochMs + proactiveMs(record));
};

/**
 * From when on, by the wall clock, nobody can be given this token, so that who asks may wait for
 * somebody else to renew it; what the launcher could not print afterwards is never waited for.
 */
export const expiredFromMs = (record: Credential): number => {
  const { accessToken, issued, lifeboat, lifetime, rejected, state, tokenType } = record;
  const worthWaiting =
    state.kind === 'active' && lifeboat === null && tokenType.toLowerCase() === 'bearer';
  const unusable = rejected || accessToken === null;
  if (!worthWaiting || (!unusable && (lifetime === null || plainToken(record) === null))) {
    return NO_DEADLINE_S * 1000;
  }
  return unusable
    ? 0
    : Math.min(NO_DEADLINE_S * 1000, Math.ceil(issued.epochMs + deadlineMs(record)));
};

/** Fresh until rejected. The last second that a shell with 32-bit arithmetic can compare. */
const NO_DEADLINE_S = 2 ** 31 - 1;

/** Digits and nothing else, however far away. */
const seconds = (ms: number): number =>
  Math.min(Math.max(0, Math.floor(ms / 1000)), Number.MAX_SAFE_INTEGER);

/** The token if nothing stands against printing it, and it is of characters that the launcher knows. */
const plainToken = (record: Credential): string | null => {
  const token = record.accessToken?.reveal() ?? '';
  const plain =
    record.state.kind === 'active' &&
    !record.rejected &&
    record.lifeboat === null &&
    record.tokenType.toLowerCase() === 'bearer' &&
    /^[A-Za-z0-9._~+/=:@%,!-]+$/.test(token);
  return plain ? token : null;
};
