import { join } from 'node:path';
import { errnoOf, TokenctlError } from '../errors.ts';
import type { Judge } from '../lock/judge.ts';
import { newLeaseName } from '../lock/lease-name.ts';
import { livingHolder } from '../lock/place.ts';
import { findRemains, removeRemains } from '../lock/remains.ts';
import { nodeFileSystem } from '../platform/fs.ts';
import { makeDirectory } from '../platform/make-directory.ts';
import { currentProcess } from '../platform/process-identity.ts';
import { resolveCredential } from './location.ts';
import type { LoginLockAttempt } from './store.ts';

/**
 * The rendezvous of those who sign in under one name: a lock like the record's, beside it, so that a
 * person may take minutes in a browser while others go on renewing what is still held.
 *
 * Its name has a `~`, which no login has: `github~login.lock` is nobody's record lock.
 */
export const tryLoginLock = async (
  path: string,
  login: string,
  judge: Judge,
): Promise<LoginLockAttempt> => {
  try {
    await makeDirectory(join(path, '..'));
    const lockPath = (await resolveCredential(path, login)).lockPath.replace(
      /\.lock$/,
      '~login.lock',
    );
    const place = { fs: nodeFileSystem, lockPath, judge };
    const holder = await livingHolder(place);
    if (holder !== null) {
      return { kind: 'busy', holder };
    }
    const { tryAcquireKept } = await import('../lock/heartbeat.ts');
    const self = currentProcess();
    const { pid, machine } = self;
    const owner = JSON.stringify({ pid, machine, since: new Date().toISOString() });
    const acquired = await tryAcquireKept(place, newLeaseName(self), `${owner}\n`);
    if (acquired.kind === 'obstructed') {
      throw new TokenctlError('refused', `the login lock is unusable: ${acquired.what}`, {
        login,
        hint: `mv '${lockPath}' '${lockPath}.away'`,
      });
    }
    if (acquired.kind === 'busy') {
      return acquired;
    }
    // Nothing in them can matter: what is signed in to is saved under the record's own lock.
    for (const remains of await findRemains(place)) {
      await removeRemains(place, remains);
    }
    return { kind: 'held', release: acquired.release };
  } catch (error) {
    if (error instanceof TokenctlError) {
      throw error;
    }
    throw new TokenctlError(
      'refused',
      `cannot lock the login (${errnoOf(error) ?? 'unknown error'}); nothing was sent`,
      { login, hint: `its directory must be writable: ls -ld '${join(path, '..')}'`, cause: error },
    );
  }
};
