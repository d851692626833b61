import { TokenctlError } from '../errors.ts';
import { renewTokens, requestTokens } from '../oauth/refresh.ts';
import { monotonicMs } from '../platform/clock.ts';
import type { RefreshOutcome } from '../refresh-outcome.ts';
import type { Store } from '../store/store.ts';
import type { Trace } from '../trace.ts';
import { authorize, createTies, listenForRedirect } from './authorization-code.ts';
import { askForDeviceCode, pollForTokens, showDeviceCode } from './device.ts';
import type { Fetch } from './fetch.ts';
import type { Person } from './person.ts';
import { registerClient } from './register.ts';
import { donePage, failedPage } from './result-pages.ts';
import { type Saved, saveGrant } from './save-grant.ts';
import type { LoginRequest, LoginSettings } from './settings.ts';
import { hasDisplay } from './surroundings.ts';

/** Bounds of one request to the token endpoint. */
const CONNECT_TIMEOUT_MS = 10_000;
const ANSWER_TIMEOUT_MS = 20_000;
/** The record's lock is only ever held for seconds. */
const LEASE_TIMEOUT_MS = 30_000;

export interface Running {
  readonly fetch: Fetch;
  readonly end: number;
  readonly trace: Trace | undefined;
}

export const run = (
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
  place: request.place,
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
