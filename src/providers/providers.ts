/** What is known of an authorization server. Data only; deviations are named quirks. */
export interface Provider {
  readonly tokenEndpoint: string;
  readonly revocationEndpoint?: string;
  readonly issuer?: string;
  /** Where its access tokens may be sent. */
  readonly hosts: readonly string[];
  /** How a client that has a secret authenticates (RFC 7591 `token_endpoint_auth_method`). */
  readonly authMethodWithSecret: 'client_secret_basic' | 'client_secret_post';
  readonly quirks: readonly Quirk[];
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
