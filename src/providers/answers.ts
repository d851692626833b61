/** A decoded answer of a token endpoint. */
export type Answer = Readonly<Record<string, unknown>>;

interface AnswerQuirk {
  readonly words: string;
  readonly documentation: string;
  /** The answer as RFC 6749 sections 5.1 and 5.2 would have it; absent: it has a member more. */
  readonly normalise?: (answer: Answer) => Answer;
}

/** A user's token comes beside or instead of the app's own, one level down. Only where there is no other. */
const tokenInAuthedUser = (answer: Answer): Answer => {
  const { authed_user: user } = answer;
  return answer.access_token === undefined && isObject(user) && user.access_token !== undefined
    ? {
        ...answer,
        ...pick(user, ['access_token', 'refresh_token', 'expires_in', 'scope', 'token_type']),
      }
    : answer;
};

/** {"status":"BAD_REFRESH_TOKEN","message":…}, without any `error`. */
const statusStatesError = (answer: Answer): Answer =>
  answer.error === undefined && answer.status === 'BAD_REFRESH_TOKEN'
    ? { ...answer, error: 'invalid_grant' }
    : answer;

/**
 * `invalid_request` is what a malformed request gets as well, and that must not kill a login: only with
 * exactly these words does it mean the refresh token.
 */
const invalidRequestForDeadToken = (answer: Answer): Answer =>
  answer.error === 'invalid_request' &&
  answer.error_description === 'Value passed for the token was invalid.'
    ? { ...answer, error: 'invalid_grant' }
    : answer;

/** {"accessToken":…}: what has no name of its own already gets the usual one. */
const camelCase = (answer: Answer): Answer => ({
  ...Object.fromEntries(
    Object.entries(answer).map(([name, value]) => [
      name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value,
    ]),
  ),
  ...answer,
});

export const answerQuirks = {
  'token-in-authed-user': {
    words: "A user's tokens are nested in authed_user.",
    documentation: 'https://docs.slack.dev/authentication/installing-with-oauth',
    normalise: tokenInAuthedUser,
  },
  'status-states-error': {
    words: 'A dead refresh token may be stated as the status BAD_REFRESH_TOKEN, without an error.',
    documentation: 'https://nango.dev/blog/hubspot-oauth-bad-refresh-token',
    normalise: statusStatesError,
  },
  'invalid-request-for-dead-token': {
    words: 'A dead refresh token is answered with invalid_request.',
    documentation: 'https://docs.x.com/fundamentals/authentication/oauth-2-0/authorization-code',
    normalise: invalidRequestForDeadToken,
  },
  'instance-url': {
    words:
      "The answer's instance_url says where the API of this account is; it is kept, and its host added to the hosts of the login.",
    documentation:
      'https://help.salesforce.com/s/articleView?id=sf.remoteaccess_oauth_refresh_token_flow.htm',
  },
} satisfies Record<string, AnswerQuirk>;

/** Quirks of requests whose answers are to be read in the same way. */
const ANSWERS: Readonly<Record<string, Partial<AnswerQuirk>>> = {
  ...answerQuirks,
  'camel-case-json': { normalise: camelCase },
};

/** The answer as the RFC would have it, whoever it comes from. */
export const normaliseAnswer = (answer: Answer, names: readonly string[]): Answer =>
  Object.entries(ANSWERS)
    .filter(([name]) => names.includes(name))
    .reduce((normal, [, { normalise }]) => normalise?.(normal) ?? normal, answer);

/** Where the API of this account is, if the provider is one that says so (`instance-url`). */
export const instanceUrlOf = (answer: Answer, names: readonly string[]): string | undefined =>
  names.includes('instance-url') &&
  typeof answer.instance_url === 'string' &&
  isHttps(answer.instance_url)
    ? new URL(answer.instance_url).origin
    : undefined;

const isObject = (value: unknown): value is Answer =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const pick = (from: Answer, names: readonly string[]): Answer =>
  Object.fromEntries(Object.entries(from).filter(([name]) => names.includes(name)));

const isHttps = (address: string): boolean =>
  URL.canParse(address) && new URL(address).protocol === 'https:';
