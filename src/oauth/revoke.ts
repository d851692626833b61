import type { Client } from '../credential.ts';
import { revocationWay } from '../providers/revocation.ts';
import { Secret } from '../secret.ts';
import type { Trace } from '../trace.ts';
import { parseAnswerBody } from './answer-body.ts';
import { statedError } from './error-codes.ts';
import type { Answered } from './receive.ts';
import { redactor } from './redact.ts';
import type { RevocationStep } from './revocation-plan.ts';
import { post } from './transport.ts';

/** What became of one token. */
export type Revoked =
  /** It is none any more: revoked now, or before. */
  | { readonly kind: 'dead' }
  /** The server does not revoke this kind of token. */
  | { readonly kind: 'unsupported' }
  /** It lives: nothing was sent, or the server said that it did nothing. `passing`: later it may. */
  | { readonly kind: 'alive'; readonly passing: boolean; readonly why: string }
  /** Nobody knows: there was no answer, or one that says nothing. */
  | { readonly kind: 'unknown'; readonly why: string };

export interface RevokeOptions {
  /** The login's other secrets, which an answer must not bring into a message either. */
  readonly held: readonly Secret[];
  readonly env: NodeJS.ProcessEnv;
  readonly trace?: Trace | undefined;
}

const CONNECT_TIMEOUT_MS = 10_000;
const ANSWER_TIMEOUT_MS = 10_000;

/** Sends one revocation request, through proxy and CA as a refresh goes, without a retry. */
export const revoke = async (
  { request, token }: RevocationStep,
  client: Client,
  { env, held, trace }: RevokeOptions,
): Promise<Revoked> => {
  if (request === 'unsupported') {
    return { kind: 'unsupported' };
  }
  const url = new URL(request.url);
  const { authorization = '' } = request.headers;
  const redact = redactor([
    token,
    ...held,
    ...(client.clientSecret === null ? [] : [client.clientSecret]),
    new Secret(authorization.replace(/^\w+ /, '')),
  ]);
  const where = `${request.method} ${url.host}`;
  trace?.(`${where}: revoking`);
  const result = await post(url, {
    method: request.method,
    headers: { 'user-agent': 'tokenctl', ...request.headers, 'accept-encoding': 'identity' },
    body: request.body,
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
    answerTimeoutMs: ANSWER_TIMEOUT_MS,
    env,
    tls: client.extras?.tls ?? undefined,
  });
  const outcome: Revoked =
    result.kind === 'answered'
      ? read(result, client, redact)
      : result.kind === 'not-sent'
        ? { kind: 'alive', passing: true, why: redact(`${result.code}: ${result.message}`) }
        : { kind: 'unknown', why: redact(`${result.code}: ${result.message}`) };
  trace?.(`${where}: ${outcome.kind}`, 'why' in outcome ? { why: outcome.why } : {});
  return outcome;
};

/** Too Many Requests; Service Unavailable, of which RFC 7009 section 2.2.1 says that the token lives. */
const PASSING: readonly number[] = [429, 503];

const read = (
  { status, headers, body, truncated }: Answered,
  { quirks }: Client,
  redact: ReturnType<typeof redactor>,
): Revoked => {
  const way = revocationWay(quirks);
  const answer = truncated ? null : parseAnswerBody(body, headers['content-type']);
  const stated = answer === null ? null : statedError(answer);
  const why = [stated?.code ?? `http_${status}`, stated?.description]
    .filter((part) => part != null)
    .map((part) => redact(part))
    .join(': ');
  if (status >= 200 && status <= 299) {
    return way?.read === undefined || (answer !== null && way.read(answer) === 'revoked')
      ? { kind: 'dead' }
      : { kind: 'alive', passing: false, why };
  }
  if (way?.gone?.includes(status) || (status < 500 && stated?.code === 'invalid_token')) {
    // RFC 7009 section 2.2 has no such error: some servers say so of a token that they do not know.
    return { kind: 'dead' };
  }
  if (status < 500 && stated?.code === 'unsupported_token_type') {
    return { kind: 'unsupported' };
  }
  if (PASSING.includes(status)) {
    return { kind: 'alive', passing: true, why };
  }
  return status >= 500 ? { kind: 'unknown', why } : { kind: 'alive', passing: false, why };
};
