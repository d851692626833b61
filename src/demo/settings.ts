/** How the demo authorization server behaves. `configure` changes it while it runs. */
export interface ServerSettings {
  /** Seconds, may be fractional; null: `expires_in` is left out and access tokens do not expire. */
  accessTokenLifetime: number | null;
  /** Random bytes in an access token, which is twice as many characters (hex). */
  accessTokenBytes: number;
  /** How long the answer is held back when the server's state has already changed. */
  latencyMs: number;
  /** How long a token request waits before it is processed. */
  latencyBeforeMs: number;
  /** Whether a refresh replaces the refresh token. */
  rotate: boolean;
  /** Whether a spent refresh token revokes its family (RFC 9700 section 4.14.2). */
  detectReuse: boolean;
  /** How long the refresh token before the live one may be repeated without harm. */
  graceMs: number;
  /** Whether a refresh ends the earlier access tokens at once, as at GitHub Apps and GitLab. */
  refreshRevokesAccessToken: boolean;
  /** All scopes that this server grants, space-separated. */
  scope: string;
}

export const DEFAULT_SETTINGS: Readonly<ServerSettings> = {
  accessTokenLifetime: 3600,
  accessTokenBytes: 20,
  latencyMs: 0,
  latencyBeforeMs: 0,
  rotate: true,
  detectReuse: true,
  graceMs: 0,
  refreshRevokesAccessToken: false,
  scope: 'read write',
};

export const withDefaults = (
  given: {
    readonly [Name in keyof ServerSettings]?: ServerSettings[Name] | undefined;
  },
): ServerSettings => {
  const known = Object.keys(DEFAULT_SETTINGS) as (keyof ServerSettings)[];
  const chosen = known.filter((name) => given[name] !== undefined);
  return { ...DEFAULT_SETTINGS, ...Object.fromEntries(chosen.map((name) => [name, given[name]])) };
};
