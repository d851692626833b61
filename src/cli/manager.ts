import { createTokenManager, type TokenManager } from '../create-token-manager.ts';
import { processStart } from '../platform/clock.ts';
import { loginStore } from '../store/file.ts';
import type { Store } from '../store/store.ts';
import { say } from './io.ts';

/** The login as the command line holds it: waits are said on a terminal only. */
export const openLogin = (name: string): { store: Store; manager: TokenManager } => {
  const store = loginStore(name);
  const manager = createTokenManager({
    store,
    onWait: (holder) => {
      if (process.stderr.isTTY) {
        say(`tokenctl: ${name}: waiting for ${holder} …\n`);
      }
    },
  });
  return { store, manager };
};

/** When this process was started: what has been settled since then was settled for it too. */
export const asked = processStart;
