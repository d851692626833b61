import { basename, dirname, join } from 'node:path';
import { entriesOf, removeTree } from './directory.ts';
import { type LeaseName, parseLeaseName } from './lease-name.ts';
import { CONCLUDED, judgeHolder, type LockPlace, NEXT, SPENT } from './place.ts';

/** What a dead (or evicted) holder left: `…/github.lock.<name>.dead/`. */
export interface Remains {
  readonly name: LeaseName;
  readonly path: string;
  /** Path of the next record it was making; it may be incomplete. */
  readonly nextPath: string | null;
  /** The refresh token of this generation was sent for the nth time under this lease. */
  readonly spent: readonly { readonly generation: number; readonly nth: number }[];
  readonly owner: 'alive' | 'dead';
}

export const removeRemains = async ({ fs }: LockPlace, { path }: Remains): Promise<void> => {
  await removeTree(fs, path);
};

export const findRemains = async (place: LockPlace): Promise<Remains[]> => {
  const { fs, lockPath } = place;
  const prefix = `${basename(lockPath)}.`;
  const found: Remains[] = [];
  for (const entry of await fs.list(dirname(lockPath))) {
    const [, name, kind] = /^(.*)\.(dead|new)$/.exec(entry.slice(prefix.length)) ?? [];
    if (!entry.startsWith(prefix) || name === undefined || parseLeaseName(name) === null) {
      continue;
    }
    const path = join(dirname(lockPath), entry);
    if (kind === 'dead') {
      found.push(await inspect(place, name, path));
    } else if ((await judgeHolder(place, join(path, name), name)) === 'dead') {
      // Prepared by a process that died before it could use it.
      await removeTree(fs, path);
    }
  }
  return found;
};

const inspect = async (place: LockPlace, name: LeaseName, path: string): Promise<Remains> => {
  const entries = await entriesOf(place.fs, path);
  const names = entries === 'not-a-directory' ? [] : entries;
  return {
    name,
    path,
    nextPath: names.includes(NEXT) ? join(path, NEXT) : null,
    spent: names.flatMap((entry) => {
      const [, generation, nth] = SPENT.exec(entry) ?? [];
      return generation === undefined ? [] : [{ generation: Number(generation), nth: Number(nth) }];
    }),
    owner: names.includes(CONCLUDED) ? 'dead' : await judgeHolder(place, path, name),
  };
};
