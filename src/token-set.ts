import { TokenctlError } from './errors.ts';
import type { Moment } from './platform/clock.ts';
import { Secret } from './secret.ts';

/** A token response (RFC 6749 section 5.1), or one kept since: `expires_at` is when `expires_in` ends. */
export interface TokenSet {
  readonly access_token?: string | undefined;
  readonly refresh_token?: string | undefined;
  readonly token_type?: string | undefined;
  /** Seconds from now. */
  readonly expires_in?: number | string | undefined;
  /** Seconds since 1970, or RFC 3339. Wins over `expires_in`, which may be from long ago. */
  readonly expires_at?: number | string | undefined;
  readonly scope?: string | undefined;
  readonly id_token?: string | undefined;
}

/** The members of a {@link TokenSet}, checked. */
export interface CheckedTokens {
  readonly accessToken: Secret | null;
  readonly refreshToken: Secret | undefined;
  readonly tokenType: string;
  /** Seconds from `now`; null if nothing was stated. */
  readonly lifetime: number | null;
  readonly scope: string | undefined;
  readonly idToken: Secret | undefined;
}

/** No provider issues tokens for longer, and dates stay within what JavaScript can say. */
const LONGEST_LIFETIME_S = 10 * 365 * 86_400;
/** 9999-12-31T23:59:59Z, the last that RFC 3339 can name: a larger number counts milliseconds. */
const LAST_EPOCH_S = 253_402_300_799;
const MAX_TOKEN_LENGTH = 65_536;
/** Anything else would break a header or a line protocol. */
const ACCESS_TOKEN = /^[\x21-\x7e]+$/;
/** Travels form-encoded only. */
const REFRESH_TOKEN = /^[^\x00-\x1f\x7f]+$/;
const TOKEN_TYPE = /^[A-Za-z0-9._~-]{1,64}$/;
/** No controls and no separators of lines; may be empty. Ranges: V8 is slow to look up `\p{…}`. */
const SCOPE = /^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$/;
/** RFC 6749 appendix A.14, and fractions, which some servers send. */
const SECONDS = /^\d{1,20}(\.\d{1,20})?$/;

/** @throws {TokenctlError} `usage`, naming the member that is wrong, never its value. */
export const checkTokenSet = (
  json: Readonly<Record<string, unknown>>,
  now: Moment,
): CheckedTokens => {
  const accessToken = text(json, 'access_token', ACCESS_TOKEN);
  const refreshToken = text(json, 'refresh_token', REFRESH_TOKEN);
  const idToken = text(json, 'id_token', ACCESS_TOKEN);
  return {
    accessToken: accessToken === undefined ? null : new Secret(accessToken),
    refreshToken: refreshToken === undefined ? undefined : new Secret(refreshToken),
    tokenType: text(json, 'token_type', TOKEN_TYPE) ?? 'Bearer',
    lifetime: lifetimeOf(json, now),
    scope: text(json, 'scope', SCOPE),
    idToken: idToken === undefined ? undefined : new Secret(idToken),
  };
};

/**
 * The same without complaint: a member that is wrong is left out and told of, so that it does not
 * cost the refresh token beside it, which is the only one from now on.
 */
export const takeTokenSet = (
  json: Readonly<Record<string, unknown>>,
  now: Moment,
): { readonly tokens: CheckedTokens; readonly problems: readonly string[] } => {
  const good: Record<string, unknown> = {};
  const problems: string[] = [];
  for (const name of MEMBERS) {
    try {
      checkTokenSet({ [name]: json[name] }, now);
      good[name] = json[name];
    } catch (error) {
      if (!(error instanceof TokenctlError)) {
        throw error;
      }
      problems.push(`${error.message}; it was ignored`);
    }
  }
  return { tokens: checkTokenSet(good, now), problems };
};

const MEMBERS: readonly (keyof TokenSet)[] = [
  'access_token',
  'refresh_token',
  'token_type',
  'expires_in',
  'expires_at',
  'scope',
  'id_token',
];

const text = (
  json: Readonly<Record<string, unknown>>,
  name: string,
  pattern: RegExp,
): string | undefined => {
  const value = json[name];
  if (value === undefined || value === null) {
    return undefined;
  }
  if (typeof value !== 'string') {
    throw new TokenctlError('usage', `${name} must be a string`);
  }
  if (value.length > MAX_TOKEN_LENGTH || !pattern.test(value)) {
    throw new TokenctlError(
      'usage',
      `${name} is empty, too long, or has characters that a token cannot have`,
    );
  }
  return value;
};

const lifetimeOf = (json: Readonly<Record<string, unknown>>, now: Moment): number | null => {
  const at = json.expires_at ?? null;
  if (at !== null) {
    const seconds = typeof at === 'string' ? parseTime(at) : secondsOf(at);
    if (seconds === null || seconds > LAST_EPOCH_S) {
      throw new TokenctlError('usage', 'expires_at must be epoch seconds or an RFC 3339 time');
    }
    return clamp(seconds - now.epochMs / 1000);
  }
  const stated = json.expires_in ?? null;
  if (stated === null) {
    return null;
  }
  const seconds = secondsOf(stated);
  if (seconds === null) {
    throw new TokenctlError('usage', 'expires_in must be a number of seconds, 0 or more');
  }
  return clamp(seconds);
};

/** Seconds as a number or as text; null if they are neither. */
const secondsOf = (value: unknown): number | null => {
  const seconds = typeof value === 'string' && SECONDS.test(value) ? Number(value) : value;
  return typeof seconds === 'number' && seconds >= 0 && Number.isFinite(seconds) ? seconds : null;
};

/** RFC 3339, or epoch seconds as text; null if it is neither. */
const parseTime = (text: string): number | null => {
  if (!/^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/.test(text)) {
    return secondsOf(text);
  }
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? null : ms / 1000;
};

const clamp = (seconds: number): number => Math.min(Math.max(seconds, 0), LONGEST_LIFETIME_S);
