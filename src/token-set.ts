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
const MAX_TOKEN_LENGTH = 65_536;
/** Anything else would break a header or a line protocol. */
const ACCESS_TOKEN = /^[\x21-\x7e]+$/;
/** Travels form-encoded only. */
const REFRESH_TOKEN = /^[^\x00-\x1f\x7f]+$/;
const TOKEN_TYPE = /^[A-Za-z0-9._~-]{1,64}$/;

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
    scope: text(json, 'scope', /^[^\x00-\x1f\x7f]*$/),
    idToken: idToken === undefined ? undefined : new Secret(idToken),
  };
};

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
    const seconds = typeof at === 'string' ? parseTime(at) : at;
    if (typeof seconds !== 'number' || !Number.isFinite(seconds)) {
      throw new TokenctlError('usage', 'expires_at must be epoch seconds or an RFC 3339 time');
    }
    return clamp(seconds - now.epochMs / 1000);
  }
  const stated = json.expires_in ?? null;
  if (stated === null) {
    return null;
  }
  const seconds = typeof stated === 'string' && stated.trim() !== '' ? Number(stated) : stated;
  if (typeof seconds !== 'number' || !Number.isFinite(seconds)) {
    throw new TokenctlError('usage', 'expires_in must be a number of seconds');
  }
  return clamp(seconds);
};

/** RFC 3339, or epoch seconds as text. */
const parseTime = (text: string): number => {
  if (/^\d{1,12}(\.\d+)?$/.test(text)) {
    return Number(text);
  }
  return /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/.test(text)
    ? Date.parse(text) / 1000
    : Number.NaN;
};

const clamp = (seconds: number): number => Math.min(Math.max(seconds, 0), LONGEST_LIFETIME_S);
