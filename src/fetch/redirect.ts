export type Body = NonNullable<RequestInit['body']>;

/** The part of a request that a redirect changes (https://fetch.spec.whatwg.org/#http-redirect-fetch). */
export interface Hop {
  readonly url: URL;
  readonly method: string;
  readonly headers: Headers;
  /** Gives the body to be sent; null: there is none. */
  readonly body: (() => Body) | null;
  /** The body can be sent again. */
  readonly replayable: boolean;
}

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** As many as browsers follow. */
export const MAX_REDIRECTS = 20;

/** Where the answer sends us; null if nowhere. */
export const locationOf = (response: Response, from: URL): URL | null => {
  const location = response.headers.get('location');
  if (!REDIRECTS.has(response.status) || location === null) {
    return null;
  }
  if (!URL.canParse(location, from.href)) {
    throw failed('the address of a redirect is none');
  }
  const url = new URL(location, from);
  if (url.hash === '') {
    url.hash = from.hash;
  }
  return url;
};

/**
 * The request that follows a redirect.
 *
 * @throws {TypeError} as `fetch` does where there can be none
 */
export const followed = (hop: Hop, status: number, url: URL): Hop => {
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    throw failed('a redirect to what is not http');
  }
  if (url.username !== '' || url.password !== '') {
    throw failed('a redirect to an address with a password in it');
  }
  if (hop.url.protocol === 'https:' && url.protocol === 'http:') {
    // What is asked for as somebody must not go on in the clear, also without the token.
    throw failed('a redirect from https to http');
  }
  const headers = new Headers(hop.headers);
  if (hop.url.origin !== url.origin) {
    for (const name of ['authorization', 'proxy-authorization', 'cookie', 'host']) {
      headers.delete(name);
    }
  }
  if (
    (status === 303 && hop.method !== 'GET' && hop.method !== 'HEAD') ||
    ((status === 301 || status === 302) && hop.method === 'POST')
  ) {
    for (const name of BODY_HEADERS) {
      headers.delete(name);
    }
    return { url, method: 'GET', headers, body: null, replayable: true };
  }
  if (!hop.replayable && status !== 303) {
    throw failed('a redirect of a body that can be sent once only');
  }
  return { ...hop, url, headers };
};

/** https://fetch.spec.whatwg.org/#request-body-header-name */
const BODY_HEADERS = [
  'content-encoding',
  'content-language',
  'content-location',
  'content-type',
  'content-length',
];

/** A network error, as `fetch` reports it. */
export const failed = (why: string): TypeError => new TypeError('fetch failed', { cause: why });
