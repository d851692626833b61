import { createHash } from 'node:crypto';
import type { Kept } from './kept.ts';
import { type Moment, uptimeElapsedMs } from './platform/clock.ts';
import type { ClientExtras, SignIn } from './record-extras.ts';
import type { Secret } from './secret.ts';

/**
 * The record: all that is stored of one login, and the rules that need nothing else
 * (rotation merge, freshness, names). Its text form is in `record-format.ts`.
 */
export interface Credential {
  /** Identifies this grant; random; a new login or import under the same name gets a new one. */
  readonly recordId: string;
  /** Grows by one with every new token. Never goes back, also over a new login. */
  readonly generation: number;

  readonly accessToken: Secret | null;
  /** RFC 6749 section 7.1, as the server wrote it; `Bearer` if it said nothing. */
  readonly tokenType: string;
  /** When the request that brought the access token was sent: lifetimes count from here. */
  readonly issued: Moment;
  /** Seconds the server stated (`expires_in`, RFC 6749 section 5.1); null if it stated none. */
  readonly lifetime: number | null;
  /** How the access token got here: only one from a refresh can be "rejected again". */
  readonly obtained: 'import' | 'refresh';
  /** This access token was rejected by a resource server and must not be handed out again. */
  readonly rejected: boolean;
  /** Fraction of the lifetime after which it is due for renewal: the proactive point. */
  readonly refreshAt: number;
  readonly scope: string | null;
  readonly idToken: Secret | null;
  /** Seconds since 1970, the id token's `exp` claim. */
  readonly idTokenExpiresAt: number | null;

  readonly refreshToken: Secret | null;
  readonly client: Client;
  readonly provider: string | null;
  /** Hosts that may be given the access token. */
  readonly hosts: readonly string[];
  /** Where the API of this account is, if the provider is one that says so with its tokens. */
  readonly instanceUrl?: string | undefined;

  readonly state: State;
  readonly lastAttempt: Attempt | null;
  /** Where this record was last written; null in what never was, or by a version that did not say. */
  readonly origin: Origin | null;
  /** The refresh token is spent, and its successor had to be saved in this file instead. */
  readonly lifeboat: string | null;
  /** Where the secrets are that are kept apart; null: in the record's file, like everything else. */
  readonly kept: Kept | null;
  /** How it was signed in to, so that `tokenctl login NAME` can do the same again; absent in an import. */
  readonly signIn?: SignIn | undefined;
  /** Members this version does not know, kept as they were. */
  readonly unknown: Readonly<Record<string, unknown>>;
}

/** Where and as whom the refresh token may be spent (RFC 6749 section 10.4: nowhere else). */
export interface Client {
  readonly tokenEndpoint: string | null;
  readonly revocationEndpoint: string | null;
  readonly issuer: string | null;
  readonly clientId: string | null;
  readonly clientSecret: Secret | null;
  readonly authMethod: AuthMethod;
  /** Deviations of this authorization server that change what we do; see `providers/providers.ts`. */
  readonly quirks: readonly string[];
  /** What only some clients need. */
  readonly extras?: ClientExtras | undefined;
}

/** `token_endpoint_auth_method` values of RFC 7591 section 2. */
export const AUTH_METHODS = ['none', 'client_secret_basic', 'client_secret_post'] as const;
/** Those that need a key: RFC 7523 section 2.2 and RFC 8705 section 2. */
export const KEY_AUTH_METHODS = [
  'private_key_jwt',
  'tls_client_auth',
  'self_signed_tls_client_auth',
] as const;
export type AuthMethod = (typeof AUTH_METHODS)[number] | (typeof KEY_AUTH_METHODS)[number];

export interface State {
  readonly kind: 'active' | 'dead' | 'paused';
  readonly reason: string | null;
  readonly at: Moment | null;
}

/** A place, so that a copy of the record can be told from the record. See `store/origin.ts`. */
export interface Origin {
  /** Random, and the same as in the directory's anchor file. */
  readonly anchor: string;
  /** A hash of what identifies the machine. */
  readonly machine: string;
  /** The resolved path of the directory. */
  readonly directory: string;
  /** The file's own name there. */
  readonly file: string;
}

/** What the token endpoint did with one attempt, as everyone who asked in the meantime shall know it. */
export const VERDICTS = [
  'refreshed',
  'dead',
  'interaction',
  'configuration',
  'unavailable',
] as const;
export type Verdict = (typeof VERDICTS)[number];

export interface Attempt {
  readonly id: string;
  /** What was tried: {@link attemptKey} of the refresh token and client. */
  readonly key: string;
  readonly verdict: Verdict;
  /** Error code for people and programs (`invalid_grant`, `http_503`, `ECONNREFUSED` …); null if it succeeded. */
  readonly error: string | null;
  readonly description: string | null;
  readonly sent: Moment;
  readonly ended: Moment;
  /** Milliseconds after `ended` during which nobody needs to ask again. */
  readonly backoffMs: number;
  /** How many attempts in a row have failed, this one included. */
  readonly failures: number;
  /** How often this refresh token has been sent without an answer. */
  readonly unanswered: number;
  /** The lease under which it was made. */
  readonly lease: string;
}

/** A successful token response (RFC 6749 section 5.1), reduced to what was well-formed. */
export interface TokenResponse {
  readonly accessToken: Secret | null;
  readonly tokenType: string;
  /** `expires_in`, seconds. */
  readonly lifetime: number | null;
  /** undefined: the server said nothing, what is stored stays. */
  readonly refreshToken?: Secret | undefined;
  readonly scope?: string | undefined;
  readonly idToken?: Secret | undefined;
  readonly idTokenExpiresAt?: number | null | undefined;
  /** Where the API of this account is. */
  readonly instanceUrl?: string | undefined;
}

/** A name of a login: safe as a file name on every system, and never an option or a path. */
export const LOGIN_NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;

export const DEFAULT_REFRESH_AT = 0.75;

/** Deadlines come this much before expiry, for clock drift and the way to the resource server. */
const MAX_SKEW_MS = 30_000;
/** … but never more than this part of a short lifetime: a 2-second token stays usable for 1.8 s. */
const SKEW_FRACTION = 0.1;
/** A wall clock this far before the record was written has been stepped back: trust nothing it says. */
export const CLOCK_TOLERANCE_MS = 60_000;

export type Freshness = 'fresh' | 'window' | 'expired';

/**
 * Where the access token stands in its lifetime. The older of the ages that the two clocks of a
 * {@link Moment} give is believed, so that a stepped clock costs one early refresh and no more.
 */
export const freshness = (record: Credential, now: Moment): Freshness => {
  if (record.accessToken === null) {
    return 'expired';
  }
  // Due at once: what was saved in a lifeboat is in a place that a reboot empties.
  const soonest = record.lifeboat === null ? 'fresh' : 'window';
  if (record.lifetime === null) {
    return soonest;
  }
  const age = ageMs(record, now);
  if (age >= deadlineMs(record)) {
    return 'expired';
  }
  return age >= proactiveMs(record) || isSteppedBack(record, now) ? 'window' : soonest;
};

/** Milliseconds until the access token expires, without skew; null if no lifetime was stated. */
export const remainingMs = (record: Credential, now: Moment): number | null =>
  record.lifetime === null ? null : record.lifetime * 1000 - ageMs(record, now);

/** The older of the two ages that the clocks give. */
const ageMs = ({ issued }: Credential, now: Moment): number =>
  Math.max(0, now.epochMs - issued.epochMs, uptimeElapsedMs(issued, now) ?? 0);

/** The wall clock was stepped back, and there is no boot clock to tell the age instead. */
const isSteppedBack = ({ issued }: Credential, now: Moment): boolean =>
  uptimeElapsedMs(issued, now) === null && now.epochMs < issued.epochMs - CLOCK_TOLERANCE_MS;

const skewMs = (lifetimeMs: number): number => Math.min(MAX_SKEW_MS, lifetimeMs * SKEW_FRACTION);

/** Age at which the access token is no longer handed out. */
export const deadlineMs = (record: Credential): number => {
  const lifetimeMs = (record.lifetime ?? Number.POSITIVE_INFINITY) * 1000;
  return lifetimeMs - skewMs(lifetimeMs);
};

/** Age at which the access token is due for renewal. */
export const proactiveMs = (record: Credential): number => {
  const deadline = deadlineMs(record);
  // Where a refresh kills the old access token at once, siblings still using it would be cut off.
  return record.client.quirks.includes('refresh-revokes-access-token')
    ? deadline
    : Math.min(deadline, (record.lifetime ?? Number.POSITIVE_INFINITY) * 1000 * record.refreshAt);
};

/** Epoch milliseconds at which the access token expires; null if no lifetime was stated. */
export const expiresAtMs = (record: Credential): number | null =>
  record.lifetime === null ? null : record.issued.epochMs + record.lifetime * 1000;

/**
 * The record after a successful refresh (RFC 6749 section 6): a response without `refresh_token`
 * keeps the old one, and nothing that is absent overwrites anything.
 */
export const mergeTokens = (
  previous: Credential,
  response: TokenResponse,
  issued: Moment,
  attempt: Attempt | null,
): Credential => ({
  ...previous,
  generation: previous.generation + 1,
  accessToken: response.accessToken,
  tokenType: response.tokenType,
  issued,
  lifetime: response.lifetime,
  obtained: 'refresh',
  rejected: false,
  scope: response.scope ?? previous.scope,
  idToken: response.idToken ?? previous.idToken,
  idTokenExpiresAt:
    response.idToken === undefined
      ? previous.idTokenExpiresAt
      : (response.idTokenExpiresAt ?? null),
  refreshToken: response.refreshToken ?? previous.refreshToken,
  ...(response.instanceUrl !== undefined && atInstance(previous.hosts, response.instanceUrl)),
  state: { kind: 'active', reason: null, at: null },
  lastAttempt: attempt,
  lifeboat: null,
});

/** The members of a record that an instance's address decides. */
export const atInstance = (
  hosts: readonly string[],
  instanceUrl: string,
): Pick<Credential, 'hosts' | 'instanceUrl'> => ({
  instanceUrl,
  hosts: [...new Set([...hosts, new URL(instanceUrl).host])],
});
/** It is renewed without a person: by a refresh token, or by a grant that needs none. */
export const isRenewed = ({ refreshToken, client }: Credential): boolean =>
  refreshToken !== null || (client.extras?.grant ?? 'refresh_token') !== 'refresh_token';

/** Hash of the refresh token: names the parent of a next record without holding it. */
export const tokenHash = (refreshToken: Secret | null): string =>
  refreshToken === null ? 'none' : refreshToken.fingerprint();

const keysOf = ({ clientKey, assertion, tls, dpopKey }: ClientExtras): (string | null)[] =>
  [clientKey, assertion?.key, tls?.key, dpopKey].map((key) => key?.fingerprint() ?? null);

/**
 * Identifies what an attempt tried: the refresh token, and as whom and where. A change of
 * either makes an earlier failure meaningless.
 */
export const attemptKey = ({ refreshToken, client }: Credential): string =>
  createHash('sha256')
    .update(
      JSON.stringify([
        tokenHash(refreshToken),
        client.tokenEndpoint,
        client.clientId,
        client.clientSecret?.fingerprint() ?? null,
        client.authMethod,
        ...(client.extras === undefined ? [] : [keysOf(client.extras)]),
      ]),
    )
    .digest('hex');
