import type { Credential, TokenResponse } from './credential.ts';

/** What one request to the token endpoint came to. */
export type RefreshOutcome =
  | Granted
  /** The authorization server answered no, and will say no again. */
  | {
      readonly kind: 'rejected';
      /**
       * `dead`: this refresh token will never work again. `interaction`: a person is needed, the
       * token is not dead. `configuration`: the client or the request is wrong, the token is not dead.
       */
      readonly verdict: 'dead' | 'interaction' | 'configuration';
      readonly error: string;
      readonly description: string | null;
    }
  /** Not now. */
  | {
      readonly kind: 'unavailable';
      /**
       * `not-sent`: the refresh token cannot have reached the server. `answered`: the server
       * answered without rotating. `ambiguous`: it was sent and no answer came, so the server
       * may have rotated.
       */
      readonly fault: 'not-sent' | 'answered' | 'ambiguous';
      /** Worth one more try within seconds (408, 425, 429, 5xx and their like), unlike a captive portal. */
      readonly transient: boolean;
      readonly error: string;
      readonly description: string | null;
      /** `Retry-After` (RFC 9110 section 10.2.3), milliseconds from now. */
      readonly retryAfterMs: number | null;
    };

/** New tokens. They must be durable before {@link Granted.judge} is asked what else the answer says. */
export interface Granted {
  readonly kind: 'granted';
  readonly tokens: TokenResponse;
  readonly judge: () => Promise<Judgement>;
}

export interface Judgement {
  /** The access token may be handed out. */
  readonly accessTokenUsable: boolean;
  /** The id token may be handed out; true when there is none. */
  readonly idTokenUsable: boolean;
  /** One line each, safe to print. */
  readonly problems: readonly string[];
}

/** How long one request may take. */
export interface RefreshLimits {
  /** Until a connection is established (name, TCP, proxy, TLS): up to there nothing has been sent. */
  readonly connectTimeoutMs: number;
  /** From then until the whole answer is there. Giving up here is what can lose a rotation. */
  readonly answerTimeoutMs: number;
  /**
   * Called when the connection is there and nothing has been sent yet. false: the lease is gone and
   * nothing may be sent.
   */
  readonly beforeSending: () => Promise<boolean>;
}

/** One try at renewing a record, without retries. */
export interface RefreshFunction {
  (record: Credential, limits: RefreshLimits): Promise<RefreshOutcome>;
  /** The caller's own function: it needs no refresh token of ours. */
  readonly own: boolean;
}
