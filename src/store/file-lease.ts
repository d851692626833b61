import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import type { Credential } from '../credential.ts';
import { errnoOf, TokenctlError } from '../errors.ts';
import { slotsOf } from '../kept.ts';
import { attempt } from '../lock/directory.ts';
import { type Remains, removeRemains } from '../lock/remains.ts';
import { serialiseRecord } from '../record-format.ts';
import type { Apart } from './apart.ts';
import { setDeadline, setHerd } from './deadline.ts';
import { forgetExtraTokens, otherTokens } from './extra-tokens.ts';
import { type HeldFile, parentOf, readParsed, readRecord } from './held-file.ts';
import { forgetRemains, inherit } from './inherit.ts';
import { faultText } from './kept-fault.ts';
import { isDirectory, isLink, requireReplaceable } from './location.ts';
import { whyCopied } from './origin.ts';
import { newSlotName } from './slot.ts';
import { createStamp } from './stamp.ts';
import type { StoreLease } from './store.ts';

/** Room for a longer token than the last one; a successor that needs more is still written, unproved. */
const RESERVED_GROWTH_BYTES = 16 * 1024;

export const fileLease = (held: HeldFile): StoreLease => {
  const { acquired, place, recordPath, directory, login, lifeboats, herdPath } = held;
  const { lease } = acquired;
  const stamp = createStamp(held);
  // What dead holders left about the refresh token that is stored now; without meaning after the next.
  let outlived: readonly Remains[] = [];
  let advances = false;
  let reserved = false;
  // Loaded when a record is met that has something apart.
  let apart: Apart | null = null;
  const apartOf = async (): Promise<Apart> => {
    apart ??= (await import('./apart.ts')).createApart({ login, ...held.means });
    return apart;
  };
  const forFile = async (next: Credential): Promise<Credential> =>
    next.kept === null ? next : (await apartOf()).keep(next);
  let faults: readonly string[] = [];
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
      if (reserved) {
        // Signing in reserves before it asks, and again with all that follows.
        return 'done';
      }
      await requireReplaceable(recordPath, `${lease.nextPath}.probe`);
      await stamp.prepare(previous);
      const step = await lease.reserve(reservation(previous));
      reserved = step === 'done';
      return step;
    },
    gate: async (generation, nth) =>
      acquired.uncompromised() ? lease.gate(generation, nth) : 'lost',
    ungate: (generation, nth) => lease.ungate(generation, nth),
    open: async (record, limitMs) =>
      record.kept === null ? { kind: 'opened', record } : (await apartOf()).open(record, limitMs),
    stow: async (record, place, slot, limitMs) =>
      (await apartOf()).stow(record, place, slot, limitMs),
    newSlot: () => newSlotName(login, directory),
    ownSlots: (record) => ownSlots(record, recordPath),
    emptySlot: async (slot, limitMs) => (await apartOf()).empty(slot, limitMs),
    hasStowed: (generation) => apart?.hasStowed(generation) ?? false,
    others: (record) => otherTokens(dirname(held.path), login, record),
    warnings: () => [...faults, ...(apart?.warnings() ?? [])],
    write: async (record, previous) => {
      const next = await forFile(record);
      advances = previous === null || next.generation > previous.generation;
      written = { next, previous };
      return lease.write(serialiseRecord(stamp.on(next), parentOf(previous)));
    },
    commit: async () => {
      if (written !== null) {
        await setDeadline(place.fs, lease.nextPath, directory, written.next);
        await setHerd(place.fs, herdPath, written.next);
      }
      const step = await lease.commit(recordPath);
      reserved = false;
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
    launchLifeboat: async (next, previous) =>
      lifeboats.launch(
        recordPath,
        serialiseRecord(stamp.on(await forFile(next)), parentOf(previous)),
      ),
    claim: () => stamp.claim(),
    remove: async () => {
      try {
        if (await isDirectory(recordPath)) {
          // What goes with the lease goes with everything in it, and that is not ours.
          throw Object.assign(new Error('a directory'), { code: 'EISDIR' });
        }
        const shared = await isLink(held.path);
        const before = await readParsed(held).catch(() => null);
        const slots =
          shared || before?.kind !== 'record' ? [] : await ownSlots(before.record, recordPath);
        if (slots.length > 0) {
          faults = await emptySlots(await apartOf(), slots, login);
        }
        // A link only: those it is shared with keep the login. Else out of an evicted holder's reach,
        // and gone with the lease.
        await (shared
          ? place.fs.unlink(held.path)
          : place.fs.rename(recordPath, `${lease.nextPath}.removed`));
        await place.fs.syncDirectory(directory);
        if (!shared) {
          if (herdPath !== null) {
            await attempt(() => place.fs.unlink(herdPath));
          }
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
    release: () => {
      apart?.close();
      return acquired.release();
    },
    leaveBehind: () => {
      apart?.close();
      return acquired.leaveBehind();
    },
  };
};

const ownSlots = async (record: Credential, recordPath: string): Promise<readonly string[]> => {
  const slots = slotsOf(record.kept);
  return slots.length === 0 || (await whyCopied(record, recordPath)) !== null ? [] : slots;
};

/** Before the record goes, which alone knows their names. What cannot be removed is told of. */
const emptySlots = async (
  apart: Apart,
  slots: readonly string[],
  login: string,
): Promise<string[]> => {
  const warnings: string[] = [];
  for (const name of slots) {
    const fault = await apart.empty(name, EMPTY_LIMIT_MS);
    if (fault !== null) {
      warnings.push(
        `${faultText(fault, login)}: its entry is still there, service "tokenctl", account "${name}"`,
      );
    }
  }
  return warnings;
};

const EMPTY_LIMIT_MS = 10_000;

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
