import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import type { RequestOptions } from 'node:https';
import type { Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import { monotonicMs } from '../platform/clock.ts';
import { afterRunning } from '../platform/running-time.ts';
import type { Secret } from '../secret.ts';
import { type Answered, isTooMuch, receive } from './receive.ts';
import { chooseRoute, type Failure, failureOf, type Route } from './route.ts';
import type { Secure } from './secure.ts';

export interface PostOptions {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** POST if absent. */
  readonly method?: 'GET' | 'POST' | 'DELETE' | undefined;
  /** What this client shows of itself in TLS (RFC 8705). */
  readonly tls?: ClientCertificate | undefined;
  readonly connectTimeoutMs: number;
  readonly answerTimeoutMs: number;
  /** Asked when the connection is there, before the first byte: whether to go on. */
  readonly beforeSending?: (() => Promise<boolean>) | undefined;
  readonly env: NodeJS.ProcessEnv;
}

/** Both as PEM. */
export interface ClientCertificate {
  readonly certificate: string;
  readonly key: Secret;
}

export interface Unanswered {
  /**
   * `not-sent`: no byte of the request can have reached the server. `ambiguous`: it may have been
   * received and acted upon.
   */
  readonly kind: 'not-sent' | 'ambiguous';
  readonly code: string;
  readonly message: string;
}

export type PostResult = Answered | Unanswered;

const CLOSED: Failure = { code: 'ECONNRESET', message: 'the connection was closed' };
const TOO_LARGE: Failure = { code: 'invalid_response', message: 'the answer is too large' };
const WITHDRAWN: Failure = { code: 'ECANCELED', message: 'withdrawn before it was sent' };

/**
 * One request, a POST as a rule, over a connection of its own. Redirects are not followed, and no socket or timer is left
 * behind. On `node:https` rather than `fetch`, because only here it can be seen whether a failure
 * came before the connection was there.
 */
export const post = async (url: URL, options: PostOptions): Promise<PostResult> => {
  const deadline = monotonicMs() + options.connectTimeoutMs;
  const abort = new AbortController();
  try {
    const route = await chooseRoute(url, options.env, abort.signal, options.tls);
    const secure = url.protocol === 'https:' ? (await import('./secure.ts')).secure : null;
    return 'code' in route
      ? { kind: 'not-sent', ...route }
      : await exchange(startRequest(url, options, route, secure), url, options, route, deadline);
  } catch (error) {
    return { kind: 'not-sent', ...failureOf(error) };
  } finally {
    // Ends a connection to a proxy that the agent has not handed over yet.
    abort.abort();
  }
};

const exchange = (
  request: ClientRequest,
  url: URL,
  options: PostOptions,
  route: Route,
  deadline: number,
) =>
  new Promise<PostResult>((resolve) => {
    let state: 'connecting' | 'sent' | 'done' = 'connecting';
    let cancelTimeout = () => {};
    let asked: Promise<void> = Promise.resolve();
    const settle = (result: PostResult) => {
      state = 'done';
      cancelTimeout();
      request.destroy();
      // Whoever is being asked whether to go on must have finished before the outcome is known.
      asked.then(() => resolve(result));
    };
    const fail = ({ code, message }: Failure) => {
      if (state !== 'done') {
        const way = route.proxy === undefined ? '' : ` (through the proxy ${route.proxy})`;
        const kind = state === 'connecting' ? 'not-sent' : 'ambiguous';
        settle({ kind, code, message: `${message}${way}` });
      }
    };
    const failAfter = (ms: number, message: string) => {
      cancelTimeout();
      cancelTimeout = afterRunning(ms, () => fail({ code: 'ETIMEDOUT', message }));
    };
    failAfter(deadline - monotonicMs(), `no connection within ${options.connectTimeoutMs} ms`);
    let response: IncomingMessage | undefined;
    request.on('error', (error) => {
      // What follows a complete answer does not make it undone: its tokens are the only ones.
      if (response?.complete !== true) {
        fail(failureOf(error));
      }
    });
    request.on('close', () => fail(CLOSED));
    request.on('proxyConnect', ({ statusCode }: { statusCode: number }) => {
      if (statusCode !== 200) {
        fail({ code: `proxy_${statusCode}`, message: `CONNECT was answered with ${statusCode}` });
      }
    });
    const send = () => {
      if (state === 'connecting') {
        failAfter(options.answerTimeoutMs, `no complete answer in ${options.answerTimeoutMs} ms`);
        state = 'sent';
        // Nothing, not even the request line, is handed to the socket before this.
        request.end(options.body);
      }
    };
    request.on('socket', (socket) =>
      whenConnected(socket, url, () => {
        asked = (options.beforeSending?.() ?? Promise.resolve(true)).then(
          (goOn) => (goOn ? send() : fail(WITHDRAWN)),
          (error) => fail(failureOf(error)),
        );
      }),
    );
    request.on('information', () => {
      if (isTooMuch(request)) {
        fail(TOO_LARGE);
      }
    });
    request.on('response', (received) => {
      response = received;
      receive(request, received, settle, (error) => fail(failureOf(error)));
    });
  });

const startRequest = (
  url: URL,
  { method = 'POST', headers, body }: PostOptions,
  route: Route,
  secure: Secure | null,
): ClientRequest => {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const options: RequestOptions & { secureContext: SecureContext | undefined } = {
    method,
    protocol: url.protocol,
    host,
    port: url.port || (secure === null ? 80 : 443),
    path: url.pathname + url.search,
    // false: a connection of its own, closed after the answer.
    agent: route.agent ?? false,
    secureContext: route.secureContext,
    ...secure?.options(host),
  };
  const request = secure === null ? requestHttp(options) : secure.request(options);
  try {
    // One by one: given as an option, NODE_DEBUG=http would print them, client secret and all.
    for (const [name, value] of Object.entries(headers)) {
      request.setHeader(name, value);
    }
    if (method !== 'GET') {
      // Node.js by itself frames no body of a DELETE: the server would take it for the next request.
      request.setHeader('content-length', Buffer.byteLength(body));
    }
  } catch (error) {
    // A value that no header can have; the request has begun to connect already.
    request.on('error', () => {}).destroy();
    throw error;
  }
  return request;
};

const whenConnected = (socket: Socket, { protocol }: URL, then: () => void): void => {
  if (protocol === 'https:') {
    // The event comes after the certificate was checked.
    socket.once('secureConnect', then);
  } else if (socket.connecting) {
    socket.once('connect', then);
  } else {
    then();
  }
};
