import {
  createServer as createHttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import { createServer, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { type PostOptions, type PostResult, post } from '../../src/oauth/transport.ts';

/** Listens on a free port of 127.0.0.1 until the test is over; `open` are its connections. */
export const listen = async (server: Server): Promise<{ port: number; open: Set<Socket> }> => {
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => open.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of open) {
          socket.destroy();
        }
      }),
  );
  const address = server.address();
  return { port: typeof address === 'object' && address !== null ? address.port : 0, open };
};

export interface Received {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

/** An HTTP server that reads each request completely before `answer` is asked. */
export const httpServer = async (
  answer: (response: ServerResponse, received: Received) => void,
): Promise<{ url: URL; port: number; open: Set<Socket>; received: Received[] }> => {
  const received: Received[] = [];
  const { port, open } = await listen(createHttpServer(recording(received, answer)));
  return { url: new URL(`http://127.0.0.1:${port}/token`), port, open, received };
};

/** Notes every request in `received`, then answers it. */
export const recording =
  (received: Received[], answer: (response: ServerResponse, received: Received) => void) =>
  (request: IncomingMessage, response: ServerResponse): void => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      const { method, url, headers } = request;
      const noted = { method, url, headers, body };
      received.push(noted);
      answer(response, noted);
    });
  };

/** A server that speaks raw bytes: `onConnection` does all of it. */
export const rawServer = async (
  onConnection: (socket: Socket) => void,
  pauseOnConnect = false,
): Promise<{ url: URL; port: number; open: Set<Socket> }> => {
  const { port, open } = await listen(createServer({ pauseOnConnect }, onConnection));
  return { url: new URL(`http://127.0.0.1:${port}/token`), port, open };
};

export const send = (url: URL | string, options: Partial<PostOptions> = {}): Promise<PostResult> =>
  post(new URL(url), {
    headers: { accept: 'application/json' },
    body: 'grant_type=refresh_token&refresh_token=secret',
    connectTimeoutMs: 5_000,
    answerTimeoutMs: 5_000,
    env: {},
    ...options,
  });
