import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface LoopbackListener {
  readonly url: string;
  /** Refuses connections and breaks off the open ones. */
  stop(): Promise<void>;
  /** Listens again, on the same port. */
  resume(): Promise<void>;
}

/** An HTTP server for this machine only. Port 0 takes any that is free. */
export const listenOnLoopback = async (
  serve: RequestListener,
  wantedPort: number,
): Promise<LoopbackListener> => {
  const server = createServer(serve);
  await listen(server, wantedPort);
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    stop: () => stop(server),
    resume: () => listen(server, port),
  };
};

const listen = (server: Server, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    // Hundreds of client processes may connect in the same instant.
    server.listen({ port, host: '127.0.0.1', backlog: 1024 }, () => {
      server.off('error', reject);
      resolve();
    });
  });

const stop = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    // Its only error is that it was not listening, which is what was wanted.
    server.close(() => resolve());
    server.closeAllConnections();
  });
