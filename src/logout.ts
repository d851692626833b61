import { removeRecord, underLease } from './change-record.ts';
import type { Credential } from './credential.ts';
import { TokenctlError } from './errors.ts';
import { KEYCHAIN_LIMIT_MS } from './keep-apart.ts';
import { backAsItWas, marked, save } from './logout-record.ts';
import { noSuchLogin } from './messages.ts';
import {
  planRevocation,
  type RevocationPlan,
  type RevocationStep,
} from './oauth/revocation-plan.ts';
import { type Revoked, revoke } from './oauth/revoke.ts';
import { type Moment, systemClock } from './platform/clock.ts';
import type { TokenKind } from './providers/revocation.ts';
import { shortFingerprint } from './secret.ts';
import { faultError } from './store/kept-fault.ts';
import type { Store, StoreLease } from './store/store.ts';
import type { Trace } from './trace.ts';

export interface LogoutOptions {
  readonly timeoutMs: number;
  readonly env: NodeJS.ProcessEnv;
  readonly trace?: Trace | undefined;
}

export interface LoggedOut {
  /** Tokens that the provider has revoked, or says are none any more. */
  readonly revoked: readonly TokenKind[];
  /** Somebody else did it in the meantime. */
  readonly already: boolean;
  /** What a person should know, one line each. */
  readonly warnings: readonly string[];
}

/**
 * Revokes a login at its provider, then forgets it. In this order: the record is marked, so that nobody
 * takes it for a healthy one; the tokens are revoked; the record goes. Whoever is killed in between
 * leaves a marked record that has all the tokens, and the next logout goes on with it.
 *
 * @throws {TokenctlError} `no_such_login`; `unavailable` if the provider is: the record is kept;
 *   `refused` if it cannot be revoked there
 */
export const logout = async (store: Store, options: LogoutOptions): Promise<LoggedOut> => {
  const before = await store.read();
  if (before === null) {
    // No lock is made for a name that nothing is stored under.
    throw noSuchLogin(store.login);
  }
  const { recordId } = before.record;
  return underLease<LoggedOut>(store, options.timeoutMs, async (lease) => {
    const { inFlight, lostSends } = await lease.inherit(new Set());
    const record = (await lease.read())?.record ?? null;
    if (record === null || record.recordId !== recordId) {
      // A new login under this name is not the one that was to end.
      return { result: { revoked: [], already: true, warnings: [] } };
    }
    if (inFlight !== null) {
      // It may still bring tokens that are not here yet.
      return 'lost';
    }
    const outcome = await revokeRecord(store, lease, record, options);
    if (outcome === 'lost') {
      return 'lost';
    }
    await lease.remove();
    if ((await lease.read()) !== null) {
      return 'lost';
    }
    await auditLogout(store, record, { local: false, revoked: outcome.revoked, error: null });
    const warnings = [
      ...outcome.warnings,
      ...lease.warnings(),
      ...(lostSends > 0
        ? [
            'a refresh was cut off before; if it brought tokens, nobody has them, and they cannot be revoked',
          ]
        : []),
    ];
    return { result: { revoked: outcome.revoked, already: false, warnings } };
  });
};

/** Forgets a login here. Its provider is not told, and nothing is read: a damaged record goes too. */
export const forgetLogin = async (store: Store, timeoutMs: number): Promise<LoggedOut> => {
  if (!(await store.list()).includes(store.login)) {
    throw noSuchLogin(store.login);
  }
  const record = await store.read().then(
    (stored) => stored?.record ?? null,
    () => null,
  );
  const warnings = await removeRecord(store, timeoutMs);
  await auditLogout(store, record, { local: true, revoked: [], error: null });
  return { revoked: [], already: false, warnings };
};

const revokeRecord = async (
  store: Store,
  lease: StoreLease,
  record: Credential,
  options: LogoutOptions,
): Promise<Pick<LoggedOut, 'revoked' | 'warnings'> | 'lost'> => {
  const { login } = store;
  const foreign = await store.whyForeign(record);
  if (foreign !== null) {
    throw refuse(
      login,
      `${foreign}: a logout would end it there, too`,
      `--local forgets it here; it lives here now: tokenctl adopt ${login}`,
    );
  }
  if (record.lifeboat !== null) {
    // The stored refresh token is spent; its successor would live on.
    throw refuse(
      login,
      `the new tokens could not be saved in their place, and '${record.lifeboat}', where they were kept, is not to be seen`,
      `make it available; or, to forget what is here: tokenctl logout ${login} --local`,
    );
  }
  const opened = await lease.open(record, KEYCHAIN_LIMIT_MS);
  if (opened.kind === 'closed') {
    const { code, message, hint } = faultError(opened.fault, login);
    throw new TokenctlError(code, message, {
      login,
      hint: `${hint}; or forget it here only: tokenctl logout ${login} --local`,
    });
  }
  if (opened.record.generation !== record.generation) {
    // A holder put a new refresh token there and did not live to say so in the record.
    await save(lease, opened.record, record);
    return 'lost';
  }
  const { client, refreshToken, accessToken, idToken } = opened.record;
  const others = await lease.others(opened.record);
  const plan = await planAll(opened.record, others, systemClock());
  if (plan.kind === 'impossible') {
    const hint =
      plan.needs === 'fresh-token'
        ? `tokenctl get ${login} --force, and then again`
        : `to forget it here all the same: tokenctl logout ${login} --local`;
    throw refuse(login, `it cannot be revoked: ${plan.what}`, hint);
  }
  const mark = marked(record, systemClock());
  if (plan.steps.length > 0 && (await save(lease, mark, record)) === 'lost') {
    return 'lost';
  }
  const held = [
    refreshToken,
    accessToken,
    idToken,
    ...others.map((each) => each.accessToken),
  ].filter((token) => token !== null);
  const revoked: TokenKind[] = [];
  const warnings: string[] = [];
  for (const step of plan.steps) {
    const result = await revoke(step, client, { ...options, held });
    if (result.kind === 'dead') {
      revoked.push(step.kind);
    } else if (result.kind === 'unsupported' && isBearable(step, plan.steps)) {
      warnings.push('its access token cannot be revoked and stays valid until it expires');
    } else {
      const untouched = revoked.length === 0 && result.kind !== 'unknown';
      await (untouched ? backAsItWas(lease, record, mark) : null);
      const error = failure(login, step, result, revoked, untouched);
      await auditLogout(store, record, { local: false, revoked, error: error.message });
      throw error;
    }
  }
  return { revoked: [...new Set(revoked)], warnings: [...new Set(warnings)] };
};

/** Those that were issued beside the login's own go last: nobody renews them then. */
const planAll = async (
  record: Credential,
  others: readonly Credential[],
  now: Moment,
): Promise<RevocationPlan> => {
  const plans = await Promise.all([record, ...others].map((each) => planRevocation(each, now)));
  return (
    plans.find(({ kind }) => kind === 'impossible') ?? {
      kind: 'steps',
      steps: plans.flatMap((plan) => (plan.kind === 'steps' ? plan.steps : [])),
    }
  );
};

/** An access token ends by itself, and beside a revoked refresh token nothing renews it. */
const isBearable = ({ kind }: RevocationStep, steps: readonly RevocationStep[]): boolean =>
  kind === 'access_token' && steps.some((step) => step.kind === 'refresh_token');

const failure = (
  login: string,
  { kind }: RevocationStep,
  result: Exclude<Revoked, { kind: 'dead' }>,
  revoked: readonly TokenKind[],
  untouched: boolean,
): TokenctlError => {
  const what = kind.replace('_', ' ');
  const local = `tokenctl logout ${login} --local`;
  const done = [...new Set(revoked)]
    .map((each) => `its ${each.replace('_', ' ')} is revoked; `)
    .join('');
  if (result.kind === 'unsupported') {
    return refuse(
      login,
      `${done}its ${what} cannot be revoked there by a program`,
      `to forget it here all the same: ${local}`,
    );
  }
  const kept = untouched
    ? 'the login is kept as it is'
    : 'the login is kept, and not used any more';
  const message = `${done}its ${what} could not be revoked (${result.why}); ${kept}`;
  return result.kind === 'unknown' || result.passing
    ? new TokenctlError('unavailable', `not now: ${message}`, {
        login,
        hint: `try later: tokenctl logout ${login}; or forget it here only: ${local}`,
      })
    : refuse(login, message, `correct the login, or forget it here only: ${local}`);
};

const refuse = (login: string, message: string, hint: string): TokenctlError =>
  new TokenctlError('refused', message, { login, hint });

const auditLogout = async (
  { audit, login }: Store,
  record: Credential | null,
  rest: { local: boolean; revoked: readonly string[]; error: string | null },
): Promise<void> => {
  await audit?.({
    event: 'logout',
    login,
    generation: record?.generation ?? 0,
    token: shortFingerprint(record?.refreshToken ?? record?.accessToken ?? null),
    ...rest,
  });
};
