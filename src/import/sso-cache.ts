import { type Codec, type Json, parseJsonObject, present, textOf } from './found.ts';

/**
 * A file of the AWS command's SSO cache. Beside tokens there are registrations of clients, without one.
 * Sessions of before 2022 have no refresh token.
 */
export const ssoCache: Codec = (text) => {
  const json = parseJsonObject(text);
  const startUrl = textOf(json.startUrl);
  const region = textOf(json.region);
  return textOf(json.accessToken) === null
    ? []
    : [
        {
          account: startUrl,
          host: startUrl !== null && URL.canParse(startUrl) ? new URL(startUrl).hostname : null,
          clientId: null,
          tokens: present({
            access_token: json.accessToken,
            expires_at: timeOf(json.expiresAt),
            ...(region !== null && { variables: { region }, ...renewable(json) }),
          }),
        },
      ];
};

/** Without the client that it was issued to, a refresh token is of no use. */
const renewable = ({ refreshToken, clientId, clientSecret }: Json): Json =>
  [refreshToken, clientId, clientSecret].every((value) => textOf(value) !== null)
    ? { refresh_token: refreshToken, client_id: clientId, client_secret: clientSecret }
    : {};

/** RFC 3339; older versions wrote "2020-01-01T00:00:00UTC". */
const timeOf = (value: unknown): string | null => textOf(value)?.replace(/UTC$/, 'Z') ?? null;
