import { underLease } from '../change-record.ts';
import type { Client, Credential } from '../credential.ts';
import { TokenctlError } from '../errors.ts';
import { KEYCHAIN_LIMIT_MS } from '../keep-apart.ts';
import type { Secret } from '../secret.ts';
import { faultError } from '../store/kept-fault.ts';
import type { Store } from '../store/store.ts';
import { namesNothing } from './prepare.ts';
import type { LoginRequest } from './settings.ts';

const LEASE_TIMEOUT_MS = 30_000;

/**
 * The record of the last login, with the secrets of its client where this one is going to use them and
 * they are kept apart. Before anybody is asked: a code that nothing can be exchanged with is of no use.
 *
 * @throws {TokenctlError} `unavailable`, `refused`
 */
export const withOpenClient = async (
  store: Store,
  request: LoginRequest,
  before: Credential | null,
): Promise<Credential | null> => {
  if (before === null || !usesKeptSecrets(request, before.client)) {
    return before;
  }
  const { login } = store;
  return underLease<Credential | null>(store, LEASE_TIMEOUT_MS, async (lease) => {
    const record = (await lease.read())?.record ?? null;
    if (record === null) {
      return { result: record };
    }
    const foreign = await store.whyForeign(record);
    if (foreign !== null) {
      // To open its entry is to write it, and where it came from has another lock.
      throw new TokenctlError('refused', `${foreign}, and the secret of its client with it`, {
        login,
        hint: `tokenctl adopt ${login}; or sign in with --client-id and the client's secret or key`,
      });
    }
    const opened = await lease.open(record, KEYCHAIN_LIMIT_MS);
    if (opened.kind === 'closed') {
      throw faultError(opened.fault, login);
    }
    return { result: opened.record };
  });
};

/** A client that is named anew brings its secrets along. */
const usesKeptSecrets = (request: LoginRequest, { clientSecret, extras }: Client): boolean => {
  const isKept = (said: unknown, held: Secret | null | undefined) =>
    said === undefined && held?.isElsewhere === true;
  return (
    namesNothing(request) &&
    (isKept(request.client.clientSecret, clientSecret) ||
      isKept(request.client.clientKey, extras?.clientKey) ||
      isKept(request.client.tls, extras?.tls?.key) ||
      isKept(request.assertion, extras?.assertion?.key))
  );
};
