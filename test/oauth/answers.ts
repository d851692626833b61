import { inspect } from 'node:util';
import {
  type Classification,
  classifyTokenResponse,
  type TokenAnswer,
} from '../../src/oauth/classify.ts';
import { Secret } from '../../src/secret.ts';

export const SENT = 'sent-refresh-token-0123456789';
export const NOW = Date.UTC(2026, 0, 15, 12, 0, 0);

/** Classifies an answer; a body that is not a string is sent as JSON. */
export const classify = (
  status: number,
  body: unknown,
  rest: Partial<TokenAnswer> = {},
): Classification =>
  classifyTokenResponse({
    status,
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    truncated: false,
    now: NOW,
    sent: [new Secret(SENT)],
    ...rest,
  });

/** What an outcome comes to, short enough for a table. */
export const verdictIn = (result: Classification): string =>
  result.kind === 'rejected'
    ? result.verdict
    : result.kind === 'unavailable'
      ? result.fault
      : result.kind;

/** Everything of a value that a log, a crash report or `--json` could show. */
export const everythingIn = (value: unknown): string =>
  `${inspect(value, { depth: Number.POSITIVE_INFINITY, showHidden: true, maxStringLength: null })}${JSON.stringify(value)}`;
