import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { fileStore, importTokens } from '../src/index.ts';
import { type Bench, ROOT } from './bench.ts';
import type { Command } from './shell-loop.ts';

/** A place for logins: what `TOKENCTL_HOME` names. */
export interface Home {
  import(name: string, tokens: unknown): Promise<void>;
  /** `bin/tokenctl` with these arguments, the command where there is a shell. */
  launched(...args: readonly string[]): Command;
  /** `node bin/tokenctl.js` with these arguments, the command everywhere. */
  byNode(...args: readonly string[]): Command;
}

export const createHome = (bench: Bench, where: 'disk' | 'memory'): Home => {
  const env = { TOKENCTL_HOME: join(bench.directory(where), 'home') };
  return {
    import: async (name, tokens) => {
      await importTokens(fileStore(name, { ...process.env, ...env }), tokens);
    },
    launched: (...args) => ({ argv: [LAUNCHER, ...args], env }),
    byNode: (...args) => ({ argv: [process.execPath, `${LAUNCHER}.js`, ...args], env }),
  };
};

const LAUNCHER = join(ROOT, 'bin', 'tokenctl');

export const requireLauncher = async (): Promise<void> => {
  await access(LAUNCHER).catch(() => {
    throw new Error('there is no bin/tokenctl');
  });
};

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** An access token of this length, like any other in all but its worth. */
export const tokenOf = (length: number): string =>
  Array.from({ length }, (_, index) => LETTERS[(index * 37 + length) % LETTERS.length]).join('');

/** As at GitHub. Whoever prints another one has not answered. */
export const TOKEN = tokenOf(40);
export const PRINTS_TOKEN = new RegExp(`\\b${TOKEN}\\b`);

/** A token response that stays fresh for as long as the bench can take. */
export const freshTokens = (accessToken: string) => ({
  access_token: accessToken,
  token_type: 'Bearer',
  expires_in: 86_400,
});

/** A home with the login `work` and so many others that there are this many. */
export const createHomeOf = async (bench: Bench, logins: number): Promise<Home> => {
  const home = createHome(bench, 'memory');
  await home.import('work', freshTokens(TOKEN));
  let next = 1;
  const worker = async () => {
    while (next < logins) {
      const index = next;
      next += 1;
      if (index % 100 === 0) {
        bench.progress(`importing ${logins} logins: ${index}`);
      }
      await home.import(`login-${index}`, freshTokens(TOKEN));
    }
  };
  // Each waits for its fsyncs most of the time.
  await Promise.all(Array.from({ length: 8 }, worker));
  return home;
};
