import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import type { Credential } from '../credential.ts';
import { errnoOf, TokenctlError } from '../errors.ts';
import { attempt } from '../lock/directory.ts';
import { type Remains, removeRemains } from '../lock/remains.ts';
import { serialiseRecord } from '../record-format.ts';
import { setDeadline } from './deadline.ts';
import { forgetExtraTokens } from './extra-tokens.ts';
import { type HeldFile, parentOf, readParsed, readRecord } from './held-file.ts';
import { forgetRemains, inherit } from './inherit.ts';
import { isDirectory, isLink, requireReplaceable } from './location.ts';
import { createStamp } from './stamp.ts';
import type { StoreLease } from './store.ts';

/** Room for a longer token than the last one; a successor that needs more is still written, unproved. */
const RESERVED_GROWTH_BYTES = 16 * 1024;

export const fileLease = (held: HeldFile): StoreLease => {
  const { acquired, place, recordPath, directory, login, lifeboats } = held;
  const { lease } = acquired;
  const stamp = createStamp(held);
  // What dead holders left about the refresh token that is stored now; without meaning after the next.
  let outlived: readonly Remains[] = [];
  let advances = false;
  let written: { next: Credential; previous: Credential | null } | null = null;
  return {
    name: lease.name,
    evicted: acquired.evicted,
    inherit: async (own) => {
      const { kept, ...inheritance } = await inherit(held, own);
      outlived = kept;
      return inheritance;
    },
    read: () => readRecord(held),
    reserve: async (previous) => {
      await requireReplaceable(recordPath, `${lease.nextPath}.probe`);
      await stamp.prepare(previous);
      return lease.reserve(reservation(previous));
    },
    gate: async (generation, nth) =>
      acquired.uncompromised() ? lease.gate(generation, nth) : 'lost',
    ungate: (generation, nth) => lease.ungate(generation, nth),
    write: (next, previous) => {
      advances = previous === null || next.generation > previous.generation;
      written = { next, previous };
      return lease.write(serialiseRecord(stamp.on(next), parentOf(previous)));
    },
    commit: async () => {
      if (written !== null) {
        await setDeadline(place.fs, lease.nextPath, directory, written.next);
      }
      const step = await lease.commit(recordPath);
      if (step === 'lost') {
        return step;
      }
      const synced = await attempt(() => place.fs.syncDirectory(directory));
      for (const remains of advances ? outlived : []) {
        await removeRemains(place, remains);
      }
      if (synced !== 'done') {
        return 'unsynced';
      }
      if (written !== null && written.previous?.recordId !== written.next.recordId) {
        // Of the grant that was replaced.
        await attempt(() => forgetExtraTokens(dirname(held.path), login));
      }
      if (written !== null) {
        await stamp.committed(written.next, written.previous);
      }
      return 'done';
    },
    launchLifeboat: (next, previous) =>
      lifeboats.launch(recordPath, serialiseRecord(stamp.on(next), parentOf(previous))),
    claim: () => stamp.claim(),
    remove: async () => {
      try {
        if (await isDirectory(recordPath)) {
          // What goes with the lease goes with everything in it, and that is not ours.
          throw Object.assign(new Error('a directory'), { code: 'EISDIR' });
        }
        const shared = await isLink(held.path);
        const before = await readParsed(held).catch(() => null);
        // A link only: those it is shared with keep the login. Else out of an evicted holder's reach,
        // and gone with the lease.
        await (shared
          ? place.fs.unlink(held.path)
          : place.fs.rename(recordPath, `${lease.nextPath}.removed`));
        await place.fs.syncDirectory(directory);
        if (!shared) {
          // What dead holders left may hold tokens as well; last, for it may be the only copy.
          await forgetRemains(held, before?.kind === 'record' ? before.record : null);
        }
        await forgetExtraTokens(dirname(held.path), login);
      } catch (error) {
        if (errnoOf(error) !== 'ENOENT') {
          throw new TokenctlError(
            'refused',
            `cannot remove the credential file (${errnoOf(error)})`,
            {
              login,
              cause: error,
            },
          );
        }
      }
    },
    conclude: (answered) => lease.conclude(answered),
    release: acquired.release,
    leaveBehind: acquired.leaveBehind,
  };
};

/**
 * What the next record's file holds until there is one: the intent, filled to size. The filling is
 * random, so that a file system that compresses must really find the space. (One that copies on
 * write may still run out when the file is overwritten: there the reservation is best effort.)
 */
const reservation = (previous: Credential | null): string => {
  const size =
    (previous === null ? 0 : serialiseRecord(previous, parentOf(previous)).length) +
    RESERVED_GROWTH_BYTES;
  const intent = { intent: 'refresh', parent: parentOf(previous), at: new Date().toISOString() };
  return `${JSON.stringify(intent)}\n${randomBytes(Math.ceil((size * 3) / 4)).toString('base64')}\n`;
};
