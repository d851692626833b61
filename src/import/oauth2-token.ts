import {
  type Codec,
  type Found,
  isObject,
  type Json,
  parseJsonObject,
  present,
  textOf,
  unreadable,
} from './found.ts';

/**
 * Tokens as programs write them down with the OAuth library of their language: a token response, Go's
 * `oauth2.Token` (`expiry`), a session of oauth2-proxy (`AccessToken`, `ExpiresOn`); one, or several by name.
 */
export const oauth2Token: Codec = (text) => {
  const json = parseJsonObject(text);
  const one = foundOf(json, null);
  const found =
    one === null
      ? Object.entries(json).flatMap(([name, value]) =>
          isObject(value) ? (foundOf(value, name) ?? []) : [],
        )
      : [one];
  if (found.length === 0) {
    throw unreadable('an access or refresh token, or several by name');
  }
  return found;
};

const foundOf = (json: Json, name: string | null): Found | null => {
  const members: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(json)) {
    const member = MEMBERS.get(key.toLowerCase().replace(/[_-]/g, ''));
    if (member === undefined || value == null || value === '' || isZero(value)) {
      continue;
    }
    if (Object.hasOwn(members, member) && members[member] !== value) {
      throw unreadable(`it says twice, and differently, what its ${member} is`);
    }
    members[member] = value;
  }
  const { account, ...tokens } = members;
  return members.access_token === undefined && members.refresh_token === undefined
    ? null
    : {
        account: name ?? textOf(account),
        host: null,
        clientId: textOf(tokens.client_id),
        tokens: present(tokens),
      };
};

/** Go's time that is none. */
const isZero = (value: unknown): boolean =>
  typeof value === 'string' && value.startsWith('0001-01-01');

const MEMBERS = new Map([
  ...['access_token', 'refresh_token', 'id_token', 'token_type', 'expires_in', 'scope'].map(same),
  ...[
    'client_id',
    'client_secret',
    'token_endpoint',
    'revocation_endpoint',
    'issuer',
    'provider',
  ].map(same),
  ...['expires_at', 'expiry', 'expires_on'].map((name) => [plain(name), 'expires_at'] as const),
  ...['token_uri', 'token_url'].map((name) => [plain(name), 'token_endpoint'] as const),
  ...['account', 'email'].map((name) => [plain(name), 'account'] as const),
]);

function same(name: string) {
  return [plain(name), name] as const;
}

function plain(name: string): string {
  return name.replaceAll('_', '');
}
