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
 * The token cache of MSAL (`msal_token_cache.json`, and others in the same schema): refresh tokens by
 * account and client, access tokens by account, client, tenant and scope.
 */
export const msalCache: Codec = (text) => {
  const cache = parseJsonObject(text);
  const refreshTokens = entriesOf(cache.RefreshToken);
  const accessTokens = entriesOf(cache.AccessToken).filter(isBearer);
  const accounts = entriesOf(cache.Account);
  if (refreshTokens.length + accessTokens.length === 0) {
    throw unreadable('RefreshToken or AccessToken, with something in it');
  }
  const from = refreshTokens.length > 0 ? refreshTokens : accessTokens;
  return from.flatMap((entry) => foundOf(entry, accessTokens, accounts));
};

const foundOf = (
  entry: Json,
  accessTokens: readonly Json[],
  accounts: readonly Json[],
): Found[] => {
  const secret = textOf(entry.secret);
  if (secret === null) {
    return [];
  }
  const account = accounts.find(({ home_account_id: id }) => id === entry.home_account_id);
  const isAccessToken = accessTokens.includes(entry);
  const matching = isAccessToken
    ? [entry]
    : accessTokens.filter(
        ({ home_account_id: id, client_id: client }) =>
          id === entry.home_account_id && client === entry.client_id,
      );
  // Of several, for different resources, none: the first get asks for one.
  const [access] = matching.length === 1 ? matching : [];
  const tenant = textOf(access?.realm) ?? textOf(account?.realm);
  return [
    {
      account: textOf(account?.username),
      host: textOf(entry.environment),
      clientId: textOf(entry.client_id),
      tokens: present({
        refresh_token: isAccessToken ? null : secret,
        client_id: entry.client_id,
        access_token: access?.secret,
        expires_at: numberOf(access?.expires_on),
        scope: textOf(access?.target),
        ...(tenant !== null && { variables: { tenant } }),
      }),
    },
  ];
};

const entriesOf = (section: unknown): Json[] =>
  isObject(section) ? Object.values(section).filter(isObject) : [];

/** A token that is bound to a key is of no use without it. */
const isBearer = ({ token_type: type }: Json): boolean =>
  type === undefined || (typeof type === 'string' && type.toLowerCase() === 'bearer');

/** Seconds since 1970, in a string. */
const numberOf = (value: unknown): number | null => {
  const number = typeof value === 'string' && /^\d{1,12}$/.test(value) ? Number(value) : value;
  return typeof number === 'number' && Number.isFinite(number) ? number : null;
};
