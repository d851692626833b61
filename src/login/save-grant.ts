import { randomUUID } from 'node:crypto';
import { underLease } from '../change-record.ts';
import {
  atInstance,
  type Credential,
  DEFAULT_REFRESH_AT,
  type TokenResponse,
} from '../credential.ts';
import { TokenctlError } from '../errors.ts';
import { saveIn } from '../keep-apart.ts';
import { type Place, secretsOf } from '../kept.ts';
import { type Moment, systemClock } from '../platform/clock.ts';
import { createSignalHold } from '../platform/signals.ts';
import type { Granted, RefreshOutcome } from '../refresh-outcome.ts';
import { shortFingerprint } from '../secret.ts';
import type { Store, StoreLease } from '../store/store.ts';
import { type Account, accountOf, isSameAccount } from './account.ts';
import { revokeUnkept } from './revoke.ts';
import type { LoginSettings } from './settings.ts';

export interface Saved {
  readonly record: Credential;
  readonly account: Account | null;
  /** What a person should know although all went well. */
  readonly warnings: readonly string[];
}

export interface SaveOptions {
  readonly timeoutMs: number;
  readonly replace: boolean;
  /** What the id token must repeat; null: nothing. */
  readonly nonce: string | null;
  readonly redirectUri: string | null;
  /** Where to keep what can be kept apart; absent: where that of the login before is. */
  readonly place?: Place | undefined;
  readonly env: NodeJS.ProcessEnv;
}

/**
 * Asks the token endpoint and saves what it grants, under the login's lock: nobody can renew what is
 * about to be replaced, and that there is room for it is proved first. An answer that grants nothing
 * changes nothing.
 *
 * @throws {TokenctlError} `refused` where the account is another one than before, or nothing can be
 *   saved; what was granted is revoked then
 */
export const saveGrant = async (
  store: Store,
  settings: LoginSettings,
  obtain: () => Promise<RefreshOutcome>,
  options: SaveOptions,
): Promise<Saved | NotGranted> => {
  const signals = createSignalHold();
  // Whoever loses the lease after the answer keeps it: a code works once.
  const answers: Answer[] = [];
  try {
    const result = await underLease<Saved | NotGranted>(store, options.timeoutMs, async (lease) => {
      await lease.inherit(new Set());
      const current = (await lease.read())?.record ?? null;
      if ((await lease.reserve(current)) !== 'done') {
        return 'lost';
      }
      if (answers[0] === undefined) {
        signals.hold();
        const sent = systemClock();
        const outcome = await obtain();
        if (outcome.kind !== 'granted') {
          return { result: outcome };
        }
        answers.push({ outcome, sent });
      }
      const saved = await save(lease, current, answers[0] as Answer, settings, options);
      return saved === 'lost' ? 'lost' : { result: saved };
    });
    return 'record' in result ? await readBack(store, result) : result;
  } catch (error) {
    throw answers[0] === undefined ? error : await givenUp(error, answers[0], settings, options);
  } finally {
    await signals.release();
  }
};

type NotGranted = Exclude<RefreshOutcome, { kind: 'granted' }>;

interface Answer {
  readonly outcome: Granted;
  readonly sent: Moment;
}

/** What is wrong beside a good refresh token costs a warning and not the login. */
const save = async (
  lease: StoreLease,
  current: Credential | null,
  { outcome, sent }: Answer,
  settings: LoginSettings,
  { nonce, replace, redirectUri, place }: SaveOptions,
): Promise<Saved | 'lost'> => {
  const { idTokenUsable, accessTokenUsable, problems } = await outcome.judge();
  const account = idTokenUsable ? await accountOf(outcome.tokens.idToken) : null;
  requireNonce(settings, account, nonce);
  if (!replace) {
    requireSameAccount(settings, await accountOf(current?.idToken), account);
  }
  const granted = recordOf(settings, outcome.tokens, sent, current, redirectUri);
  if (!accessTokenUsable && granted.refreshToken === null) {
    throw new TokenctlError('refused', `the answer is of no use: ${problems.join('; ')}`, {
      login: settings.login,
    });
  }
  const record = {
    ...granted,
    ...(idTokenUsable ? {} : { idToken: null, idTokenExpiresAt: null }),
    ...(accessTokenUsable ? {} : { accessToken: null, lifetime: null }),
  };
  const kept = await keep(lease, settings.login, current, record, place);
  return kept === 'lost'
    ? 'lost'
    : { record: kept.record, account, warnings: [...problems, ...kept.warnings] };
};

/** What cannot be kept where it should be is kept in the file: it is new, and there is no other copy. */
const keep = async (
  lease: StoreLease,
  login: string,
  current: Credential | null,
  record: Credential,
  wanted: Place | undefined,
): Promise<{ record: Credential; warnings: readonly string[] } | 'lost'> => {
  const apart = secretsOf(record).size === 0 ? 'file' : (wanted ?? current?.kept?.place ?? 'file');
  const before = current === null ? [] : await lease.ownSlots(current);
  try {
    const saved = await saveIn(lease, login, current, record, apart, before);
    return saved === 'lost' ? 'lost' : { record: saved.record, warnings: [] };
  } catch (error) {
    if (apart === 'file' || !(error instanceof TokenctlError)) {
      throw error;
    }
    const now = (await lease.read())?.record ?? null;
    const saved = await saveIn(lease, login, now, record, 'file', before);
    const warning = `${error.message}; it is kept in the file: tokenctl store ${login} --to ${apart}`;
    return saved === 'lost' ? 'lost' : { record: saved.record, warnings: [warning] };
  }
};

const requireNonce = (
  { login }: LoginSettings,
  account: Account | null,
  nonce: string | null,
): void => {
  if (nonce !== null && account !== null && account.nonce !== nonce) {
    throw new TokenctlError('refused', 'the id token belongs to another sign-in (nonce)', {
      login,
      hint: 'check that nobody interferes; then try again',
    });
  }
};

const requireSameAccount = (
  { login }: LoginSettings,
  before: Account | null,
  now: Account | null,
): void => {
  if (!isSameAccount(before, now)) {
    throw new TokenctlError(
      'refused',
      `this name holds the account ${before?.name}, and you signed in as ${now?.name}`,
      {
        login,
        hint: `choose another name for it, or replace what is held: tokenctl login ${login} --replace`,
      },
    );
  }
};

const recordOf = (
  { login: _, ...settings }: LoginSettings,
  tokens: TokenResponse,
  issued: Moment,
  current: Credential | null,
  redirectUri: string | null,
): Credential => ({
  recordId: randomUUID(),
  // Never back, also over a new login: an older generation is how a restored copy is recognised.
  generation: (current?.generation ?? 0) + 1,
  accessToken: tokens.accessToken,
  tokenType: tokens.tokenType,
  issued,
  lifetime: tokens.lifetime,
  obtained: 'import',
  rejected: false,
  refreshAt: DEFAULT_REFRESH_AT,
  // RFC 6749 section 5.1: what is not said is what was asked for.
  scope: tokens.scope ?? settings.scope,
  idToken: tokens.idToken ?? null,
  idTokenExpiresAt: tokens.idTokenExpiresAt ?? null,
  refreshToken: tokens.refreshToken ?? null,
  client: settings.client,
  provider: settings.provider,
  hosts: settings.hosts,
  ...(tokens.instanceUrl === undefined ? {} : atInstance(settings.hosts, tokens.instanceUrl)),
  state: { kind: 'active', reason: null, at: null },
  lastAttempt: null,
  origin: null,
  lifeboat: null,
  kept: null,
  signIn: {
    flow: settings.flow,
    authorizationEndpoint: settings.server.authorizationEndpoint,
    deviceAuthorizationEndpoint: settings.server.deviceAuthorizationEndpoint,
    scope: settings.scope,
    parameters: settings.parameters,
    redirectUri: settings.fixedRedirectUri ?? redirectUri,
  },
  unknown: {},
});

const readBack = async (store: Store, saved: Saved): Promise<Saved> => {
  const stored = await store.read();
  if (stored?.record.recordId !== saved.record.recordId) {
    throw new TokenctlError('refused', 'the login was saved, but something else was read back', {
      login: store.login,
    });
  }
  await store.audit?.({
    event: 'login',
    login: store.login,
    generation: saved.record.generation,
    token: shortFingerprint(saved.record.refreshToken ?? saved.record.accessToken),
  });
  return { ...saved, record: stored.record };
};

/** Tokens that nobody holds must not go on living, if that can be helped. */
const givenUp = async (
  error: unknown,
  { outcome, sent }: Answer,
  settings: LoginSettings,
  { env }: SaveOptions,
): Promise<unknown> => {
  const revoked = await revokeUnkept(recordOf(settings, outcome.tokens, sent, null, null), env);
  if (!(error instanceof TokenctlError)) {
    return error;
  }
  const { code, message, login, hint, cause } = error;
  const fate = revoked
    ? 'the new tokens were revoked'
    : 'the new tokens could not be revoked and live until they expire';
  return new TokenctlError(code, `${message}; ${fate}`, { login, hint, cause });
};
