/** What is known of an authorization server. Data only; deviations are named quirks. */
export interface Provider {
  /** May contain `{host}`, `{tenant}` … : see {@link Provider.variables}. */
  readonly tokenEndpoint: string;
  readonly authorizationEndpoint?: string;
  /** RFC 8628; absent: there is no device flow. */
  readonly deviceAuthorizationEndpoint?: string;
  readonly revocationEndpoint?: string;
  /** Exact, as in its metadata and its `iss`; what is absent above may be discovered from it. */
  readonly issuer?: string;
  /** What must be said before an endpoint is known, and what it is if nothing is said. */
  readonly variables?: Readonly<Record<string, { description: string; default?: string }>>;
  /** Where its access tokens may be sent. */
  readonly hosts: readonly string[];
  /** Asked for if the user names none; those without which no refresh token comes are among them. */
  readonly scopes?: readonly string[];
  readonly scopeSeparator?: ' ' | ',';
  /** Parameters of the authorization request without which no refresh token comes. */
  readonly authorizationParameters?: Readonly<Record<string, string>>;
  /** Whether clients of this provider have a secret; `device`: needed, save with the device flow. */
  readonly clientSecret?: 'none' | 'optional' | 'required' | 'device';
  /** How a client that has a secret authenticates (RFC 7591 `token_endpoint_auth_method`). */
  readonly authMethodWithSecret: 'client_secret_basic' | 'client_secret_post';
  /** `any`: any port of the loopback redirect (RFC 8252 section 7.3); `fixed`: as registered. */
  readonly redirectPort?: 'any' | 'fixed';
  /** The host of the redirect URI that it accepts; 127.0.0.1 if it does not say. */
  readonly redirectHost?: '127.0.0.1' | 'localhost';
  readonly pkce?: 'S256' | 'none';
  /** The variable in which its tools look for an access token, such as GITHUB_TOKEN. */
  readonly environmentVariable?: string;
  readonly quirks: readonly Quirk[];
  /** Where one gets a client id. */
  readonly registration?: string;
  /** Where these facts are documented. */
  readonly documentation: string;
}

/**
 * - `refresh-revokes-access-token`: a refresh kills the old access token at once, so there is no
 *   window in which others could go on using it.
 */
export type Quirk = 'refresh-revokes-access-token';

/** Providers whose endpoints are the same for everybody; any other works by its `token_endpoint`. */
export const providers: Readonly<Record<string, Provider>> = {
  github: {
    tokenEndpoint: 'https://github.com/login/oauth/access_token',
    hosts: ['github.com', 'api.github.com'],
    authMethodWithSecret: 'client_secret_post',
    quirks: ['refresh-revokes-access-token'],
    documentation:
      'https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/refreshing-user-access-tokens',
  },
  gitlab: {
    tokenEndpoint: 'https://gitlab.com/oauth/token',
    revocationEndpoint: 'https://gitlab.com/oauth/revoke',
    hosts: ['gitlab.com'],
    authMethodWithSecret: 'client_secret_post',
    quirks: ['refresh-revokes-access-token'],
    documentation: 'https://docs.gitlab.com/api/oauth2/',
  },
  google: {
    tokenEndpoint: 'https://oauth2.googleapis.com/token',
    revocationEndpoint: 'https://oauth2.googleapis.com/revoke',
    issuer: 'https://accounts.google.com',
    hosts: ['www.googleapis.com'],
    authMethodWithSecret: 'client_secret_post',
    quirks: [],
    documentation: 'https://developers.google.com/identity/protocols/oauth2/native-app',
  },
  linear: {
    tokenEndpoint: 'https://api.linear.app/oauth/token',
    revocationEndpoint: 'https://api.linear.app/oauth/revoke',
    hosts: ['api.linear.app'],
    authMethodWithSecret: 'client_secret_post',
    quirks: [],
    documentation: 'https://linear.app/developers/oauth-2-0-authentication',
  },
  slack: {
    tokenEndpoint: 'https://slack.com/api/oauth.v2.access',
    hosts: ['slack.com'],
    authMethodWithSecret: 'client_secret_post',
    quirks: [],
    documentation: 'https://docs.slack.dev/authentication/using-token-rotation',
  },
  spotify: {
    tokenEndpoint: 'https://accounts.spotify.com/api/token',
    hosts: ['api.spotify.com'],
    authMethodWithSecret: 'client_secret_basic',
    quirks: [],
    documentation:
      'https://developer.spotify.com/documentation/web-api/tutorials/refreshing-tokens',
  },
  atlassian: {
    tokenEndpoint: 'https://auth.atlassian.com/oauth/token',
    hosts: ['api.atlassian.com'],
    authMethodWithSecret: 'client_secret_post',
    quirks: [],
    documentation: 'https://developer.atlassian.com/cloud/oauth/getting-started/refresh-tokens/',
  },
};
