import type { Credential } from './credential.ts';
import { printable, TokenctlError } from './errors.ts';
import { systemClock } from './platform/clock.ts';
import { afterRunning } from './platform/running-time.ts';
import type { RefreshFunction, RefreshLimits, RefreshOutcome } from './refresh-outcome.ts';
import { type TokenSet, takeTokenSet } from './token-set.ts';

/** What an own refresh function is given: what is stored now, null members where there is nothing. */
export interface PreviousTokens {
  readonly access_token: string | null;
  readonly refresh_token: string | null;
  readonly scope: string | null;
  readonly id_token: string | null;
}

export type RefreshWith = (previous: PreviousTokens) => Promise<TokenSet>;

/** Gives a caller's own function the whole guarantee: it is called under the lease, like OAuth is. */
export const ownRefresh = (refreshWith: RefreshWith, timeoutMs: number): RefreshFunction =>
  Object.assign(
    async (record: Credential, { beforeSending }: RefreshLimits): Promise<RefreshOutcome> => {
      if (!(await beforeSending())) {
        return NOT_SENT;
      }
      try {
        return granted(await within(timeoutMs, refreshWith(previousOf(record))));
      } catch (error) {
        return failed(error);
      }
    },
    { own: true },
  );

/** The lease and the program's signals are held meanwhile: not for ever. */
const within = async <T>(ms: number, promise: Promise<T>): Promise<T> => {
  let cancel = () => {};
  const timeout = new Promise<never>((_, reject) => {
    cancel = afterRunning(ms, () =>
      reject(new TokenctlError('unavailable', `no answer within ${ms} ms`)),
    );
  });
  try {
    return await Promise.race([promise, timeout]);
  } finally {
    cancel();
  }
};

const NOT_SENT: RefreshOutcome = {
  kind: 'unavailable',
  fault: 'not-sent',
  transient: false,
  error: 'lease_lost',
  description: null,
  retryAfterMs: null,
};

const previousOf = (record: Credential): PreviousTokens => ({
  access_token: record.accessToken?.reveal() ?? null,
  refresh_token: record.refreshToken?.reveal() ?? null,
  scope: record.scope,
  id_token: record.idToken?.reveal() ?? null,
});

const granted = (set: TokenSet): RefreshOutcome => {
  // The old refresh token is spent by now: what is wrong beside the new one must not cost it.
  const { tokens, problems } = takeTokenSet({ ...set }, systemClock());
  const accessTokenUsable = tokens.accessToken !== null;
  const judgement = {
    accessTokenUsable,
    idTokenUsable: true,
    problems: accessTokenUsable
      ? problems
      : [...problems, 'the refresh function gave no access_token'],
  };
  return { kind: 'granted', tokens, judge: async () => judgement };
};

const failed = (error: unknown): RefreshOutcome => {
  const known = error instanceof TokenctlError ? error : null;
  // Another error's message may hold a token: only its name gets out.
  const description = known === null ? null : printable(known.message);
  const name = error instanceof Error ? error.name : 'Error';
  if (known?.code === 'login_required') {
    return { kind: 'rejected', verdict: 'dead', error: known.code, description };
  }
  if (known?.code === 'refused' || known?.code === 'usage') {
    return { kind: 'rejected', verdict: 'configuration', error: known.code, description };
  }
  return {
    kind: 'unavailable',
    // Nobody knows how far it got.
    fault: 'ambiguous',
    transient: false,
    error: name,
    description,
    retryAfterMs: null,
  };
};
