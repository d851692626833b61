import {
  createServer as createHttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer, type ServerOptions } from 'node:https';
import { listen } from '../oauth/servers.ts';

/** A request as a resource server saw it. */
export interface Seen {
  readonly method: string;
  readonly url: string;
  readonly authorization: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface ResourceServer {
  readonly port: number;
  readonly origin: string;
  readonly host: string;
  readonly seen: Seen[];
}

export type Answer = (
  seen: Seen,
  response: ServerResponse,
) => { status: number; headers?: Record<string, string>; body?: string } | 'answered';

/** A server that notes what it is sent, on a free port of its own, until the test is over. */
export const startResource = async (
  answer: Answer,
  tls: ServerOptions | null = null,
): Promise<ResourceServer> => {
  const seen: Seen[] = [];
  const listener = async (request: IncomingMessage, response: ServerResponse) => {
    let body = '';
    for await (const chunk of request) {
      body += chunk;
    }
    const { method = '', url = '', headers } = request;
    const noted = { method, url, authorization: headers.authorization, headers, body };
    seen.push(noted);
    const answered = answer(noted, response);
    if (answered !== 'answered') {
      response.writeHead(answered.status, answered.headers);
      response.end(answered.body ?? '');
    }
  };
  const server = tls === null ? createHttpServer(listener) : createHttpsServer(tls, listener);
  const { port } = await listen(server);
  const host = `${tls === null ? '127.0.0.1' : 'localhost'}:${port}`;
  return { port, host, origin: `${tls === null ? 'http' : 'https'}://${host}`, seen };
};

/** Lets in who has one of these tokens. */
export const guarded =
  (accepted: () => readonly string[], body = 'the answer'): Answer =>
  ({ authorization }) =>
    accepted().some((token) => authorization === `Bearer ${token}`)
      ? { status: 200, body }
      : {
          status: 401,
          headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
          body: 'rejected',
        };
