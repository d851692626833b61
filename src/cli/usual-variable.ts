import { noSuchLogin } from '../messages.ts';
import { loginStore } from '../store/file.ts';

/** The variable in which the tools of this login's provider look for its token; null if they have none. */
export const usualVariable = async (login: string): Promise<string | null> => {
  const stored = await loginStore(login).read();
  if (stored === null) {
    throw noSuchLogin(login);
  }
  const { provider } = stored.record;
  if (provider === null) {
    return null;
  }
  const [{ readConfig }, { knownProviders }] = await Promise.all([
    import('../config.ts'),
    import('../user-providers.ts'),
  ]);
  const known = knownProviders(await readConfig());
  return Object.hasOwn(known, provider) ? (known[provider]?.environmentVariable ?? null) : null;
};
