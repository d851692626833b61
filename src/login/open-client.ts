import { underLease } from '../change-record.ts';
import type { Client, Credential } from '../credential.ts';
import { TokenctlError } from '../errors.ts';
import { KEYCHAIN_LIMIT_MS } from '../keep-apart.ts';
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
  const wanted = before === null ? [] : keptSecrets(request, before.client);
  if (wanted.length === 0) {
    return before;
  }
  const { login } = store;
  const anew = `or give it anew: tokenctl login ${login} ${wanted.join(' ')}`;
  return underLease<Credential | null>(store, LEASE_TIMEOUT_MS, async (lease) => {
    const record = (await lease.read())?.record ?? null;
    if (record === null) {
      return { result: record };
    }
    const foreign = await store.whyForeign(record);
    if (foreign !== null) {
      // To open its entry is to write it, and where it came from has another lock.
      const what = `${foreign}, and so is the secret of its client`;
      throw new TokenctlError('refused', what, { login, hint: `tokenctl adopt ${login}; ${anew}` });
    }
    const opened = await lease.open(record, KEYCHAIN_LIMIT_MS);
    if (opened.kind === 'closed') {
      const { code, message, hint } = faultError(opened.fault, login);
      const what = `${message}: the secret of the client is there, too`;
      throw new TokenctlError(code, what, { login, hint: `${hint}; ${anew}` });
    }
    return { result: opened.record };
  });
};

/** The options that would say anew what is kept apart, and is not said. */
const keptSecrets = (request: LoginRequest, { clientSecret, extras }: Client): string[] => {
  const { client, assertion } = request;
  const held = [
    [client.clientSecret, clientSecret, '--client-secret-file FILE'],
    [client.clientKey, extras?.clientKey, '--client-key FILE'],
    [client.tls, extras?.tls?.key, '--client-certificate FILE --client-certificate-key FILE'],
    [assertion, extras?.assertion?.key, '--assertion-key FILE'],
  ] as const;
  return namesNothing(request)
    ? held
        .filter(([said, secret]) => said === undefined && secret?.isElsewhere === true)
        .map(([, , option]) => option)
    : [];
};
