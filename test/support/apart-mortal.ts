import { readFileSync } from 'node:fs';
import { createTokenManager } from '../../src/create-token-manager.ts';
import { importTokens } from '../../src/import-tokens.ts';
import { moveSecrets } from '../../src/keep-apart.ts';
import type { Place } from '../../src/kept.ts';
import { loginStore } from '../../src/store/file.ts';
import type { Keychain } from '../../src/store/keychain.ts';
import type { Store } from '../../src/store/store.ts';
import { keychainIn } from './keychain-in-files.ts';

/**
 * A process that does one thing to the login `work` and dies at a step of it: before or after each call
 * to the lease and to the keychain. If it lives, it tells all its steps.
 */
const [what = '', place = '', keychainPath = '', deathAt = ''] = process.argv.slice(2);
const steps: string[] = [];

const step = (name: string): void => {
  steps.push(name);
  if (steps.length === Number(deathAt)) {
    process.kill(process.pid, 'SIGKILL');
  }
};

const observed = <T extends object>(whole: T, names: readonly (keyof T & string)[]): T =>
  Object.assign(
    { ...whole },
    Object.fromEntries(
      names.map((name) => [
        name,
        async (...args: unknown[]) => {
          step(`before ${name}`);
          const result = await (whole[name] as (...args: unknown[]) => unknown)(...args);
          step(`after ${name}`);
          return result;
        },
      ]),
    ),
  );

const keychain: Keychain = observed(keychainIn(keychainPath), ['read', 'write', 'remove']);
const plain = loginStore('work', process.env, keychain);
const store: Store = {
  ...plain,
  tryLease: async (judge) => {
    const turn = await plain.tryLease(judge);
    return turn.kind === 'busy'
      ? turn
      : {
          ...turn,
          lease: observed(turn.lease, ['reserve', 'gate', 'write', 'commit', 'remove', 'release']),
        };
  },
};

const perform = async (): Promise<unknown> => {
  switch (what) {
    case 'get':
      return (
        await createTokenManager({ store }).getValidToken({ force: true })
      ).accessToken.reveal();
    case 'move':
      return moveSecrets(store, place as Place, 5_000);
    default:
      return importTokens(store, JSON.parse(readFileSync(0, 'utf8')), 5_000, {
        place: place as Place,
      });
  }
};

try {
  await perform();
  process.stdout.write(JSON.stringify({ steps }));
} catch (error) {
  process.stdout.write(
    JSON.stringify({ steps, error: String(error), code: (error as { code?: string }).code }),
  );
}
