import { randomUUID } from 'node:crypto';
import { changeRecord } from './change-record.ts';
import { type Credential, DEFAULT_REFRESH_AT, freshness } from './credential.ts';
import { TokenctlError } from './errors.ts';
import { noSuchLogin } from './messages.ts';
import { ownRefresh, type RefreshWith } from './own-refresh.ts';
import { type Clock, type Moment, monotonicMs, systemClock } from './platform/clock.ts';
import { createSignalHold } from './platform/signals.ts';
import type { RefreshFunction, RefreshLimits } from './refresh-outcome.ts';
import { Secret, shortFingerprint } from './secret.ts';
import type { Store } from './store/store.ts';
import { type Token, tokenOf } from './token.ts';
import { getToken } from './token-manager.ts';
import type { Trace } from './trace.ts';

export interface TokenManagerOptions {
  /** Where the login is kept: `fileStore('github')`, `fileStore('/path/to/file.json')` or `memoryStore()`. */
  readonly store: Store;
  /**
   * How to get new tokens, if not by OAuth from what is stored. Called by at most one process at a
   * time for one file store, with what is stored now; gives a token response (RFC 6749 section 5.1).
   * If it throws, the failure counts as passing, unless it throws a `TokenctlError` with the code
   * `login_required` (the refresh token is dead) or `refused` (the configuration is wrong).
   */
  readonly refresh?: RefreshWith | undefined;
  /** How long `refresh` may take before it counts as failed, milliseconds; 30 s if absent. */
  readonly refreshTimeoutMs?: number | undefined;
  /** Asked for with each renewal, if by OAuth: a narrower scope, another resource (RFC 8707). */
  readonly parameters?: RenewalParameters | undefined;
  /** Fraction of the stated lifetime after which to renew, 0 to 1; 0.75 if absent. */
  readonly refreshAt?: number | undefined;
  /** Called after new tokens have become durable. What it throws becomes a warning. */
  readonly onRefresh?: ((token: Token) => void | Promise<void>) | undefined;
  /** Told once when another process is being waited for. */
  readonly onWait?: ((holder: string) => void) | undefined;
  /** Told what is decided and what is sent, step by step, without secrets. What it throws is ignored. */
  readonly trace?: Trace | undefined;
  readonly clock?: Clock | undefined;
}

export interface RenewalParameters {
  readonly scope?: string | undefined;
  readonly resource?: string | undefined;
  /** Other secrets of the login, which an answer must not bring into a message. */
  readonly held?: readonly Secret[] | undefined;
}

export interface GetOptions {
  /** Renew even if the access token is fresh; satisfied by any refresh sent after `asked`. */
  readonly force?: boolean | undefined;
  /** Never renew. */
  readonly noRefresh?: boolean | undefined;
  /** Milliseconds the token should stay valid. */
  readonly minTtlMs?: number | undefined;
  /** An access token that a resource server rejected (401). */
  readonly rejected?: string | Secret | undefined;
  /** Longest wait for another process, milliseconds; 30 s if absent. */
  readonly timeoutMs?: number | undefined;
  /** When the caller asked; now, if absent. */
  readonly asked?: Moment | undefined;
}

export interface TokenManager {
  /**
   * An access token that is valid now.
   *
   * @throws {TokenctlError} with the codes `no_such_login`, `login_required`, `unavailable`,
   *   `refused`, `paused`
   */
  getValidToken(options?: GetOptions): Promise<Token>;
  /**
   * Marks the stored access token as rejected, so that the next request renews it. With `rejected`,
   * only if that is the stored one.
   *
   * @returns whether anything was marked
   */
  invalidate(rejected?: string | Secret, timeoutMs?: number): Promise<boolean>;
  /** What is stored, as it is, without asking anyone; null if there is no access token. */
  peek(): Promise<(Token & { readonly freshness: 'fresh' | 'window' | 'expired' }) | null>;
}

/** A wait is bounded: a script should hear within half a minute that it must wait longer. */
export const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * A token that is not due is handed out again without looking at the store for so long: a rotation or
 * invalidation by another process is noticed within this time.
 */
const MEMORY_MS = 250;

/** One login, kept valid for this process and every other one that uses the same store. */
export const createTokenManager = (options: TokenManagerOptions): TokenManager => {
  const { store, clock = systemClock, refreshAt = null } = options;
  if (refreshAt !== null && !(refreshAt > 0 && refreshAt <= 1)) {
    throw new TokenctlError('usage', 'refreshAt must be more than 0 and at most 1');
  }
  const trace = harmless(options.trace);
  const refresh =
    options.refresh === undefined
      ? oauthRefresh(trace, options.parameters)
      : ownRefresh(options.refresh, options.refreshTimeoutMs ?? DEFAULT_TIMEOUT_MS);
  const story = {
    store,
    refresh,
    clock,
    refreshAt,
    createSignalHold,
    onWait: options.onWait ?? (() => {}),
    trace,
  };
  let inFlight: Promise<Token> | null = null;
  let remembered: { readonly token: Promise<Token>; readonly untilMs: number } | null = null;

  const get = async (get: GetOptions): Promise<Token> => {
    const end = monotonicMs() + (get.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    const request = {
      ask: {
        asked: get.asked ?? clock(),
        force: get.force ?? false,
        noRefresh: get.noRefresh ?? false,
        minTtlMs: get.minTtlMs ?? 0,
        rejected: toSecret(get.rejected),
      },
      remainingMs: () => end - monotonicMs(),
    };
    if (refresh.own && (await store.read()) === null) {
      await changeRecord(
        store,
        request.remainingMs(),
        (current) => current ?? emptyRecord(clock()),
      );
    }
    const token = await getToken(story, request).catch(async (error) => {
      if (await isReadable(store)) {
        throw error;
      }
      await mend(store, request.remainingMs(), error);
      return getToken(story, request);
    });
    trace?.('token', {
      expires_at: token.expiresAt?.toISOString() ?? null,
      refreshed: token.refreshed,
      saved: token.saved,
    });
    return token.refreshed && options.onRefresh !== undefined
      ? withWarning(token, await callback(options.onRefresh, token))
      : token;
  };

  /** What is under way or remembered was asked for before this. */
  const forget = () => {
    inFlight = null;
    remembered = null;
  };
  const forgetting = async <T>(change: Promise<T>): Promise<T> => {
    forget();
    try {
      return await change;
    } finally {
      forget();
    }
  };
  const look = (): Promise<Token> => {
    const lookedMs = monotonicMs();
    const looking: Promise<Token> = get({}).then(
      (token) => {
        if (inFlight === looking) {
          forget();
          const dueInMs = (token.dueAt?.getTime() ?? Number.POSITIVE_INFINITY) - clock().epochMs;
          // What there was to tell is told once.
          const again = Promise.resolve({ ...token, warnings: [], refreshed: false });
          remembered = { token: again, untilMs: lookedMs + Math.min(MEMORY_MS, dueInMs) };
        }
        return token;
      },
      (error) => {
        if (inFlight === looking) {
          forget();
        }
        throw error;
      },
    );
    return looking;
  };

  return {
    getValidToken: (getOptions) => {
      if (getOptions !== undefined) {
        return forgetting(get(getOptions));
      }
      if (remembered !== null && monotonicMs() < remembered.untilMs) {
        return remembered.token;
      }
      // Everybody in this process who wants the same at the same time gets the same promise.
      inFlight ??= look();
      return inFlight;
    },
    invalidate: (rejected, timeoutMs) =>
      forgetting(invalidate(store, toSecret(rejected), timeoutMs ?? DEFAULT_TIMEOUT_MS)),
    peek: async () => {
      const stored = await store.read();
      return stored === null || stored.record.accessToken === null
        ? null
        : {
            ...tokenOf(store.login, stored.record, { warnings: stored.warnings }),
            freshness: freshness(stored.record, clock()),
          };
    },
  };
};

/** Between the sending of a refresh token and the saving of the next one nothing of others may fail. */
const harmless = (trace: Trace | undefined): Trace | undefined =>
  trace === undefined
    ? undefined
    : (step, details) => {
        try {
          trace(step, details);
        } catch {
          // See TokenManagerOptions.
        }
      };

/** Renewal by OAuth, loaded when the first refresh is due: a fresh token needs none of it. */
const oauthRefresh = (
  trace: Trace | undefined,
  { held: more = [], ...parameters }: RenewalParameters = {},
): RefreshFunction =>
  Object.assign(
    async (record: Credential, limits: RefreshLimits) => {
      const { renewTokens } = await import('./oauth/refresh.ts');
      const own = [record.accessToken, record.idToken].filter((token) => token !== null);
      const held = [...own, ...more];
      return renewTokens(record, { ...limits, ...parameters, held, trace });
    },
    { own: false },
  );

/** A damaged record may be mended by what a dead process completed: whoever holds the lease adopts it. */
const mend = async (store: Store, timeoutMs: number, error: unknown): Promise<void> => {
  await changeRecord(store, timeoutMs, () => null).catch(() => {
    throw error;
  });
};

const isReadable = (store: Store): Promise<boolean> =>
  store.read().then(
    () => true,
    () => false,
  );

const invalidate = async (
  store: Store,
  rejected: Secret | null,
  timeoutMs: number,
): Promise<boolean> => {
  const found = await store.read().catch((error) => mend(store, timeoutMs, error));
  // Not even a lock is made for a name that means nothing.
  if (found === null) {
    throw noSuchLogin(store.login);
  }
  const changed = await changeRecord(store, timeoutMs, (current) => {
    if (current === null) {
      throw noSuchLogin(store.login);
    }
    const concerns = rejected === null || rejected.equals(current.accessToken);
    return concerns && !current.rejected ? { ...current, rejected: true } : null;
  });
  if (changed !== null) {
    await store.audit?.({
      event: 'invalidate',
      login: store.login,
      generation: changed.generation,
      token: shortFingerprint(changed.accessToken),
    });
  }
  return changed !== null;
};

/** What an own refresh function starts from: nothing, already due. */
const emptyRecord = (now: Moment): Credential => ({
  recordId: randomUUID(),
  generation: 0,
  accessToken: null,
  tokenType: 'Bearer',
  issued: now,
  lifetime: null,
  obtained: 'import',
  rejected: false,
  refreshAt: DEFAULT_REFRESH_AT,
  scope: null,
  idToken: null,
  idTokenExpiresAt: null,
  refreshToken: null,
  client: {
    tokenEndpoint: null,
    revocationEndpoint: null,
    issuer: null,
    clientId: null,
    clientSecret: null,
    authMethod: 'none',
    quirks: [],
  },
  provider: null,
  hosts: [],
  state: { kind: 'active', reason: null, at: null },
  lastAttempt: null,
  origin: null,
  lifeboat: null,
  kept: null,
  unknown: {},
});

const callback = async (
  onRefresh: NonNullable<TokenManagerOptions['onRefresh']>,
  token: Token,
): Promise<string | null> => {
  try {
    await onRefresh(token);
    return null;
  } catch {
    // Its message could hold what it was given.
    return 'onRefresh failed';
  }
};

const withWarning = (token: Token, warning: string | null): Token =>
  warning === null ? token : { ...token, warnings: [...token.warnings, warning] };

const toSecret = (value: string | Secret | undefined): Secret | null =>
  value === undefined ? null : typeof value === 'string' ? new Secret(value) : value;
