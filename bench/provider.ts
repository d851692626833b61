import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { TokenResponse } from '../src/demo/token-families.ts';
import { type Bench, PROGRAMS } from './bench.ts';
import type { Question, Settings, Started } from './provider-process.ts';

/** The demo's authorization server, in a process of its own. */
export interface Provider extends Started {
  /** The tokens of a new grant, the access token expired, and where they belong. */
  grant(): Promise<TokenResponse & { token_endpoint: string; client_id: string }>;
  /** Token requests since this was last asked. */
  requests(): Promise<number>;
}

export const startProvider = async (bench: Bench, settings: Settings): Promise<Provider> => {
  const child = fork(join(PROGRAMS, 'provider.mjs'));
  bench.atEnd(() => {
    child.kill();
  });
  const ask = async <Answer>(question: Question): Promise<Answer> => {
    const answered = once(child, 'message');
    child.send(question);
    const [answer] = await answered;
    return answer;
  };
  const started = await ask<Started>({ ask: 'start', ...settings });
  return {
    ...started,
    grant: async () => ({
      ...(await ask<TokenResponse>({ ask: 'grant' })),
      token_endpoint: started.tokenEndpoint,
      client_id: started.clientId,
    }),
    requests: () => ask<number>({ ask: 'requests' }),
  };
};
