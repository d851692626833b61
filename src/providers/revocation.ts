export type TokenKind = 'refresh_token' | 'access_token';

/** One token to be revoked. Values are revealed: they are about to be sent. */
export interface RevocationInput {
  readonly endpoint: string;
  readonly clientId: string;
  readonly clientSecret: string | null;
  readonly kind: TokenKind;
  readonly token: string;
}

export interface RevocationRequest {
  readonly method: 'POST' | 'DELETE';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** `standard`: as in RFC 7009. `unsupported`: nothing revokes this kind of token there. */
export type Revocation = RevocationRequest | 'standard' | 'unsupported';

interface RevocationQuirk {
  readonly words: string;
  readonly documentation: string;
  readonly revocation: (input: RevocationInput) => Revocation;
  /** What an answer with a 2xx status says in its body. */
  readonly read?: (answer: Readonly<Record<string, unknown>>) => 'revoked' | 'refused';
  /** Statuses that say that the token is no longer one. */
  readonly gone?: readonly number[];
  /** The access token ends the whole grant, so it must be a live one; nothing else is sent. */
  readonly byAccessToken?: true;
}

/**
 * With a secret, an access token is deleted as the app's own. A refresh token, and any token of a client
 * without a secret, can only be reported as exposed, which revokes it and sends its owner a mail.
 */
const byAppOrAsExposed = ({
  endpoint,
  clientId,
  clientSecret,
  kind,
  token,
}: RevocationInput): Revocation => {
  const url = decodeURI(endpoint);
  if (kind === 'access_token' && clientSecret !== null) {
    return {
      method: 'DELETE',
      url: url.replace('{client_id}', encodeURIComponent(clientId)),
      headers: { ...JSON_HEADERS, authorization: basic(clientId, clientSecret) },
      body: JSON.stringify({ access_token: token }),
    };
  }
  return {
    method: 'POST',
    url: url.replace(/\/applications\/.*$/, '/credentials/revoke'),
    headers: JSON_HEADERS,
    body: JSON.stringify({ credentials: [token] }),
  };
};

const byBearer = ({ endpoint, token }: RevocationInput): Revocation => ({
  method: 'POST',
  url: endpoint,
  headers: { ...FORM_HEADERS, authorization: `Bearer ${token}` },
  body: '',
});

/** Without Content-Type: an RPC endpoint that takes no arguments refuses a form. */
const byLiveAccessToken = ({ endpoint, kind, token }: RevocationInput): Revocation =>
  kind === 'refresh_token'
    ? 'unsupported'
    : {
        method: 'POST',
        url: endpoint,
        headers: { accept: 'application/json', authorization: `Bearer ${token}` },
        body: '',
      };

const byTokenAlone = ({ endpoint, token }: RevocationInput): Revocation => ({
  method: 'POST',
  url: endpoint,
  headers: FORM_HEADERS,
  body: new URLSearchParams({ token }).toString(),
});

const byJson = ({ endpoint, clientId, clientSecret, token }: RevocationInput): Revocation => ({
  method: 'POST',
  url: endpoint,
  headers: {
    ...JSON_HEADERS,
    'notion-version': '2025-09-03',
    authorization: basic(clientId, clientSecret ?? ''),
  },
  body: JSON.stringify({ token }),
});

const accessTokensOnly = ({ kind }: RevocationInput): Revocation =>
  kind === 'access_token' ? 'standard' : 'unsupported';

const refreshTokensOnly = ({ kind }: RevocationInput): Revocation =>
  kind === 'refresh_token' ? 'standard' : 'unsupported';

export const revocationQuirks = {
  'revoke-by-app-or-as-exposed': {
    words:
      'Logout deletes the access token as the app (with its client secret) and reports the refresh token as exposed, which revokes it and sends its owner a mail.',
    documentation: 'https://docs.github.com/en/rest/credentials/revoke',
    revocation: byAppOrAsExposed,
    // No such token any more; https://docs.github.com/en/rest/apps/oauth-applications#delete-an-app-token
    gone: [404],
  },
  'revoke-by-bearer': {
    words: 'Logout presents each token to be revoked as a bearer token.',
    documentation: 'https://docs.slack.dev/reference/methods/auth.revoke',
    revocation: byBearer,
    read: ({ ok, error }) =>
      ok === true || GONE_WITHIN_200.includes(String(error)) ? 'revoked' : 'refused',
  },
  'revoke-by-live-access-token': {
    words: 'Logout needs an access token that is still valid; the refresh token ends with it.',
    documentation:
      'https://www.dropbox.com/developers/documentation/http/documentation#auth-token-revoke',
    revocation: byLiveAccessToken,
    byAccessToken: true,
    gone: [401],
  },
  'revoke-by-token-alone': {
    words: 'Logout sends the token and no client id.',
    documentation: 'https://developers.google.com/identity/protocols/oauth2/native-app#tokenrevoke',
    revocation: byTokenAlone,
  },
  'revoke-by-json': {
    words: 'Logout sends JSON.',
    documentation: 'https://developers.notion.com/reference/revoke-token',
    revocation: byJson,
  },
  'revokes-access-tokens-only': {
    words: 'A program can revoke access tokens there, but no refresh tokens.',
    documentation: 'https://dev.twitch.tv/docs/authentication/revoke-tokens',
    revocation: accessTokensOnly,
  },
  'revokes-refresh-tokens-only': {
    words: 'A program can revoke refresh tokens there; an access token lives until it expires.',
    documentation: 'https://auth0.com/docs/secure/tokens/refresh-tokens/revoke-refresh-tokens',
    revocation: refreshTokensOnly,
  },
} satisfies Record<string, RevocationQuirk>;

/** How this provider revokes, null: as in RFC 7009. */
export const revocationWay = (names: readonly string[]): RevocationQuirk | null =>
  Object.entries<RevocationQuirk>(revocationQuirks).find(([name]) => names.includes(name))?.[1] ??
  null;

/** https://docs.slack.dev/reference/methods/auth.revoke: the token is not one any more. */
const GONE_WITHIN_200 = ['token_revoked', 'token_expired', 'account_inactive'];

const FORM_HEADERS = {
  accept: 'application/json',
  'content-type': 'application/x-www-form-urlencoded',
};
const JSON_HEADERS = { accept: 'application/json', 'content-type': 'application/json' };

const basic = (id: string, secret: string): string =>
  `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;
