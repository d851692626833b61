import type { Client } from '../credential.ts';
import type { RefreshOutcome } from '../refresh-outcome.ts';
import { Secret } from '../secret.ts';
import type { Trace } from '../trace.ts';
import { classifyTokenResponse } from './classify.ts';
import type { ExtractedTokens } from './granted-tokens.ts';
import { readIdToken } from './id-token.ts';
import { judge } from './judge.ts';
import type { Answered } from './receive.ts';
import { redactor } from './redact.ts';
import { buildRefreshRequest, type RefreshParameters } from './token-request.ts';
import { post, type Unanswered } from './transport.ts';

export interface RefreshOptions extends RefreshParameters {
  /** Bounds DNS, TCP, proxy and TLS together. */
  readonly connectTimeoutMs: number;
  /** Bounds the wait for the complete answer once the request is on its way. */
  readonly answerTimeoutMs: number;
  /** Asked when the connection is there, before anything is sent; false: nothing will be. */
  readonly beforeSending?: (() => Promise<boolean>) | undefined;
  /** Other secrets of the login, which an answer must not bring into a message either. */
  readonly held?: readonly Secret[] | undefined;
  /** Where proxy and CA settings are read from; `process.env` if absent. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** Told what is sent and what came of it, without secrets. */
  readonly trace?: Trace | undefined;
}

/**
 * Spends a refresh token: one request to the token endpoint (RFC 6749 section 6), no retry.
 *
 * A granted answer comes back as soon as its tokens are extracted, before anything else in it is
 * judged: the caller makes them durable, then asks `judge()`.
 */
export const refreshTokens = async (
  client: Client,
  refreshToken: Secret,
  options: RefreshOptions,
): Promise<RefreshOutcome> => {
  const given = client.clientSecret === null ? [refreshToken] : [refreshToken, client.clientSecret];
  const request = await buildRequest(client, refreshToken, given, options);
  if ('problem' in request) {
    return misconfigured(request.problem);
  }
  const { authorization = '' } = request.headers;
  // What goes out may come back in an answer, and what came with it before.
  const sent = [
    ...given,
    new Secret(authorization.replace(/^Basic /i, '')),
    ...(options.held ?? []),
  ];
  const trace = tracing(request.url, options.trace);
  trace('connecting');
  const result = await post(request.url, {
    ...request,
    ...options,
    beforeSending: async () => {
      trace('connected');
      const goOn = (await options.beforeSending?.()) ?? true;
      trace(goOn ? 'sending the refresh token' : 'not sending: the lease is gone');
      return goOn;
    },
    env: options.env ?? process.env,
  });
  const outcome =
    result.kind === 'answered'
      ? await answered(result, client, sent, trace)
      : unanswered(result, sent);
  trace(...told(outcome));
  return outcome;
};

/** Without its query: what is in there is nobody's business. */
const tracing =
  ({ origin, pathname }: URL, trace: Trace | undefined): Trace =>
  (step, details) =>
    trace?.(`POST ${origin}${pathname}: ${step}`, details);

const answered = async (
  answer: Answered,
  client: Client,
  sent: readonly Secret[],
  trace: Trace,
): Promise<RefreshOutcome> => {
  trace('answered', { status: answer.status, characters: answer.body.length });
  const verdict = classifyTokenResponse({
    ...answer,
    now: Date.now(),
    sent,
    quirks: client.quirks,
  });
  return verdict.kind === 'granted' ? granted(verdict, client, sent) : verdict;
};

/** All but the tokens. */
const told = (outcome: RefreshOutcome): Parameters<Trace> => {
  switch (outcome.kind) {
    case 'granted': {
      const { refreshToken, lifetime } = outcome.tokens;
      return ['granted', { rotated: refreshToken !== undefined, expires_in: lifetime }];
    }
    case 'rejected': {
      const { verdict, error, description } = outcome;
      return ['rejected', { verdict, error, description }];
    }
    case 'unavailable': {
      const { fault, error, description, retryAfterMs } = outcome;
      return ['unavailable', { fault, error, description, retry_after_ms: retryAfterMs }];
    }
  }
};

const buildRequest = async (
  client: Client,
  refreshToken: Secret,
  sent: readonly Secret[],
  parameters: RefreshParameters,
): ReturnType<typeof buildRefreshRequest> => {
  try {
    return await buildRefreshRequest(client, refreshToken, parameters);
  } catch (error) {
    // The library's error may hold what it was given; only its text gets out, redacted.
    const reason = error instanceof Error ? error.message : 'unknown error';
    return { problem: redactor(sent)(`the request could not be built: ${reason}`) };
  }
};

const misconfigured = (problem: string): RefreshOutcome => ({
  kind: 'rejected',
  verdict: 'configuration',
  error: 'invalid_configuration',
  description: problem,
});

const unanswered = ({ kind, code, message }: Unanswered, sent: readonly Secret[]) =>
  ({
    kind: 'unavailable',
    fault: kind,
    transient: true,
    error: code,
    description: redactor(sent)(message),
    retryAfterMs: null,
  }) as const;

const granted = async (
  extracted: ExtractedTokens,
  client: Client,
  sent: readonly Secret[],
): Promise<RefreshOutcome> => {
  const { idToken } = extracted.tokens;
  const claims = idToken === undefined ? null : await readIdToken(idToken);
  return {
    kind: 'granted',
    tokens:
      idToken === undefined
        ? extracted.tokens
        : { ...extracted.tokens, idTokenExpiresAt: claims?.expiresAt ?? null },
    judge: () => judge(extracted, client, sent),
  };
};
