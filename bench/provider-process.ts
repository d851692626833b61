import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { createServer, type TlsOptions } from 'node:tls';
import { startAuthorizationServer } from '../src/demo/authorization-server.ts';
import type { TokenResponse } from '../src/demo/token-families.ts';

export interface Settings {
  readonly latencyMs: number;
  readonly lifetime: number;
  /** Behind TLS, with this key and certificate. */
  readonly tls?: { readonly key: string; readonly cert: string } | undefined;
}

/** What the bench asks of its provider, and the answer. */
export type Question =
  | ({ readonly ask: 'start' } & Settings)
  | { readonly ask: 'grant' }
  | { readonly ask: 'requests' };

export interface Started {
  readonly tokenEndpoint: string;
  readonly clientId: string;
}

/** Expired as soon as anybody looks. */
const EXPIRED_S = 0.001;

/** In a process of its own, so that what it does is not in the figures of those who wait for it. */
const answerer = () => {
  let server: Awaited<ReturnType<typeof startAuthorizationServer>> | undefined;
  return async (question: Question): Promise<Started | TokenResponse | number> => {
    if (question.ask === 'start') {
      const { latencyMs, lifetime, tls } = question;
      server = await startAuthorizationServer({ latencyMs, accessTokenLifetime: lifetime });
      const { tokenEndpoint, clientId } = server;
      return { tokenEndpoint: tls ? await behindTls(tokenEndpoint, tls) : tokenEndpoint, clientId };
    }
    if (server === undefined) {
      throw new Error('the provider has not been started');
    }
    if (question.ask === 'grant') {
      return server.grant({ lifetime: EXPIRED_S });
    }
    const { tokenRequests } = server;
    // A long series of refreshes must not become slower because all of them are remembered.
    server.clearLog();
    return tokenRequests;
  };
};

/** The same endpoint over TLS, as from a load balancer. */
const behindTls = async (endpoint: string, keyPair: TlsOptions): Promise<string> => {
  const { hostname, port, pathname } = new URL(endpoint);
  const front = createServer(keyPair, (socket) => {
    const back = connect(Number(port), hostname);
    socket.pipe(back).pipe(socket);
    socket.on('error', () => back.destroy());
    back.on('error', () => socket.destroy());
  });
  front.listen(0, '127.0.0.1');
  await once(front, 'listening');
  return `https://127.0.0.1:${(front.address() as AddressInfo).port}${pathname}`;
};

const answer = answerer();
process.on('message', async (question: Question) => {
  process.send?.(await answer(question));
});
