import type { TokenResponse } from '../credential.ts';
import { instanceUrlOf } from '../providers/answers.ts';
import { Secret } from '../secret.ts';
import { type AnswerBody, isObject } from './answer-body.ts';
import type { Redact } from './redact.ts';

/** The well-formed part of a successful answer, and what is wrong with the rest. */
export interface ExtractedTokens {
  readonly tokens: TokenResponse;
  /** There is an access token, of a type that we can use. */
  readonly accessTokenUsable: boolean;
  readonly problems: readonly string[];
}

const MAX_TOKEN_LENGTH = 65_536;
const MAX_SCOPE_LENGTH = 65_536;
/** Longer lifetimes are taken for mistakes (milliseconds for seconds, an epoch for a duration). */
const MAX_LIFETIME_S = 10 * 365 * 24 * 3600;

/**
 * Takes the tokens out of an answer (RFC 6749 section 5.1). Each member is judged on its own, so
 * that no other one can cost the refresh token.
 */
export const extractTokens = (
  body: AnswerBody,
  redact: Redact,
  {
    quirks = [],
    dpop = false,
  }: { quirks?: readonly string[] | undefined; dpop?: boolean | undefined } = {},
): ExtractedTokens => {
  const problems: string[] = [];
  const refreshToken = readRefreshToken(body.refresh_token, problems);
  const accessToken = readAccessToken(body.access_token, problems);
  const type = readTokenType(body, redact, problems, dpop);
  const tokens = {
    accessToken,
    tokenType: type.name,
    lifetime: readLifetime(body.expires_in, problems),
    refreshToken,
    scope: readScope(body.scope, problems),
    idToken: readIdToken(body.id_token, problems),
    instanceUrl: instanceUrlOf(body, quirks),
  };
  return { tokens, accessTokenUsable: accessToken !== null && type.usable, problems };
};

/** All that looks like a token in an answer, well-formed or not: none of it may be printed. */
export const secretsIn = (body: AnswerBody | null): Secret[] =>
  [body ?? {}, ...Object.values(body ?? {}).filter(isObject)]
    .flatMap(({ access_token, refresh_token, id_token }) => [access_token, refresh_token, id_token])
    .filter((value): value is string => typeof value === 'string')
    .map((value) => new Secret(value));

/** It travels form-encoded, so only what is certainly garbage is refused: losing it loses the login. */
const readRefreshToken = (value: unknown, problems: string[]): Secret | undefined => {
  if (value === undefined || value === null) {
    return undefined;
  }
  if (isText(value, MAX_TOKEN_LENGTH) && !/[\u0000-\u001f\u007f]/.test(value)) {
    return new Secret(value);
  }
  problems.push('the refresh token in the answer is malformed and was ignored');
  return undefined;
};

const readAccessToken = (value: unknown, problems: string[]): Secret | null => {
  if (value === undefined || value === null) {
    problems.push('the answer holds no access token');
    return null;
  }
  if (isVisibleAscii(value)) {
    return new Secret(value);
  }
  problems.push('the access token in the answer is malformed and was ignored');
  return null;
};

const readIdToken = (value: unknown, problems: string[]): Secret | undefined => {
  if (value === undefined || value === null) {
    return undefined;
  }
  if (isVisibleAscii(value)) {
    return new Secret(value);
  }
  problems.push('the id token in the answer is malformed and was ignored');
  return undefined;
};

/** RFC 6749 appendix A.12, without the space: anything else breaks a header or a line protocol. */
const isVisibleAscii = (value: unknown): value is string =>
  isText(value, MAX_TOKEN_LENGTH) && /^[\x21-\x7e]+$/.test(value);

const isText = (value: unknown, maxLength: number): value is string =>
  typeof value === 'string' && value.length >= 1 && value.length <= maxLength;

/** RFC 6749 section 7.1: an access token of a type that we do not understand must not be used. */
const readTokenType = (
  body: AnswerBody,
  redact: Redact,
  problems: string[],
  dpop: boolean,
): { name: string; usable: boolean } => {
  const value = body.token_type;
  if (value === undefined || value === null || value === '') {
    // It is required, but missing in the field; golang.org/x/oauth2 assumes the same.
    return { name: 'Bearer', usable: true };
  }
  if (body.ok === true && (value === 'bot' || value === 'user')) {
    // Slack says whose token it is. How it is used is RFC 6750 (https://docs.slack.dev/authentication/tokens).
    return { name: 'Bearer', usable: true };
  }
  if (typeof value === 'string' && (dpop ? /^(bearer|dpop)$/i : /^bearer$/i).test(value)) {
    return { name: value, usable: true };
  }
  const name = typeof value === 'string' ? redact(value, 40) : 'unknown';
  problems.push(
    /^dpop$/i.test(name)
      ? 'the access token is sender-constrained and needs a DPoP key, which this login has not'
      : `the access token has the token type "${name}", which is not supported`,
  );
  return { name, usable: false };
};

const readLifetime = (value: unknown, problems: string[]): number | null => {
  if (value === undefined || value === null) {
    return null;
  }
  const seconds = typeof value === 'string' && /^\d+(\.\d+)?$/.test(value) ? Number(value) : value;
  if (typeof seconds === 'number' && seconds > 0) {
    return Math.min(seconds, MAX_LIFETIME_S);
  }
  problems.push('expires_in in the answer is not a positive number and was ignored');
  return null;
};

/**
 * What breaks a line or confuses a terminal: controls, separators of lines, bidirectional overrides. Not
 * by their properties (`\p{…}`): V8 takes a third of a millisecond to look those up.
 */
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/;

const readScope = (value: unknown, problems: string[]): string | undefined => {
  if (value === undefined || value === null) {
    return undefined;
  }
  // Twitch sends an array (https://dev.twitch.tv/docs/authentication/refresh-tokens/).
  const scope =
    Array.isArray(value) && value.every((item) => typeof item === 'string')
      ? value.join(' ')
      : value;
  if (typeof scope === 'string' && scope.length <= MAX_SCOPE_LENGTH && !UNPRINTABLE.test(scope)) {
    return scope;
  }
  problems.push('scope in the answer is malformed and was ignored');
  return undefined;
};
