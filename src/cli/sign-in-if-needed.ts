import { readConfig } from '../config.ts';
import type { TokenManager } from '../create-token-manager.ts';
import { TokenctlError } from '../errors.ts';
import { knownProviders } from '../user-providers.ts';
import { say } from './io.ts';
import { openLogin } from './manager.ts';
import { person } from './person.ts';
import { reportWarnings } from './report.ts';

/** How long a person may take, as for `login`. */
const TIMEOUT_MS = 5 * 60_000;

/**
 * A login whose tokens a person is asked for where nothing else helps: by one process, however many
 * ask at once. The others wait for what that one brings.
 */
export const openInteractively = (name: string): Pick<TokenManager, 'getValidToken'> => {
  const { store, manager, trace } = openLogin(name);
  return {
    getValidToken: async (options) => {
      const seen = (await store.read())?.record.recordId ?? null;
      try {
        return await manager.getValidToken(options);
      } catch (error) {
        const who = person();
        if (!needsPerson(error) || !who.interactive) {
          throw error;
        }
        say(`tokenctl: ${error.message}\n`);
        const { signIn } = await import('../login/sign-in.ts');
        const config = await readConfig();
        const known = knownProviders(config);
        const place = seen === null ? config.defaults.store : undefined;
        const request = { ...SAME_AS_BEFORE, known, place };
        const { warnings } = await signIn(store, request, who, { trace, seen });
        reportWarnings(name, warnings);
        // What was rejected or forced was the token of before.
        return manager.getValidToken({ timeoutMs: options?.timeoutMs });
      }
    },
  };
};

const needsPerson = (error: unknown): error is TokenctlError =>
  error instanceof TokenctlError &&
  (error.code === 'login_required' || error.code === 'no_such_login');

const SAME_AS_BEFORE = {
  client: {},
  resources: [],
  parameters: [],
  par: false,
  dpop: false,
  replace: false,
  timeoutMs: TIMEOUT_MS,
};
