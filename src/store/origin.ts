import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { open, rename, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Credential, Origin } from '../credential.ts';
import { errnoOf } from '../errors.ts';
import { nodeFileSystem } from '../platform/fs.ts';
import { machineId } from '../platform/machine.ts';
import { parseRecord } from '../record-parser.ts';
import { readCredentialFile } from './location.ts';

/**
 * Tells a record from a copy of it, before the refresh token that both hold is spent by one and then
 * by the other (INCIDENTS 9). Every write says where it was made. A record counts as copied only if
 * the directory's anchor file does not know its own inode any more *and* the machine or the path is
 * another one: bind mounts, restarted containers and homes on NFS keep the inode; a move to another
 * disk keeps machine and path.
 *
 * Not seen: a rolled-back image of a virtual machine, a container image with a login baked in. There
 * everything is the same.
 */
export const whyCopied = async (record: Credential, recordPath: string): Promise<string | null> => {
  const { origin } = record;
  if (origin === null) {
    return null;
  }
  const directory = dirname(recordPath);
  const anchor = await readAnchor(directory);
  const sameInode = anchor?.settled === true && anchor.id === origin.anchor;
  if (!sameInode && (origin.machine !== machineId() || origin.directory !== directory)) {
    const there =
      origin.machine === machineId() ? `from ${origin.directory}` : 'from another machine';
    return `this credential was copied here ${there}, and its refresh token can be spent in one place only`;
  }
  return (await isCopyOfSibling(record, origin, recordPath))
    ? `this credential is a copy of ${origin.file} beside it, and its refresh token can be spent in one place only`
    : null;
};

/** Where a record at this path is; makes the directory's anchor if there is none that belongs to it. */
export const originOf = async (recordPath: string, preparedPath: string): Promise<Origin> => {
  const directory = dirname(recordPath);
  const anchor = await readAnchor(directory);
  return {
    anchor: anchor?.settled ? anchor.id : await dropAnchor(directory, preparedPath),
    machine: machineId(),
    directory,
    file: basename(recordPath),
  };
};

/** Beside the records; not hidden from `cp` and backup rules that skip what begins with a dot. */
export const ANCHOR = 'tokenctl-anchor';
const MAX_ANCHOR_BYTES = 4096;
const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;

interface Anchor {
  readonly id: string;
  /** It is the very file it was written as. */
  readonly settled: boolean;
}

/** What cannot be read as an anchor is none: then machine and path decide, and the next write makes one. */
const readAnchor = async (directory: string): Promise<Anchor | null> => {
  try {
    const file = await open(join(directory, ANCHOR), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      const stats = await file.stat({ bigint: true });
      if (!stats.isFile() || stats.size > MAX_ANCHOR_BYTES) {
        return null;
      }
      const { id, inode } = JSON.parse(await file.readFile('utf8'));
      return typeof id === 'string' ? { id, settled: inode === String(stats.ino) } : null;
    } finally {
      await file.close();
    }
  } catch {
    return null;
  }
};

/**
 * Made in the lease, where it is swept up if this process dies, and renamed into place complete. Two
 * logins may do this at once: the last one stays, and for the other one's record machine and path
 * decide until its next write.
 */
const dropAnchor = async (directory: string, preparedPath: string): Promise<string> => {
  const id = randomBytes(16).toString('hex');
  await nodeFileSystem.create(preparedPath, '');
  const { ino } = await stat(preparedPath, { bigint: true });
  const about = 'Makes a copy of this directory recognisable: tokenctl adopt --help';
  const text = JSON.stringify({ about, id, inode: String(ino) });
  await nodeFileSystem.overwrite(preparedPath, `${text}\n`);
  try {
    await rename(preparedPath, join(directory, ANCHOR));
  } catch (error) {
    // Another user's, in a sticky directory that both use: machine and path decide here.
    if (errnoOf(error) !== 'EPERM' && errnoOf(error) !== 'EACCES') {
      throw error;
    }
  }
  return id;
};

/** `cp work.json spare.json`: both hold one refresh token, under two locks. A rename leaves no sibling. */
const isCopyOfSibling = async (
  record: Credential,
  origin: Origin,
  recordPath: string,
): Promise<boolean> => {
  if (origin.file === basename(recordPath) || origin.file !== basename(origin.file)) {
    return false;
  }
  try {
    const sibling = await readCredentialFile(join(dirname(recordPath), origin.file), origin.file);
    const parsed = sibling === null ? null : parseRecord(sibling.text);
    return parsed?.kind === 'record' && parsed.record.recordId === record.recordId;
  } catch {
    return false;
  }
};
