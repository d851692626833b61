import { type AnswerBody, isObject } from './answer-body.ts';

/** An error that a token endpoint stated in its answer. */
export interface StatedError {
  readonly code: string;
  readonly description: string | null;
  /** Microsoft's numbers (`AADSTS50076`), which say more than its `error`. */
  readonly aadsts: readonly number[];
}

export type ErrorVerdict = 'dead' | 'interaction' | 'configuration' | 'passing';

/** This refresh token will never work again (RFC 6749 section 5.2, and what providers say instead). */
const DEAD: ReadonlySet<string> = new Set([
  'invalid_grant',
  'bad_refresh_token', // GitHub, inside HTTP 200
  'invalid_refresh_token', // Slack, inside HTTP 200
  'refresh_token_already_used', // Supabase
  'refresh_token_not_found', // Supabase
  'refresh_token_expired', // OpenAI
  'refresh_token_invalidated', // OpenAI
  'refresh_token_reused', // OpenAI
]);

/** A person must do something first (OpenID Connect Core 3.1.2.6, RFC 6750 section 3.1). */
const INTERACTION: ReadonlySet<string> = new Set([
  'consent_required',
  'insufficient_scope',
  'interaction_required',
  'login_required',
]);

/** The server's trouble, stated with a status that sounds like ours. */
const PASSING: ReadonlySet<string> = new Set([
  'server_error', // RFC 6749 section 4.1.2.1
  'slow_down', // RFC 8628 section 3.5
  'temporarily_unavailable', // RFC 6749 section 4.1.2.1
  // Slack's, inside HTTP 200 (https://docs.slack.dev/reference/methods/oauth.v2.access)
  'fatal_error',
  'internal_error',
  'ratelimited',
  'request_timeout',
  'service_unavailable',
]);

/** https://learn.microsoft.com/entra/identity-platform/reference-error-codes */
const AADSTS_DEAD: readonly number[] = [700082, 50173, 70008];
/** A second factor is due (50076) or must be set up (50079). The refresh token lives. */
const AADSTS_INTERACTION: readonly number[] = [50076, 50079];

/**
 * What a stated error means. A code that nobody knows says that the request is wrong: the token is
 * kept, and nobody repeats the request before something has changed.
 */
export const verdictOf = ({ code, aadsts }: StatedError): ErrorVerdict => {
  if (DEAD.has(code)) {
    const personNeeded =
      aadsts.some((number) => AADSTS_INTERACTION.includes(number)) &&
      !aadsts.some((number) => AADSTS_DEAD.includes(number));
    return code === 'invalid_grant' && personNeeded ? 'interaction' : 'dead';
  }
  if (INTERACTION.has(code)) {
    return 'interaction';
  }
  return PASSING.has(code) ? 'passing' : 'configuration';
};

/** The error stated in a body, null if it states none. */
export const statedError = (body: AnswerBody): StatedError | null => {
  const code = errorCode(body);
  if (code === null) {
    return null;
  }
  const description = errorDescription(body);
  return { code, description, aadsts: aadstsNumbers(body, description) };
};

/** What a body says about itself to people, under any of the names in use. */
export const errorDescription = (body: AnswerBody): string | null =>
  firstText(
    body.error_description,
    isObject(body.error) ? body.error.message : undefined,
    body.message,
    body.msg,
  );

const errorCode = (body: AnswerBody): string | null => {
  const standard = firstText(body.error);
  if (standard !== null) {
    return standard;
  }
  if (isObject(body.error)) {
    // OpenAI: {"error":{"code":"refresh_token_reused","message":…,"type":…}}
    return firstText(body.error.code, body.error.type);
  }
  // Supabase: {"code":400,"error_code":"refresh_token_already_used","msg":…}. These names are not
  // OAuth's, a gateway may use them for anything: only what we know counts.
  return [body.error_code, body.code].map((code) => firstText(code)).find(isKnown) ?? null;
};

const isKnown = (code: string | null): boolean =>
  code !== null && (DEAD.has(code) || INTERACTION.has(code) || PASSING.has(code));

const aadstsNumbers = (body: AnswerBody, description: string | null): number[] => {
  const listed = Array.isArray(body.error_codes) ? body.error_codes : [];
  const mentioned = (description ?? '').matchAll(/AADSTS(\d{1,10})/g);
  return [...listed, ...Array.from(mentioned, (match) => match[1])]
    .filter((code) => typeof code === 'number' || typeof code === 'string')
    .map(Number);
};

const firstText = (...values: unknown[]): string | null =>
  values.find((value): value is string => typeof value === 'string' && value !== '') ?? null;
