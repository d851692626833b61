import type { TokenManager } from '../create-token-manager.ts';
import type { Credential } from '../credential.ts';
import { TokenctlError } from '../errors.ts';
import { targetOfRequest } from '../hosts/request-target.ts';
import { noSuchLogin } from '../messages.ts';
import type { Secret } from '../secret.ts';
import type { Store } from '../store/store.ts';
import type { Token } from '../token.ts';
import { nonceWanted, proofs, type SignProof, schemeOf } from './authorization.ts';
import { mayHaveToken, notBound } from './bound-target.ts';
import { openDpopKey } from './dpop-key.ts';
import { failed, followed, type Hop, locationOf, MAX_REDIRECTS } from './redirect.ts';
import { type Call, type FetchInput, readCall } from './request.ts';

export interface FetchOptions {
  readonly store: Store;
  readonly manager: Pick<TokenManager, 'getValidToken'>;
  /** Where the token may go, besides the hosts of the record. */
  readonly hosts: readonly string[];
  readonly fetch: typeof globalThis.fetch | undefined;
}

const KEY_TIMEOUT_MS = 30_000;

/**
 * `fetch` as one login: its token goes to the hosts that the login is bound to and to no other, also after
 * redirects. If it is rejected, it is renewed and the request sent once more, where that can be done.
 */
export const createFetch = ({ store, manager, hosts, fetch }: FetchOptions) => {
  const nonces = new Map<string, string>();
  let signer: { readonly key: string; readonly sign: Promise<SignProof> } | null = null;

  const read = async (): Promise<Credential | null> => (await store.read())?.record ?? null;
  // There may be no record yet, where a refresh function of the caller's makes it.
  const isBound = async (url: URL): Promise<boolean> =>
    mayHaveToken(url, [...hosts, ...((await read())?.hosts ?? [])]);

  /** The same key as long as the login is: what is kept apart is not opened for every request. */
  const proof = async (hop: Hop, accessToken: Secret): Promise<string> => {
    const record = await read();
    if (record === null) {
      throw noSuchLogin(store.login);
    }
    const key = record.client.extras?.dpopKey?.fingerprint() ?? '';
    if (signer?.key !== key) {
      const sign = openDpopKey(store, record, KEY_TIMEOUT_MS).then(proofs);
      signer = { key, sign };
      sign.catch(() => {
        signer = null;
      });
    }
    const { url, method } = hop;
    const nonce = nonces.get(url.origin);
    return (await signer.sign)({ method, url: url.href, nonce }, accessToken);
  };

  const send = async (hop: Hop, { signal, rest }: Call, token: Token | null): Promise<Response> => {
    const headers = new Headers(hop.headers);
    if (token !== null) {
      const dpop = schemeOf(token) === 'dpop';
      headers.set('authorization', `${dpop ? 'DPoP' : 'Bearer'} ${token.accessToken.reveal()}`);
      if (dpop) {
        headers.set('dpop', await proof(hop, token.accessToken));
      }
    }
    const body = hop.body?.() ?? null;
    const response = await (fetch ?? globalThis.fetch)(hop.url.href, {
      ...rest,
      ...{ method: hop.method, headers, redirect: 'manual' },
      ...(signal !== undefined && { signal }),
      // A stream is sent while nothing is received yet: https://fetch.spec.whatwg.org/#request-class
      ...(body !== null && { body, duplex: 'half' }),
    } as RequestInit);
    if (response.redirected) {
      throw new TokenctlError('usage', 'the fetch that was given follows redirects by itself', {
        hint: "it must heed redirect: 'manual'",
      });
    }
    const nonce = response.headers.get('dpop-nonce');
    if (token !== null && nonce !== null) {
      nonces.set(hop.url.origin, nonce);
    }
    return response;
  };

  /** One hop: sent as this login if it may be, and again if the server wants a nonce or another token. */
  const step = async (hop: Hop, call: Call, way: Way): Promise<Response> => {
    const bound = !way.left && (await isBound(hop.url));
    let token = bound ? await unlessAborted(manager.getValidToken(), call.signal) : null;
    // It may have been bound to something else while we waited.
    if (token !== null && !(await isBound(hop.url))) {
      token = null;
    }
    way.left = token === null;
    let response = await send(hop, call, token);
    if (token === null || response.status !== 401) {
      return response;
    }
    if (isNonceWanted(response) && hop.replayable) {
      await discard(response);
      response = await send(hop, call, token);
    }
    if (response.status !== 401 || isNonceWanted(response) || way.renewed) {
      return response;
    }
    way.renewed = true;
    const renewed = await renew(manager, token, call.signal);
    // What cannot be sent again has failed; the next one need not.
    if (renewed === null || !hop.replayable || !(await isBound(hop.url))) {
      return response;
    }
    await discard(response);
    return send(hop, call, renewed);
  };

  return async (input: FetchInput, init?: RequestInit): Promise<Response> => {
    const call = await readCall(input, init);
    let hop = call.first;
    call.signal?.throwIfAborted();
    if (!(await isBound(hop.url))) {
      if (hosts.length === 0 && (await read()) === null) {
        throw noSuchLogin(store.login);
      }
      const { protocol, host, pathname, username, password } = hop.url;
      const plain = username === '' && password === '';
      throw notBound(
        store.login,
        plain ? targetOfRequest(protocol.slice(0, -1), host, pathname) : null,
      );
    }
    const way: Way = { left: false, renewed: false };
    for (let redirects = 0; ; redirects += 1) {
      const response = await step(hop, call, way);
      const url = call.redirect === 'manual' ? null : locationOf(response, hop.url);
      if (url === null) {
        return redirects === 0 ? response : asRedirected(response);
      }
      await discard(response);
      if (call.redirect === 'error') {
        throw failed('a redirect, and none was to be followed');
      }
      if (redirects === MAX_REDIRECTS) {
        throw failed('too many redirects');
      }
      hop = followed(hop, response.status, url);
    }
  };
};

interface Way {
  /**
   * It led to somebody who may not have the token: where it goes from there is theirs to say, and it goes
   * without one, as the Fetch standard has it (https://fetch.spec.whatwg.org/#http-redirect-fetch).
   */
  left: boolean;
  renewed: boolean;
}

const isNonceWanted = ({ status, headers }: Response): boolean =>
  nonceWanted(status, headers.get('www-authenticate'), headers.get('dpop-nonce')) !== null;

/** Null: not now. Then what the server answered is the answer. */
const renew = async (
  manager: Pick<TokenManager, 'getValidToken'>,
  { accessToken }: Token,
  signal: AbortSignal | undefined,
): Promise<Token | null> => {
  try {
    return await unlessAborted(manager.getValidToken({ rejected: accessToken }), signal);
  } catch (error) {
    if (error instanceof TokenctlError && error.code === 'unavailable') {
      return null;
    }
    throw error;
  }
};

/** A renewal that is under way goes on for whoever else wants it; only the waiting ends. */
const unlessAborted = async <T>(
  promise: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> => {
  if (signal === undefined) {
    return promise;
  }
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal.reason);
    signal.addEventListener('abort', abort);
  });
  try {
    signal.throwIfAborted();
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
    promise.catch(() => {});
  }
};

/** Frees the connection. */
const discard = async ({ body }: Response): Promise<void> => {
  await body?.cancel().catch(() => {});
};

const asRedirected = (response: Response): Response =>
  Object.defineProperty(response, 'redirected', { value: true });
