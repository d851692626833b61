import { codeHosts } from './presets/code-hosts.ts';
import { identity } from './presets/identity.ts';
import { services } from './presets/services.ts';
import type { Quirk } from './quirks.ts';

export type { Quirk } from './quirks.ts';

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
  /** The user name it wants beside an access token in the place of a password (RFC 7617), if not just any. */
  readonly basicUsername?: string;
  /**
   * What a refresh does to the refresh token. `single-use`: it is spent, and using it again may end the
   * login; `replaced`: a new one comes, the old one is forgiven; `optional`: as it is configured there;
   * `none`: it stays. Absent: not documented.
   */
  readonly rotation?: 'single-use' | 'replaced' | 'optional' | 'none';
  readonly quirks: readonly Quirk[];
  /** What else a person should know, one sentence or two each. */
  readonly notes?: readonly string[];
  /** Where a person takes the login back, if no program can. */
  readonly accountPage?: string;
  /** Where one gets a client id. */
  readonly registration?: string;
  /** Where these facts are documented. */
  readonly documentation: string;
}

/** The presets, by name. Any other provider works by its endpoints, or from `config.toml`. */
export const providers: Readonly<Record<string, Provider>> = {
  ...codeHosts,
  ...identity,
  ...services,
};
