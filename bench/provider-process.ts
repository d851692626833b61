import { startAuthorizationServer } from '../src/demo/authorization-server.ts';
import type { TokenResponse } from '../src/demo/token-families.ts';

/** What the bench asks of its provider, and the answer. */
export type Question =
  | { readonly ask: 'start'; readonly latencyMs: number; readonly lifetime: number }
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
      const { latencyMs, lifetime } = question;
      server = await startAuthorizationServer({ latencyMs, accessTokenLifetime: lifetime });
      return { tokenEndpoint: server.tokenEndpoint, clientId: server.clientId };
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

const answer = answerer();
process.on('message', async (question: Question) => {
  process.send?.(await answer(question));
});
