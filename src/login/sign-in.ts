import type { Credential } from '../credential.ts';
import { TokenctlError } from '../errors.ts';
import type { Place } from '../kept.ts';
import { monotonicMs } from '../platform/clock.ts';
import { Secret } from '../secret.ts';
import { faultError } from '../store/kept-fault.ts';
import { readPassphrase } from '../store/passphrase.ts';
import type { Store } from '../store/store.ts';
import type { Trace } from '../trace.ts';
import { createFetch } from './fetch.ts';
import { run } from './flows.ts';
import { withOpenClient } from './open-client.ts';
import type { Person } from './person.ts';
import { namesNothing, prepare, requirePlace } from './prepare.ts';
import { rendezvous } from './rendezvous.ts';
import type { Saved } from './save-grant.ts';
import type { LoginRequest, LoginSettings } from './settings.ts';

export interface SignedIn extends Saved {
  /** Another process signed in while we waited for it. */
  readonly byAnother: boolean;
}

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
  await requirePassphrase(store.login, request.place, person.env);
  const end = monotonicMs() + request.timeoutMs;
  const lock = await rendezvous(store, person, end);
  try {
    const stored = await recordOf(store);
    if (stored !== null && stored.recordId !== known) {
      return { record: stored, account: null, warnings: [], byAnother: true };
    }
    const now = await withOpenClient(store, request, stored);
    const { env } = person;
    const sameClient = namesNothing(request) ? now?.client : undefined;
    const fetch = createFetch(
      env,
      request.client.tls ?? sameClient?.extras?.tls ?? undefined,
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

/** How long a key command may take, which may ask a person. */
const PASSPHRASE_LIMIT_MS = 20_000;

/** Nobody is sent to a browser for tokens that could not be kept where they should be. */
const requirePassphrase = async (
  login: string,
  place: Place | undefined,
  env: NodeJS.ProcessEnv,
): Promise<void> => {
  const passphrase = place === 'encrypted' ? await readPassphrase(env, PASSPHRASE_LIMIT_MS) : null;
  if (passphrase !== null && !(passphrase instanceof Secret)) {
    throw faultError(passphrase, login);
  }
};

/** What went wrong on the way to a server does not know of a login. */
const about = (login: string, error: unknown): unknown =>
  error instanceof TokenctlError && error.login === undefined
    ? new TokenctlError(error.code, error.message, { login, hint: error.hint, cause: error.cause })
    : error;

const recordOf = async (store: Store): Promise<Credential | null> =>
  (await store.read())?.record ?? null;

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
