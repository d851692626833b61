import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { onTestFinished } from 'vitest';
import type { AuthorizationServer } from '../../src/demo/authorization-server.ts';
import type { KeyPair } from '../oauth/certificates.ts';

/** One request to a {@link startHostileEndpoint}, answered byte by byte as a behaviour likes. */
export interface Exchange {
  readonly socket: Socket;
  /** Reads the request to its end and gives its body. */
  readonly receive: () => Promise<string>;
  /** What the authorization server answers to it: the refresh token is spent from now on. */
  readonly process: () => Promise<Processed>;
  /** The address of another host. */
  readonly elsewhere: string;
}

export type Json = Readonly<Record<string, unknown>>;

export interface Processed {
  readonly status: number;
  readonly json: Json;
}

export type Behaviour = (exchange: Exchange) => void | Promise<void>;

export interface HostileEndpoint {
  readonly tokenEndpoint: string;
  /** How often a refresh token came in, or a connection to send it over if it was not read. */
  readonly requests: number;
  /** From now on what the authorization server answers is handed on as it is. */
  readonly heal: (certificate?: KeyPair) => void;
}

/** A token endpoint that speaks raw bytes, in front of an authorization server that behaves. */
export const startHostileEndpoint = async (
  server: AuthorizationServer,
  behave: Behaviour,
  { certificate, elsewhere = '' }: { certificate?: KeyPair | undefined; elsewhere?: string } = {},
): Promise<HostileEndpoint> => {
  let current = behave;
  let requests = 0;
  const open = new Set<Socket>();
  const serve = (socket: Socket): void => {
    open.add(socket);
    // Clients give up on such answers, which is no error of ours.
    socket.on('error', () => {}).on('close', () => open.delete(socket));
    let request: Promise<string> | undefined;
    const receive = () => {
      request ??= readRequest(socket);
      return request;
    };
    // With TLS a connection alone says nothing: whoever distrusts the certificate may end it.
    if (certificate === undefined) {
      requests += 1;
    } else {
      socket.once('data', () => {
        requests += 1;
      });
    }
    void current({
      socket,
      receive,
      process: async () => forward(server, await receive()),
      elsewhere,
    });
  };
  const listener =
    certificate === undefined ? createServer(serve) : createTlsServer(certificate, serve);
  listener.on('tlsClientError', () => {});
  const port = await listen(listener);
  onTestFinished(() => close(listener, open));
  return {
    tokenEndpoint: `${certificate === undefined ? 'http://127.0.0.1' : 'https://localhost'}:${port}/token`,
    get requests() {
      return requests;
    },
    heal: (healed) => {
      current = handOn;
      if (healed !== undefined && 'setSecureContext' in listener) {
        (listener as ReturnType<typeof createTlsServer>).setSecureContext(healed);
      }
    },
  };
};

/** Answers as the authorization server does. */
export const handOn: Behaviour = async ({ socket, process }) => {
  const { status, json } = await process();
  socket.end(message(`${status}`, JSON.stringify(json)));
};

/** A complete HTTP message. */
export const message = (
  status: string,
  body: string | Buffer = '',
  headers: readonly string[] = ['content-type: application/json'],
): Buffer =>
  Buffer.concat([
    Buffer.from(
      [
        `HTTP/1.1 ${status}`,
        ...headers,
        `content-length: ${Buffer.byteLength(body)}`,
        'connection: close',
        '\r\n',
      ].join('\r\n'),
    ),
    Buffer.from(body),
  ]);

/** A POST with a content length, as this is the only kind that comes. Never resolves if it breaks off. */
const readRequest = (socket: Socket): Promise<string> =>
  new Promise((resolve) => {
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
      const [head = '', body] = text.split('\r\n\r\n');
      const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1]);
      if (body !== undefined && body.length >= length) {
        resolve(body);
      }
    });
  });

const forward = async (
  { tokenEndpoint }: AuthorizationServer,
  body: string,
): Promise<Processed> => {
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  const response = await fetch(tokenEndpoint, { method: 'POST', headers, body });
  return { status: response.status, json: (await response.json()) as Json };
};

const listen = (server: Server): Promise<number> =>
  new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });

const close = (server: Server, open: ReadonlySet<Socket>): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve());
    for (const socket of open) {
      socket.destroy();
    }
  });
