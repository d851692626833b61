import { readdir } from 'node:fs/promises';
import { isAbsolute, join, resolve, sep } from 'node:path';
import { type Audit, fileAudit } from '../audit/audit.ts';
import { LOGIN_NAME } from '../credential.ts';
import { errnoOf, TokenctlError } from '../errors.ts';
import type { Judge } from '../lock/judge.ts';
import { newLeaseName } from '../lock/lease-name.ts';
import { livingHolder } from '../lock/place.ts';
import { findPaths, requireLoginName } from '../paths.ts';
import { nodeFileSystem } from '../platform/fs.ts';
import { makeDirectory } from '../platform/make-directory.ts';
import { currentProcess } from '../platform/process-identity.ts';
import type { ExtraToken } from './extra-tokens.ts';
import { fileLease } from './file-lease.ts';
import { readRecord } from './held-file.ts';
import type { Keychain } from './keychain.ts';
import { fileLifeboats } from './lifeboat.ts';
import { resolveCredential } from './location.ts';
import { fileSeen, nothingSeen, type Seen } from './seen.ts';
import { whyForeign } from './stamp.ts';
import type { LeaseAttempt, Store } from './store.ts';

/**
 * Keeps one login in a 0600 JSON file that is only ever replaced by rename, with its lock beside it.
 *
 * @param pathOrName a login's name, kept where the `tokenctl` command keeps it, or the path of a
 *   credential file (anything with a separator in it, or ending in `.json`).
 */
export const fileStore = (pathOrName: string, env: NodeJS.ProcessEnv = process.env): Store => {
  if (isAbsolute(pathOrName) || /[/\\]|\.json$/.test(pathOrName)) {
    const path = resolve(pathOrName);
    const name = path.slice(path.lastIndexOf(sep) + 1).replace(/\.json$/, '');
    return openFileStore({ path, login: name, env, seen: nothingSeen, herdPath: null });
  }
  return loginStore(pathOrName, env);
};

/** The login of this name where the `tokenctl` command keeps it; never a path. */
export const loginStore = (
  name: string,
  env: NodeJS.ProcessEnv = process.env,
  keychain?: Keychain,
): Store => {
  const login = requireLoginName(name);
  const paths = findPaths(env);
  return openFileStore({
    path: join(paths.credentials, `${login}.json`),
    login,
    env,
    keychain,
    seen: fileSeen(paths.seen),
    herdPath: join(paths.credentials, `${login}.herd`),
    audit: fileAudit(paths.audit),
  });
};

/** The same login, for another access token under its refresh token, kept in a file of its own. */
export const extraTokenStore = async (
  store: Store,
  extra: ExtraToken,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Store> => {
  const { extraTokenName, withExtraToken } = await import('./extra-tokens.ts');
  const file = `${extraTokenName(requireLoginName(store.login), extra)}.json`;
  return withExtraToken(store, join(findPaths(env).credentials, file), extra);
};

interface Opened {
  readonly path: string;
  readonly login: string;
  readonly env: NodeJS.ProcessEnv;
  /** Another than the platform's. */
  readonly keychain?: Keychain | undefined;
  readonly seen: Seen;
  /** Where the launcher looks (`deadline.ts`); null for what it does not know. */
  readonly herdPath: string | null;
  readonly audit?: Audit;
}

const openFileStore = (opened: Opened): Store => {
  const { path, login, seen, audit } = opened;
  return {
    login,
    audit,
    read: () => readRecord({ recordPath: path, login }),
    whyForeign: async (record) => {
      const { recordPath } = await resolveCredential(path, login);
      return whyForeign(record, { recordPath, login, seen });
    },
    tryLease: (judge) => tryLease(opened, judge),
    tryLoginLock: async (judge) =>
      (await import('./login-lock.ts')).tryLoginLock(path, login, judge),
    list: () => listLogins(join(path, '..')),
  };
};

/** The names of the logins in a directory, sorted; none if it does not exist. */
export const listLogins = async (directory: string): Promise<string[]> => {
  let entries: string[];
  try {
    entries = await readdir(directory);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') {
      return [];
    }
    throw new TokenctlError('refused', `cannot list ${directory} (${errnoOf(error)})`, {
      cause: error,
    });
  }
  return entries
    .filter((entry) => entry.endsWith('.json'))
    .map((entry) => entry.slice(0, -'.json'.length))
    .filter((name) => LOGIN_NAME.test(name))
    .sort();
};

const tryLease = async (
  { path, login, env, seen, keychain, herdPath }: Opened,
  judge: Judge,
): Promise<LeaseAttempt> => {
  try {
    await makeDirectory(join(path, '..'));
    const { recordPath, lockPath, directory } = await resolveCredential(path, login);
    const place = { fs: nodeFileSystem, lockPath, judge };
    const holder = await livingHolder(place);
    if (holder !== null) {
      return { kind: 'busy', holder };
    }
    // Waiters never come here, so only who may really hold the lock loads proper-lockfile.
    const { tryAcquireKept } = await import('../lock/heartbeat.ts');
    const self = currentProcess();
    const name = newLeaseName(self);
    const owner = JSON.stringify({
      pid: self.pid,
      machine: self.machine,
      since: new Date().toISOString(),
    });
    const acquired = await tryAcquireKept(place, name, `${owner}\n`);
    switch (acquired.kind) {
      case 'held':
        return {
          kind: 'held',
          lease: fileLease({
            ...{ acquired, path, recordPath, directory, login, place, seen, herdPath },
            lifeboats: fileLifeboats(env),
            means: { env, keychain },
          }),
        };
      case 'busy':
        return acquired;
      case 'obstructed':
        throw new TokenctlError('refused', `the lock is unusable: ${acquired.what}`, {
          login,
          hint: `mv '${lockPath}' '${lockPath}.away'`,
        });
    }
  } catch (error) {
    throw error instanceof TokenctlError ? error : cannotLock(error, login, path);
  }
};

const cannotLock = (error: unknown, login: string, path: string): TokenctlError =>
  new TokenctlError(
    'refused',
    `cannot lock the credential (${errnoOf(error) ?? 'unknown error'}); nothing was sent`,
    {
      login,
      hint: `its directory must be writable: ls -ld '${join(path, '..')}'`,
      cause: error,
    },
  );
