import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type * as Tokenctl from '../src/index.ts';
import { ROOT } from './bench.ts';

/** What the program under measurement tells: how fast it was, and when it saw a new token. */
export interface Told {
  readonly residentMb: number;
  readonly callsPerSecond: readonly number[];
}

export interface Noticed {
  readonly at: number;
}

/** A program that uses the library for each of its requests, as one that asks a server all the time. */
const main = async (path: string, rounds: number, roundMs: number): Promise<void> => {
  const before = process.memoryUsage.rss();
  // What a user gets, not what is bundled with the bench.
  const built = pathToFileURL(join(ROOT, 'dist', 'index.js')).href;
  const { createTokenManager, fileStore }: typeof Tokenctl = await import(built);
  const tokens = createTokenManager({ store: fileStore(path) });
  let current = (await tokens.getValidToken()).accessToken.reveal();
  const residentMb = (process.memoryUsage.rss() - before) / 2 ** 20;

  const callsPerSecond: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const started = performance.now();
    let calls = 0;
    while (performance.now() - started < roundMs) {
      for (let index = 0; index < 1000; index += 1) {
        await tokens.getValidToken();
      }
      calls += 1000;
      await turn();
    }
    callsPerSecond.push((calls / (performance.now() - started)) * 1000);
  }
  process.send?.({ residentMb, callsPerSecond } satisfies Told);

  for (;;) {
    for (let index = 0; index < 100; index += 1) {
      await tokens.getValidToken();
    }
    const token = (await tokens.getValidToken()).accessToken.reveal();
    if (token !== current) {
      current = token;
      process.send?.({ at: Date.now() } satisfies Noticed);
    }
    await turn();
  }
};

/** Such a program does something else, too. */
const turn = () => new Promise((resolve) => setImmediate(resolve));

const [path = '', rounds = '', roundMs = ''] = process.argv.slice(2);
await main(path, Number(rounds), Number(roundMs));
