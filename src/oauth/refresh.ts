import type { Client, Credential } from '../credential.ts';
import type { RefreshOutcome } from '../refresh-outcome.ts';
import { Secret } from '../secret.ts';
import type { Trace } from '../trace.ts';
import { classifyTokenResponse } from './classify.ts';
import type { ExtractedTokens } from './granted-tokens.ts';
import { readIdToken } from './id-token.ts';
import { judge } from './judge.ts';
import type { Answered } from './receive.ts';
import { redactor } from './redact.ts';
import {
  buildTokenRequest,
  type RefreshParameters,
  refreshGrant,
  type TokenGrant,
  type TokenRequest,
} from './token-request.ts';
import { type PostResult, post, type Unanswered } from './transport.ts';

export interface TokenRequestOptions {
  readonly userAgent?: string | undefined;
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

export interface RefreshOptions extends RefreshParameters, TokenRequestOptions {}

/** One try at a new access token for what is stored, whatever its grant is. No retry. */
export const renewTokens = async (
  { client, refreshToken }: Pick<Credential, 'client' | 'refreshToken'>,
  options: RefreshOptions,
): Promise<RefreshOutcome> => {
  const { grant = 'refresh_token' } = client.extras ?? {};
  if (grant !== 'refresh_token') {
    const { machineGrant } = await import('./machine-grant.ts');
    const asked = await machineGrant(client, options);
    return 'problem' in asked
      ? misconfigured(asked.problem)
      : withoutRefreshToken(await requestTokens(client, asked.grant, asked.given, options));
  }
  if (refreshToken === null) {
    throw new Error('a refresh was decided without a refresh token');
  }
  return refreshTokens(client, refreshToken, options);
};

/**
 * Spends a refresh token: one request to the token endpoint (RFC 6749 section 6), no retry.
 *
 * A granted answer comes back as soon as its tokens are extracted, before anything else in it is
 * judged: the caller makes them durable, then asks `judge()`.
 */
export const refreshTokens = (
  client: Client,
  refreshToken: Secret,
  options: RefreshOptions,
): Promise<RefreshOutcome> =>
  requestTokens(client, refreshGrant(refreshToken, options), [refreshToken], options);

/**
 * One request to the token endpoint, for any grant; a second one only if the server wants its nonce
 * in the DPoP proof (RFC 9449 section 8), which it says instead of doing anything.
 *
 * @param given the secrets in it.
 */
export const requestTokens = async (
  client: Client,
  grant: TokenGrant,
  given: readonly Secret[],
  options: TokenRequestOptions,
): Promise<RefreshOutcome> => {
  const known = client.clientSecret === null ? given : [...given, client.clientSecret];
  const request = await buildRequest(client, grant, known, options);
  if ('problem' in request) {
    return misconfigured(request.problem);
  }
  const trace = tracing(request.url, options.trace);
  let sent = sentIn(request, known, options);
  let result = await exchange(client, grant.type, request, options, trace);
  const nonce = nonceWanted(client, result);
  if (nonce !== null) {
    trace('the server wants its nonce in the proof');
    const again = await buildRequest(client, grant, known, { ...options, nonce });
    if ('problem' in again) {
      return misconfigured(again.problem);
    }
    sent = [...sent, ...sentIn(again, known, options)];
    // Past the gate already: nobody takes the lease away.
    result = await exchange(
      client,
      grant.type,
      again,
      { ...options, beforeSending: undefined },
      trace,
    );
  }
  const outcome =
    result.kind === 'answered'
      ? await answered(result, client, sent, trace)
      : unanswered(result, sent);
  trace(...told(outcome));
  return outcome;
};

/** What goes out may come back in an answer, and what came with it before. */
const sentIn = (
  { headers }: TokenRequest,
  given: readonly Secret[],
  { held = [] }: TokenRequestOptions,
): Secret[] => [
  ...given,
  new Secret((headers.authorization ?? '').replace(/^Basic /i, '')),
  ...(headers.dpop === undefined ? [] : [new Secret(headers.dpop)]),
  ...held,
];

const exchange = (
  client: Client,
  grantType: string,
  request: TokenRequest,
  options: TokenRequestOptions,
  trace: Trace,
): Promise<PostResult> => {
  trace('connecting');
  const what = grantType === 'refresh_token' ? 'the refresh token' : 'the request';
  return post(request.url, {
    ...request,
    ...options,
    tls: client.extras?.tls ?? undefined,
    beforeSending: async () => {
      trace('connected');
      const goOn = (await options.beforeSending?.()) ?? true;
      trace(goOn ? `sending ${what}` : 'not sending: the lease is gone');
      return goOn;
    },
    env: options.env ?? process.env,
  });
};

/** RFC 9449 section 8: 400, `use_dpop_nonce`, and the nonce in a header. */
const nonceWanted = ({ extras }: Client, result: PostResult): string | null =>
  extras?.dpopKey != null &&
  result.kind === 'answered' &&
  (result.status === 400 || result.status === 401) &&
  result.body.includes('use_dpop_nonce')
    ? (result.headers['dpop-nonce'] ?? null)
    : null;

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
  const dpop = client.extras?.dpopKey != null;
  const { quirks } = client;
  const verdict = classifyTokenResponse({ ...answer, now: Date.now(), sent, quirks, dpop });
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
  grant: TokenGrant,
  sent: readonly Secret[],
  options: TokenRequestOptions & { nonce?: string },
): ReturnType<typeof buildTokenRequest> => {
  try {
    return await buildTokenRequest(client, grant, options);
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

/** RFC 6749 section 4.4.3: there should be none, and the next access token is asked for as this one was. */
const withoutRefreshToken = (outcome: RefreshOutcome): RefreshOutcome =>
  outcome.kind === 'granted'
    ? { ...outcome, tokens: { ...outcome.tokens, refreshToken: undefined } }
    : outcome.kind === 'rejected' && outcome.verdict === 'dead'
      ? // Nothing was spent that could be dead: the key, or what it stands for, is not accepted.
        { ...outcome, verdict: 'configuration' }
      : outcome;

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
