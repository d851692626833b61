import { type Credential, isRenewed } from './credential.ts';
import { type Decision, decide, type Refresh, tooShort } from './decide.ts';
import { TokenctlError } from './errors.ts';
import { createJudge } from './lock/judge.ts';
import type { LeaseName } from './lock/lease-name.ts';
import { describeHolder, noSuchLogin } from './messages.ts';
import { openSecrets } from './open-secrets.ts';
import { spend } from './spend.ts';
import type { Inheritance, Store, StoreLease } from './store/store.ts';
import { type Request, type Story, settle } from './story.ts';
import { type Token, tokenOf } from './token.ts';

/**
 * One access token that is valid now. Read, and if it is fresh, done. Else become the holder of the
 * lease or wait for what its holder achieves, decide again inside, and refresh once for everybody.
 *
 * @throws {TokenctlError} `no_such_login`, `login_required`, `unavailable`, `refused`, `paused`
 */
export const getToken = async (story: Story, request: Request): Promise<Token> => {
  const judge = createJudge();
  const lost = new Set<LeaseName>();
  const wait = createWait(story, request);
  for (;;) {
    const { record, warnings, decision } = await consider(story, request);
    if (decision.kind !== 'refresh') {
      return settle(story, record, decision, warnings);
    }
    const current = (more: readonly string[] = []) =>
      tokenOf(story.store.login, record, { warnings: [...warnings, ...more] });
    let holder: LeaseName | null = null;
    try {
      const turn = await story.store.tryLease(judge);
      if (turn.kind === 'held') {
        const token = await holdLease(story, request, turn.lease, lost);
        if (token !== 'again') {
          return withShortfall(story, request, token, warnings);
        }
      } else if (decision.meanwhile === 'serve') {
        return current();
      } else {
        holder = turn.holder;
      }
    } catch (error) {
      // What cannot be locked or saved (a read-only home) is no reason to withhold a token that works.
      if (decision.onFailure === 'serve' && isRefusal(error)) {
        return current([error.message]);
      }
      throw error;
    }
    await wait(holder);
  }
};

const isRefusal = (error: unknown): error is TokenctlError =>
  error instanceof TokenctlError && error.code === 'refused';

/** Says so if the provider grants less than the caller wants: another refresh would bring no more. */
const withShortfall = (
  { clock }: Story,
  { ask: { minTtlMs } }: Request,
  token: Token,
  warnings: readonly string[],
): Token => {
  const { refreshed, expiresAt } = token;
  const remaining = expiresAt === null ? null : expiresAt.getTime() - clock().epochMs;
  const short = refreshed && minTtlMs > 0 && remaining !== null && remaining < minTtlMs;
  return {
    ...token,
    warnings: [...warnings, ...token.warnings, ...(short ? [tooShort(remaining)] : [])],
  };
};

/** Everything that happens while the lease is ours. `again`: start over, somebody else got on with it. */
const holdLease = async (
  story: Story,
  request: Request,
  lease: StoreLease,
  lost: Set<LeaseName>,
): Promise<Token | 'again'> => {
  const signals = story.createSignalHold();
  try {
    const inheritance = await rollForward(story, lease, lost);
    const { record, warnings, decision } = await consider(story, request, lease);
    if (decision.kind !== 'refresh') {
      return settle(story, record, decision, warnings);
    }
    // Without a refresh token there is nothing that a dead or evicted holder could have spent.
    const { inFlight, lostSends } = record.refreshToken === null ? NOTHING_SENT : inheritance;
    // The refresh token is out there and may be spent already: not while the old token still works.
    if (decision.onFailure === 'serve' && (inFlight !== null || lostSends > 0)) {
      return tokenOf(story.store.login, record, { warnings });
    }
    if (inFlight !== null) {
      return 'again';
    }
    const opened = await openSecrets(story, request, lease, record, decision, lostSends);
    if (opened === 'again' || 'token' in opened) {
      return opened === 'again' ? opened : opened.token;
    }
    if (record.lifeboat !== null && !request.ask.force) {
      const gone = lifeboatGone(story, record.lifeboat);
      if (decision.onFailure === 'serve') {
        return tokenOf(story.store.login, record, { warnings: [...warnings, gone.message] });
      }
      throw gone;
    }
    if (lostSends > MAX_LOST_SENDS && !request.ask.force) {
      requireRest(story, inheritance);
    }
    return await spend(story, request, {
      ...{ lease, decision, lostSends, signals, lost },
      record: opened.record,
    });
  } finally {
    await lease.release();
    await signals.release();
  }
};

const NOTHING_SENT = { inFlight: null, lostSends: 0 } as const;

/** A refresh token goes out a second time if its sender died, and not a third … */
const MAX_LOST_SENDS = 1;
/** … before the provider has long forgotten both, or someone says so. Nobody knows that it is dead. */
const REST_MS = 10 * 60_000;

const requireRest = ({ clock, store }: Story, { lastSentMs }: Inheritance): void => {
  const sinceMs = clock().epochMs - (lastSentMs ?? 0);
  // A clock that was stepped back must not make it rest for years.
  if (sinceMs >= 0 && sinceMs < REST_MS) {
    throw new TokenctlError(
      'unavailable',
      'not now: the refresh token went out twice, its senders died, and neither answer was saved; it may be spent',
      {
        login: store.login,
        hint: `in ${Math.ceil((REST_MS - sinceMs) / 60_000)} min it is tried once more; now: tokenctl get ${store.login} --force`,
      },
    );
  }
};

/** What was saved outside the store has just been looked for. */
const lifeboatGone = ({ store: { login } }: Story, path: string): TokenctlError =>
  new TokenctlError(
    'login_required',
    `login required: the new token could not be saved in its place, and '${path}', where it was kept, is gone`,
    {
      login,
      hint: `tokenctl login ${login}; or, where that file still is: tokenctl get ${login}`,
    },
  );

/** What a dead holder completed becomes the record before anything is decided. */
const rollForward = async ({ store }: Story, lease: StoreLease, lost: ReadonlySet<LeaseName>) => {
  const { login, audit } = store;
  const inheritance = await lease.inherit(lost);
  for (const from of lease.evicted) {
    await audit?.({ event: 'takeover', login, lease: lease.name, from });
  }
  if (inheritance.adopted !== null) {
    const { generation } = inheritance.adopted;
    await audit?.({ event: 'adoption', login, lease: lease.name, generation });
  }
  return inheritance;
};

const consider = async (
  story: Story,
  { ask }: Request,
  source: Pick<Store | StoreLease, 'read'> = story.store,
): Promise<{ record: Credential; warnings: readonly string[]; decision: Decision }> => {
  const { store, refreshAt, clock } = story;
  const stored = await source.read();
  if (stored === null) {
    throw noSuchLogin(store.login);
  }
  const { record } = stored;
  const renewable = story.refresh.own || isRenewable(record);
  const decideIf = (foreign: string | null) =>
    decide(refreshAt === null ? record : { ...record, refreshAt }, ask, {
      now: clock(),
      renewable,
      foreign,
    });
  const decision = decideIf(null);
  // Only what is about to be spent needs to be ours.
  const foreign = decision.kind === 'refresh' ? await whyNotOurs(store, record, decision) : null;
  return {
    record,
    warnings: stored.warnings,
    decision: foreign === null ? decision : decideIf(foreign),
  };
};

/** Where that cannot be told, a token that works is not withheld; one that does not is not renewed. */
const whyNotOurs = async (
  store: Store,
  record: Credential,
  { onFailure }: Refresh,
): Promise<string | null> => {
  try {
    return await store.whyForeign(record);
  } catch (error) {
    if (onFailure === 'serve' && isRefusal(error)) {
      return error.message;
    }
    throw error;
  }
};

/** By OAuth: what a refresh needs is stored. */
const isRenewable = (record: Credential): boolean =>
  isRenewed(record) && record.client.tokenEndpoint !== null && record.client.clientId !== null;

/** First pause between two looks at the record, and the longest: a result is noticed within a tenth of a second. */
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 100;
/** A wait this long is worth telling a person about. */
const NOTICEABLE_MS = 1_000;

/** Pauses that grow, with jitter so that a herd spreads out, and an end. */
const createWait = (story: Story, { remainingMs }: Request) => {
  let pauseMs = FIRST_PAUSE_MS;
  let waitedMs = 0;
  let told = false;
  return async (holder: LeaseName | null): Promise<void> => {
    const left = remainingMs();
    if (left <= 0) {
      throw new TokenctlError(
        'unavailable',
        `timed out waiting for ${describeHolder(holder).who}`,
        {
          login: story.store.login,
          hint: describeHolder(holder).hint,
        },
      );
    }
    const ms = Math.min(left, pauseMs * (0.75 + Math.random() / 2));
    pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 1.5);
    await new Promise((resolve) => setTimeout(resolve, ms));
    waitedMs += ms;
    if (!told && waitedMs >= NOTICEABLE_MS) {
      told = true;
      story.onWait(describeHolder(holder).who);
    }
  };
};
