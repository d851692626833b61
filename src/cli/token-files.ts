import { lstatSync, readdirSync, rmSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf, TokenctlError } from '../errors.ts';
import { attempt } from '../lock/directory.ts';
import { livenessByName } from '../lock/judge.ts';
import { newLeaseName } from '../lock/lease-name.ts';
import { nodeFileSystem } from '../platform/fs.ts';
import { makeDirectory } from '../platform/make-directory.ts';
import { currentProcess } from '../platform/process-identity.ts';
import { volatileDirectories } from '../platform/volatile-directory.ts';
import type { Secret } from '../secret.ts';

/** Files with access tokens for another program to read, in a directory of this process's own. */
export interface TokenFiles {
  readonly pathOf: (login: string) => string;
  /** Puts it in the place of the one that is there; a reader sees the one or the other. */
  readonly write: (login: string, token: Secret) => Promise<void>;
  readonly remove: () => void;
}

/** What follows says whose it is, as the name of a lease does. */
const PREFIX = 'tokenctl-exec.';

/** @throws {TokenctlError} `refused` if there is no place for them */
export const createTokenFiles = async (env: NodeJS.ProcessEnv): Promise<TokenFiles> => {
  const name = `${PREFIX}${newLeaseName(currentProcess())}`;
  let why = 'there is none';
  for (const base of volatileDirectories(env)) {
    const directory = join(base, name);
    try {
      await nodeFileSystem.mkdir(directory);
      return filesIn(directory);
    } catch (error) {
      why = `${base}: ${errnoOf(error) ?? 'unknown error'}`;
    }
  }
  throw new TokenctlError('refused', `no directory can be made for the token (${why})`, {
    hint: 'make TMPDIR a directory of your own',
  });
};

/** Removes what processes left that were killed. What cannot be told or removed stays. */
export const sweepTokenFiles = (env: NodeJS.ProcessEnv): void => {
  for (const base of volatileDirectories(env)) {
    for (const entry of entriesOf(base).filter((each) => each.startsWith(PREFIX))) {
      const path = join(base, entry);
      if (isOurs(path) && livenessByName(entry.slice(PREFIX.length)) === 'dead') {
        remove(path);
      }
    }
  }
};

const filesIn = (directory: string): TokenFiles => {
  const pathOf = (login: string) => join(directory, login);
  return {
    pathOf,
    write: async (login, token) => {
      const prepared = join(directory, `.${login}.new`);
      try {
        // Who tidies up there has tidied us away.
        await makeDirectory(directory);
        await attempt(() => unlink(prepared));
        await nodeFileSystem.create(prepared, token.reveal());
        await nodeFileSystem.rename(prepared, pathOf(login));
      } catch (error) {
        const why = `its file cannot be written (${errnoOf(error) ?? 'unknown error'})`;
        throw new TokenctlError('refused', why, { login, hint: `make room in '${directory}'` });
      }
    },
    remove: () => remove(directory),
  };
};

const entriesOf = (directory: string): string[] => {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
};

const isOurs = (path: string): boolean => {
  try {
    const stats = lstatSync(path);
    return (
      stats.isDirectory() && (process.geteuid === undefined || stats.uid === process.geteuid())
    );
  } catch {
    return false;
  }
};

const remove = (path: string): void => {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // The next one tries again.
  }
};
