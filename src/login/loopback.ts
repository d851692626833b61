import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { errnoOf, TokenctlError } from '../errors.ts';
import { PAGE_HEADERS, type Page, renderPage } from './page.ts';

/** A redirect URI on this machine (RFC 8252 section 7.3). */
export interface LoopbackRedirect {
  readonly host: '127.0.0.1' | 'localhost' | '[::1]';
  /** 0: a free one. */
  readonly port: number;
  readonly path: string;
}

export interface Received {
  readonly parameters: URLSearchParams;
  /** Shows the browser, which has waited, how it ended. */
  answer(page: Page): Promise<void>;
}

export interface Callback {
  readonly redirectUri: string;
  /** The one response that is ours. */
  readonly received: Promise<Received>;
  close(): void;
}

/** Room for a long code and a long error; Node.js answers 431 to more. */
const MAX_HEADER_BYTES = 16 * 1024;
/** Whoever connects and says nothing must not keep others out. */
const HEADERS_TIMEOUT_MS = 5_000;
const MAX_CONNECTIONS = 256;
/** How long the browser may take to ask for the page that it was sent to. */
const PAGE_TIMEOUT_MS = 3_000;

/**
 * Waits for the browser at a loopback address. Everybody on this machine can send something there, and
 * every web page can make the browser do it: what is not the answer to our request gets a 4xx, and
 * the wait goes on.
 *
 * @param isOurs whether these parameters have our `state`
 */
export const listenForCallback = async (
  redirect: LoopbackRedirect,
  isOurs: (parameters: URLSearchParams) => boolean,
): Promise<Callback> => {
  const result = createResultPage();
  let accept: (received: Received) => void = () => {};
  let taken = false;
  const received = new Promise<Received>((resolve) => {
    accept = resolve;
  });
  let authority = '';
  const handle = (request: IncomingMessage, response: ServerResponse) => {
    request.resume();
    const url = requestedUrl(request);
    const refusal = refusalOf(request, authority);
    if (refusal !== null) {
      refuse(response, refusal);
    } else if (url?.pathname === result.path) {
      result.show(response);
    } else if (url?.pathname !== redirect.path) {
      refuse(response, 404);
    } else if (taken) {
      refuse(response, 410);
    } else if (!isOurs(url.searchParams)) {
      refuse(response, 400);
    } else {
      taken = true;
      accept({
        parameters: url.searchParams,
        // A redirect, so that the code is neither in the address bar nor in the history.
        answer: (page) => result.offer(page, response),
      });
    }
  };
  const servers = await listen(redirect, handle);
  authority = `${redirect.host}:${portOf(servers)}`;
  return {
    redirectUri: `http://${authority}${redirect.path}`,
    received,
    close: () => {
      for (const server of servers) {
        server.close();
        server.closeAllConnections();
      }
    },
  };
};

const requestedUrl = ({ url = '' }: IncomingMessage): URL | null => {
  // Only a path: a proxy's way of asking (`GET http://…`) or `//host` is not for us.
  try {
    return url.startsWith('/') && !url.startsWith('//') ? new URL(`http://loopback${url}`) : null;
  } catch {
    return null;
  }
};

/**
 * A page of another site can send requests here, and by DNS rebinding read the answers. It cannot
 * choose the Host header, nor pass for a navigation of the whole window.
 */
const refusalOf = ({ method, headers }: IncomingMessage, authority: string): number | null => {
  if (headers.host !== authority) {
    return 421;
  }
  if (method !== 'GET') {
    return 405;
  }
  const { 'sec-fetch-mode': mode = 'navigate', 'sec-fetch-dest': destination = 'document' } =
    headers;
  return headers.origin !== undefined || mode !== 'navigate' || destination !== 'document'
    ? 403
    : null;
};

const REFUSALS: Readonly<Record<number, string>> = {
  400: 'This is not the answer to a sign-in that is under way here. It was ignored.',
  403: 'Only a browser that was redirected here may ask for this.',
  404: 'There is nothing here.',
  405: 'Only GET is answered here.',
  410: 'This sign-in was answered already.',
  421: 'This address is not known here.',
};

const refuse = (response: ServerResponse, status: number): void => {
  const text = REFUSALS[status] ?? '';
  const page: Page = {
    kind: 'failed',
    title: 'Not accepted',
    lines: [text, 'If you wanted to sign in, look at the terminal.'],
  };
  send(response, status, renderPage(page), status === 405 ? { allow: 'GET' } : {});
};

const send = (
  response: ServerResponse,
  status: number,
  body: string,
  headers: Record<string, string> = {},
): void => {
  response.writeHead(status, { ...PAGE_HEADERS, ...headers, connection: 'close' });
  response.end(body);
};

/** The page at the end, at an address of its own that can be looked at once. */
const createResultPage = () => {
  const path = `/${randomBytes(16).toString('hex')}`;
  let page: Page | null = null;
  let shown = () => {};
  return {
    path,
    show: (response: ServerResponse) => {
      if (page === null) {
        refuse(response, 404);
        return;
      }
      response.on('close', shown);
      send(response, 200, renderPage(page));
      page = null;
    },
    offer: (offered: Page, response: ServerResponse): Promise<void> =>
      new Promise((resolve) => {
        page = offered;
        shown = resolve;
        setTimeout(resolve, PAGE_TIMEOUT_MS).unref();
        // Whoever closed the window has seen enough.
        if (response.destroyed) {
          resolve();
        }
        send(response, 303, '', { location: path });
      }),
  };
};

const portOf = ([server]: readonly Server[]): number => {
  const address = server?.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
};

/** `localhost` may be either address to the browser: then both are ours. */
const listen = async (
  { host, port }: LoopbackRedirect,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Server[]> => {
  const [first, second] =
    host === 'localhost' ? ['127.0.0.1', '::1'] : [host.replace(/^\[|\]$/g, '')];
  const server = await listenAt(first ?? '127.0.0.1', port, handle);
  if (second === undefined) {
    return [server];
  }
  try {
    return [server, await listenAt(second, portOf([server]), handle)];
  } catch (error) {
    // Somebody else's: the browser could go there with the code.
    if (errnoOf(error) === 'EADDRINUSE') {
      server.close();
      throw cannotListen(error, port);
    }
    return [server];
  }
};

const listenAt = (
  host: string,
  port: number,
  handle: (request: IncomingMessage, response: ServerResponse) => void,
): Promise<Server> => {
  const server = createServer(
    {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: 1_000,
      keepAlive: false,
    },
    handle,
  );
  server.maxConnections = MAX_CONNECTIONS;
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(host === '::1' ? error : cannotListen(error, port)));
    server.listen({ host, port, exclusive: true }, () => resolve(server));
  });
};

const cannotListen = (error: unknown, port: number): TokenctlError => {
  const code = errnoOf(error);
  const taken = code === 'EADDRINUSE';
  return new TokenctlError(
    'refused',
    taken
      ? `port ${port} is taken by another program`
      : `cannot listen on this machine (${code ?? 'unknown error'})`,
    {
      hint: taken
        ? 'end it, or choose another with --port (it must be registered where the provider wants that)'
        : 'choose another port with --port, or sign in with --device',
      cause: error,
    },
  );
};
