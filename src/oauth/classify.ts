import { normaliseAnswer } from '../providers/answers.ts';
import type { RefreshOutcome } from '../refresh-outcome.ts';
import type { Secret } from '../secret.ts';
import { type AnswerBody, isHtml, parseAnswerBody } from './answer-body.ts';
import { errorDescription, type StatedError, statedError, verdictOf } from './error-codes.ts';
import { type ExtractedTokens, extractTokens, secretsIn } from './granted-tokens.ts';
import { type Redact, redactor } from './redact.ts';
import { retryAfterMs } from './retry-after.ts';

/** What came back from the token endpoint. */
export interface TokenAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** The body was larger than we are willing to read; `body` is its beginning. */
  readonly truncated: boolean;
  /** When it came, milliseconds since 1970. */
  readonly now: number;
  /** What was sent and may be echoed: the refresh token, the client secret. */
  readonly sent: readonly Secret[];
  /** The provider's, by name: some say what they answer in a way of their own. */
  readonly quirks?: readonly string[] | undefined;
  /** The request had a DPoP proof, so the token may be bound to its key. */
  readonly dpop?: boolean | undefined;
}

export type Rejected = Extract<RefreshOutcome, { kind: 'rejected' }>;
export type Unavailable = Extract<RefreshOutcome, { kind: 'unavailable' }>;
export type Classification =
  | ({ readonly kind: 'granted' } & ExtractedTokens)
  | Rejected
  | Unavailable;

const MAX_ERROR_LENGTH = 64;

/**
 * Decides whether a refresh token is dead, works, or cannot be judged by this answer. Only words
 * that the authorization server chose for exactly that kill it: everything that a gateway, a proxy
 * or an outage can produce means "not now" (INCIDENTS 11).
 */
export const classifyTokenResponse = (answer: TokenAnswer): Classification => {
  const parsed = answer.truncated
    ? null
    : parseAnswerBody(answer.body, answer.headers['content-type']);
  const body = parsed && normaliseAnswer(parsed, answer.quirks ?? []);
  const redact = redactor([...answer.sent, ...secretsIn(parsed), ...secretsIn(body)]);
  if (answer.status >= 200 && answer.status <= 299) {
    return body === null ? unreadableSuccess(answer) : readableSuccess(answer, body, redact);
  }
  const error = body !== null && SPEAKS_OAUTH.includes(answer.status) ? statedError(body) : null;
  return error === null ? notNow(answer, body, redact) : refused(answer, error, redact);
};

/** Statuses with which an authorization server answers (RFC 6749 section 5.2; 403: Auth0, Atlassian). */
const SPEAKS_OAUTH: readonly number[] = [400, 401, 403];

const readableSuccess = (answer: TokenAnswer, body: AnswerBody, redact: Redact): Classification => {
  const extracted = extractTokens(body, redact, answer);
  const { accessToken, refreshToken } = extracted.tokens;
  const error = statedError(body);
  if (error !== null) {
    const rotated = refreshToken && !answer.sent.some((secret) => secret.equals(refreshToken));
    // A contradiction. The new refresh token may be the only one that still works: it is kept.
    return rotated
      ? { kind: 'granted', ...withError(extracted, error, redact) }
      : refused(answer, error, redact);
  }
  return accessToken === null && refreshToken === undefined
    ? unreadable(answer, 'ambiguous', 'the answer holds no usable token')
    : { kind: 'granted', ...extracted };
};

const withError = (extracted: ExtractedTokens, error: StatedError, redact: Redact) => ({
  ...extracted,
  accessTokenUsable: false,
  problems: [
    ...extracted.problems,
    `the answer brought new tokens and the error "${redact(error.code, MAX_ERROR_LENGTH)}"`,
  ],
});

/** The server said yes, and what else it said is lost: it may have rotated the refresh token. */
const unreadableSuccess = (answer: TokenAnswer): Unavailable => {
  if (answer.truncated) {
    return unreadable(answer, 'ambiguous', 'the answer is too large');
  }
  return isHtml(answer.body)
    ? unreadable(answer, 'answered', 'a web page came instead of an answer')
    : unreadable(answer, 'ambiguous', 'the answer is not complete JSON');
};

const unreadable = (
  answer: TokenAnswer,
  fault: 'answered' | 'ambiguous',
  description: string,
): Unavailable =>
  // A web page in place of an answer (a login wall, maintenance) will be there in a second, too.
  unavailable(answer, { fault, transient: false, error: 'invalid_response', description });

const refused = (
  answer: TokenAnswer,
  stated: StatedError,
  redact: Redact,
): Rejected | Unavailable => {
  const verdict = verdictOf(stated);
  const error = redact(stated.code, MAX_ERROR_LENGTH) || 'invalid_response';
  const description = stated.description === null ? null : redact(stated.description);
  return verdict === 'passing'
    ? unavailable(answer, { fault: 'answered', transient: true, error, description })
    : { kind: 'rejected', verdict, error, description };
};

const notNow = (answer: TokenAnswer, body: AnswerBody | null, redact: Redact): Unavailable => {
  const { status } = answer;
  const stated = body === null ? null : errorDescription(body);
  return unavailable(answer, {
    fault: 'answered',
    transient: status >= 500 || PASSING_STATUS.includes(status),
    error: `http_${status}`,
    description:
      status >= 300 && status <= 399
        ? 'the token endpoint redirects, and a refresh token is never sent along'
        : stated && redact(stated),
  });
};

/** Request Timeout, Too Early, Too Many Requests. */
const PASSING_STATUS: readonly number[] = [408, 425, 429];

const unavailable = (
  { headers, now }: TokenAnswer,
  rest: Omit<Unavailable, 'kind' | 'retryAfterMs'>,
): Unavailable => ({
  kind: 'unavailable',
  ...rest,
  retryAfterMs: retryAfterMs(headers['retry-after'], now),
});
