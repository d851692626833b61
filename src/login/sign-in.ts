import { setTimeout as sleep } from 'node:timers/promises';
import type { Credential } from '../credential.ts';
import { TokenctlError } from '../errors.ts';
import { createJudge } from '../lock/judge.ts';
import { describeHolder } from '../messages.ts';
import { renewTokens, requestTokens } from '../oauth/refresh.ts';
import { monotonicMs } from '../platform/clock.ts';
import type { RefreshOutcome } from '../refresh-outcome.ts';
import type { Store } from '../store/store.ts';
import type { Trace } from '../trace.ts';
import { authorize, createTies, failedPage, listenForRedirect } from './authorization-code.ts';
import { askForDeviceCode, pollForTokens, showDeviceCode } from './device.ts';
import { createFetch, type Fetch } from './fetch.ts';
import type { Page } from './page.ts';
import type { Person } from './person.ts';
import { prepare, requirePlace } from './prepare.ts';
import { registerClient } from './register.ts';
import { type Saved, saveGrant } from './save-grant.ts';
import type { LoginRequest, LoginSettings } from './settings.ts';
import { hasDisplay } from './surroundings.ts';

export interface SignedIn extends Saved {
  /** Another process signed in while we waited for it. */
  readonly byAnother: boolean;
}

/** Bounds of one request to the token endpoint. */
const CONNECT_TIMEOUT_MS = 10_000;
const ANSWER_TIMEOUT_MS = 20_000;
/** The record's lock is only ever held for seconds. */
const LEASE_TIMEOUT_MS = 30_000;

/**
 * Signs in to a login: one at a time under a name, and whoever waited for another one takes what that
 * one brought. While a person takes minutes in a browser, what is still held goes on being renewed.
 *
 * @param seen the record that the caller has found wanting: any other one will do. Absent: the one that
 *   is there now.
 * @throws {TokenctlError} `usage`, `refused`, `unavailable`, `login_required`
 */
export const signIn = async (
  store: Store,
  request: LoginRequest,
  person: Person,
  { trace, seen }: { trace?: Trace | undefined; seen?: string | null | undefined } = {},
): Promise<SignedIn> => {
  const before = await recordOf(store);
  const known = seen === undefined ? (before?.recordId ?? null) : seen;
  requirePlace(store.login, request, before);
  const end = monotonicMs() + request.timeoutMs;
  const lock = await rendezvous(store, person, end);
  try {
    const now = await recordOf(store);
    if (now !== null && now.recordId !== known) {
      return { record: now, account: null, warnings: [], byAnother: true };
    }
    const { env } = person;
    const fetch = createFetch(
      env,
      request.client.tls ?? now?.client.extras?.tls ?? undefined,
      trace,
    );
    const settings = await prepare(store.login, request, now, { fetch, env });
    requireSamePlace(settings, now, request.replace);
    const saved = await run(store, settings, request, person, { fetch, end, trace });
    return { ...saved, byAnother: false };
  } catch (error) {
    throw about(store.login, error);
  } finally {
    await lock.release();
  }
};

/** What went wrong on the way to a server does not know of a login. */
const about = (login: string, error: unknown): unknown =>
  error instanceof TokenctlError && error.login === undefined
    ? new TokenctlError(error.code, error.message, { login, hint: error.hint, cause: error.cause })
    : error;

const recordOf = async (store: Store): Promise<Credential | null> =>
  (await store.read())?.record ?? null;

const PAUSE_MS = 200;

/** One sign-in at a time under a name: two would make two grants, and one of them would be lost. */
const rendezvous = async (
  store: Store,
  person: Person,
  end: number,
): Promise<{ release: () => Promise<void> }> => {
  const judge = createJudge();
  for (let waited = false; ; waited = true) {
    const turn = await store.tryLoginLock?.(judge);
    if (turn === undefined || turn.kind === 'held') {
      return { release: async () => turn?.release() };
    }
    const { who, hint } = describeHolder(turn.holder, 'signing in');
    if (monotonicMs() >= end) {
      throw new TokenctlError('unavailable', `timed out waiting for ${who}`, {
        login: store.login,
        hint,
      });
    }
    if (!waited) {
      person.say(`Waiting for ${who} to ${store.login}; finish it there (${hint}).`);
    }
    await sleep(PAUSE_MS);
  }
};

/** A name that stands for one server is not given to another in passing. */
const requireSamePlace = (
  { login, client }: LoginSettings,
  held: Credential | null,
  replace: boolean,
): void => {
  const there = held?.client.tokenEndpoint ?? null;
  if (replace || there === null || there === client.tokenEndpoint) {
    return;
  }
  throw new TokenctlError('refused', `this name holds a login at ${new URL(there).host}`, {
    login,
    hint: `choose another name, or replace it: tokenctl login ${login} --replace …`,
  });
};

interface Running {
  readonly fetch: Fetch;
  readonly end: number;
  readonly trace: Trace | undefined;
}

const run = (
  store: Store,
  settings: LoginSettings,
  request: LoginRequest,
  person: Person,
  running: Running,
): Promise<Saved> => {
  switch (settings.flow) {
    case 'code':
      return withBrowser(store, settings, request, person, running);
    case 'device':
      return withDevice(store, settings, request, person, running);
    case 'machine':
      return alone(store, settings, request, person, running);
  }
};

const limitsOf = ({ env }: Person, trace: Trace | undefined) => ({
  connectTimeoutMs: CONNECT_TIMEOUT_MS,
  answerTimeoutMs: ANSWER_TIMEOUT_MS,
  env,
  trace,
});

const savingOf = (request: LoginRequest, person: Person) => ({
  timeoutMs: LEASE_TIMEOUT_MS,
  replace: request.replace,
  env: person.env,
  nonce: null,
  redirectUri: null,
});

const withBrowser = async (
  store: Store,
  planned: LoginSettings,
  request: LoginRequest,
  person: Person,
  { fetch, end, trace }: Running,
): Promise<Saved> => {
  const ties = createTies(planned);
  const redirect = await listenForRedirect(planned, ties);
  try {
    const settings = planned.register
      ? await registerClient(planned, redirect.uri, fetch)
      : planned;
    const authorized = await authorize(settings, ties, redirect, person, {
      fetch,
      browser: request.browser,
      display: hasDisplay(person.env),
      signal: AbortSignal.timeout(Math.max(0, Math.round(end - monotonicMs()))),
    });
    try {
      const saved = required(
        settings,
        await saveGrant(
          store,
          settings,
          () =>
            requestTokens(
              settings.client,
              authorized.grant,
              authorized.given,
              limitsOf(person, trace),
            ),
          {
            ...savingOf(request, person),
            nonce: authorized.nonce,
            // The client is registered with this very port.
            redirectUri: planned.register ? redirect.uri : null,
          },
        ),
      );
      await authorized.answer(donePage(store.login, saved));
      return saved;
    } catch (error) {
      await authorized.answer(failedPage(error));
      throw error;
    }
  } finally {
    redirect.callback?.close();
  }
};

const donePage = (login: string, { account }: Saved): Page => ({
  kind: 'done',
  title: 'Signed in',
  lines: [
    account === null
      ? `The login ${login} is ready.`
      : `The login ${login} is ready, as ${account.name}.`,
    'You can close this window and go back to the terminal.',
    `From now on "tokenctl get ${login}" prints a valid access token.`,
  ],
});

const withDevice = async (
  store: Store,
  planned: LoginSettings,
  request: LoginRequest,
  person: Person,
  { fetch, end, trace }: Running,
): Promise<Saved> => {
  const settings = planned.register ? await registerClient(planned, null, fetch) : planned;
  const device = await askForDeviceCode(settings, fetch);
  await showDeviceCode(settings, device, person);
  let saved: Saved | null = null;
  await pollForTokens(settings, device, person, {
    timeoutMs: end - monotonicMs(),
    poll: async () => {
      const result = await saveGrant(
        store,
        settings,
        () =>
          requestTokens(
            settings.client,
            {
              type: 'urn:ietf:params:oauth:grant-type:device_code',
              parameters: [['device_code', device.deviceCode.reveal()]],
            },
            [device.deviceCode],
            limitsOf(person, trace),
          ),
        savingOf(request, person),
      );
      if ('record' in result) {
        saved = result;
        return 'done';
      }
      return result;
    },
  });
  if (saved === null) {
    throw new Error('the device flow ended with nothing');
  }
  return saved;
};

/** Client credentials or a signed assertion: nobody needs to be asked. */
const alone = async (
  store: Store,
  settings: LoginSettings,
  request: LoginRequest,
  person: Person,
  { trace }: Running,
): Promise<Saved> =>
  required(
    settings,
    await saveGrant(
      store,
      settings,
      () => renewTokens({ client: settings.client, refreshToken: null }, limitsOf(person, trace)),
      savingOf(request, person),
    ),
  );

const required = (
  { login }: LoginSettings,
  result: Saved | Exclude<RefreshOutcome, { kind: 'granted' }>,
): Saved => {
  if ('record' in result) {
    return result;
  }
  const said = [result.error, result.description].filter(Boolean).join(': ');
  throw result.kind === 'unavailable'
    ? new TokenctlError('unavailable', `not signed in: ${said}`, {
        login,
        hint: `try again: tokenctl login ${login}`,
      })
    : new TokenctlError('refused', `the server refused: ${said}`, {
        login,
        hint: 'check the client id, how the client authenticates (--auth-method), and the scopes',
      });
};
