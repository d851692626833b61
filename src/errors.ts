import { constants } from 'node:os';

/**
 * What went wrong, as a stable code. `cli/exit-codes.ts` maps each to its exit code.
 *
 * | code | meaning |
 * |---|---|
 * | `usage` | the call itself is wrong |
 * | `no_such_login` | nothing is stored under that name |
 * | `login_required` | the refresh token is dead, or a person must consent |
 * | `unavailable` | not now: network, provider outage, rate limit, lock wait over, rejected again |
 * | `refused` | permissions, ownership, a bad file, bad configuration, the client was rejected |
 * | `paused` | a guard or a person stopped this login |
 * | `not_saved` | a new token was issued and could not be saved in its place |
 */
export type ErrorCode =
  | 'usage'
  | 'no_such_login'
  | 'login_required'
  | 'unavailable'
  | 'refused'
  | 'paused'
  | 'not_saved';

export interface TokenctlErrorOptions {
  /** The login the error is about. */
  login?: string | undefined;
  /** The command or step that mends it. */
  hint?: string | undefined;
  /** Whoever else asked for this login at the same time would hear the same. */
  shared?: true;
  /** What caused it. Never an object that holds a token: convert those first. */
  cause?: unknown;
}

/** The one error class. The message is one line, safe to print, and holds no secret. */
export class TokenctlError extends Error {
  override readonly name = 'TokenctlError';
  readonly code: ErrorCode;
  readonly login: string | undefined;
  readonly hint: string | undefined;
  readonly shared: boolean;

  constructor(code: ErrorCode, message: string, options: TokenctlErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.login = options.login;
    this.hint = options.hint;
    this.shared = options.shared ?? false;
  }
}

/** The `code` of a Node.js system error (`ENOENT`, `ECONNREFUSED` …), or undefined. */
export const errnoOf = (error: unknown): string | undefined => {
  const code = (error as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' ? (nameUnknown(code) ?? code) : undefined;
};

/** libuv does not know EDQUOT and ESTALE, of all errors: what a home with a quota or on NFS says. */
const nameUnknown = (code: string): string | undefined => {
  const [, errno] = /^Unknown system error -(\d+)$/.exec(code) ?? [];
  if (errno === undefined) {
    return undefined;
  }
  const known = Object.entries(constants.errno).find(([, number]) => String(number) === errno);
  return known?.[0] ?? `errno ${errno}`;
};

/**
 * Text from outside (a provider's `error_description`, a file's content) made safe for a terminal:
 * control characters (C0, DEL, C1, bidirectional overrides) become spaces, and it is cut short.
 */
export const printable = (text: string, maxLength = 200): string => {
  const flat = text
    .replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]+/g, ' ')
    .trim();
  return flat.length > maxLength ? `${flat.slice(0, maxLength)}…` : flat;
};

/** What people type is hardly ever longer; a token is. */
const LONGEST_FAMILIAR = 20;

/**
 * Something given that we do not know, fit to be said back: a token that strayed among the arguments
 * must not go on into a log. Its first characters tell a person which argument is meant.
 */
export const abbreviated = (text: string): string =>
  text.length > LONGEST_FAMILIAR ? `${printable(text).slice(0, 4)}…` : printable(text);
