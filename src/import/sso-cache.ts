import { type Codec, parseJsonObject, present, textOf } from './found.ts';

/**
 * A file of the AWS command's SSO cache. Beside tokens there are registrations of clients, without one.
 * Its refresh token is for another protocol than OAuth's, and stays where it is.
 */
export const ssoCache: Codec = (text) => {
  const json = parseJsonObject(text);
  const startUrl = textOf(json.startUrl);
  return textOf(json.accessToken) === null
    ? []
    : [
        {
          account: startUrl,
          host: startUrl !== null && URL.canParse(startUrl) ? new URL(startUrl).hostname : null,
          clientId: null,
          tokens: present({ access_token: json.accessToken, expires_at: timeOf(json.expiresAt) }),
        },
      ];
};

/** RFC 3339; older versions wrote "2020-01-01T00:00:00UTC". */
const timeOf = (value: unknown): string | null => textOf(value)?.replace(/UTC$/, 'Z') ?? null;
