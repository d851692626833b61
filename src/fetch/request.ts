import { TokenctlError } from '../errors.ts';
import { bodyOf, bodyOfRequest } from './body.ts';
import type { Hop } from './redirect.ts';

export type FetchInput = string | URL | Request;

/** A call of `fetch`, taken apart. */
export interface Call {
  readonly first: Hop;
  readonly redirect: NonNullable<RequestInit['redirect']>;
  readonly signal: AbortSignal | undefined;
  /** All else that it was given, for each request. */
  readonly rest: RequestInit;
}

/** What a login's token comes with; a header of the caller's own would say something else. */
const OURS = ['authorization', 'dpop'];

/** @throws {TokenctlError} `usage` */
export const readCall = async (input: FetchInput, init: RequestInit = {}): Promise<Call> => {
  const asked = input instanceof Request ? input : null;
  const { method, headers, body, redirect, signal, ...rest } = init;
  const own = new Headers(headers ?? asked?.headers);
  for (const name of OURS) {
    if (own.has(name)) {
      throw new TokenctlError('usage', `fetch sets the header ${name} itself`, {
        hint: 'leave it out, or use the fetch of Node.js',
      });
    }
  }
  if (own.has('host')) {
    // A front that serves many hosts would give the request, and the token with it, to another one.
    throw new TokenctlError('usage', 'the header Host says nothing but what the address says');
  }
  return {
    first: {
      url: new URL(asked?.url ?? String(input)),
      // Normalised and checked as fetch does it.
      method: new Request('http://x', { method: method ?? asked?.method ?? 'GET' }).method,
      headers: own,
      ...(body !== undefined || asked === null || asked.body === null
        ? bodyOf(body)
        : await bodyOfRequest(asked.body as ReadableStream<Uint8Array>)),
    },
    redirect: redirect ?? asked?.redirect ?? 'follow',
    signal: signal ?? asked?.signal ?? undefined,
    rest: asked === null ? rest : { ...settingsOf(asked), ...rest },
  };
};

const settingsOf = ({ cache, credentials, integrity, keepalive, mode, referrer }: Request) =>
  ({ cache, credentials, integrity, keepalive, mode, referrer }) as RequestInit;
