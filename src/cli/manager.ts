import {
  createTokenManager,
  type RenewalParameters,
  type TokenManager,
} from '../create-token-manager.ts';
import { processStart } from '../platform/clock.ts';
import { loginStore } from '../store/file.ts';
import type { Store } from '../store/store.ts';
import type { Trace } from '../trace.ts';
import { say } from './io.ts';
import { reportWarnings } from './report.ts';

/** What debug mode makes of a store. */
export type Observe = (store: Store) => { store: Store; trace: Trace };

let observe: Observe | null = null;

/** Logins that are opened from now on are observed (`debug.ts`). */
export const observeLogins = (by: Observe): void => {
  observe = by;
};

/** The login as the command line holds it: waits are said on a terminal only. */
export const openLogin = (
  name: string,
): { store: Store; manager: TokenManager; trace: Trace | undefined } => openStore(loginStore(name));

/** A store of this command's. */
export const openStore = (
  opened: Store,
  parameters?: RenewalParameters,
): { store: Store; manager: TokenManager; trace: Trace | undefined } => {
  const plain = sayingAuditFaults(opened);
  const { login: name } = opened;
  const { store, trace } = observe?.(plain) ?? { store: plain, trace: undefined };
  const manager = createTokenManager({
    store,
    trace,
    parameters,
    onWait: (holder) => {
      if (process.stderr.isTTY) {
        say(`tokenctl: ${name}: waiting for ${holder} …\n`);
      }
    },
  });
  return { store, manager, trace };
};

/** An audit that is not written costs nobody a token, but whoever relies on it must hear of it, once. */
const sayingAuditFaults = (store: Store): Store => {
  const { audit, login } = store;
  let said = false;
  return {
    ...store,
    audit: async (event) => {
      const fault = (await audit?.(event)) ?? null;
      if (fault !== null && !said) {
        said = true;
        reportWarnings(login, [fault]);
      }
      return fault;
    },
  };
};

/** When this process was started: what has been settled since then was settled for it too. */
export const asked = processStart;
