import type { Credential } from '../credential.ts';
import { isOpen, isSameSecrets, type Kept, type Place, secretsOf, withSecrets } from '../kept.ts';
import { monotonicMs } from '../platform/clock.ts';
import { Secret } from '../secret.ts';
import { type Envelope, envelopeOf } from './envelope.ts';
import { faultText, type KeptFault } from './kept-fault.ts';
import { type Keychain, openKeychain } from './keychain.ts';
import { readPassphrase } from './passphrase.ts';
import { createSealer, type Sealer } from './sealed.ts';
import { emptySlot, readSlot, writeSlot } from './slot.ts';
import type { Opened } from './store.ts';

/** The secrets of one login that are kept apart from its record, for the length of one lease. */
export interface Apart {
  /**
   * The record with its secrets. The place is really written to as well: what keeps the next refresh
   * token from being saved is found out before this one is spent.
   */
  open(record: Credential, limitMs: number): Promise<Opened>;
  /** Puts the record's secrets there, and gives the record that says so. */
  stow(record: Credential, place: Place, slot: string | null, limitMs: number): Promise<Opened>;
  /** What of a record whose secrets belong apart is to be in the file; never fails. */
  keep(next: Credential): Promise<Credential>;
  empty(slot: string, limitMs: number): Promise<KeptFault | null>;
  /** These secrets are in a place that the record has no part in. */
  hasStowed(generation: number): boolean;
  warnings(): readonly string[];
  close(): void;
}

export interface ApartMeans {
  readonly login: string;
  readonly env: NodeJS.ProcessEnv;
  /** Another keychain than the platform's. */
  readonly keychain?: Keychain | undefined;
}

/** With a rotated refresh token in hand that is nowhere else yet. */
const KEEP_LIMIT_MS = 5_000;

export const createApart = (means: ApartMeans): Apart => {
  const { login, env } = means;
  const keychain = means.keychain ?? openKeychain(env);
  const warnings: string[] = [];
  let sealer: Sealer | null = null;
  /** What is there as far as this lease knows. */
  let last: { readonly generation: number; readonly kept: Kept } | null = null;

  const sealerWithin = async (limitMs: number): Promise<Sealer | KeptFault> => {
    if (sealer === null) {
      const passphrase = await readPassphrase(env, limitMs);
      if (!(passphrase instanceof Secret)) {
        return passphrase;
      }
      sealer = createSealer(passphrase);
    }
    return sealer;
  };

  const read = async ({ place, slot, sealed }: Kept, limitMs: number) => {
    if (place === 'keychain') {
      return readSlot(keychain, slot ?? '', limitMs);
    }
    const found = await sealerWithin(limitMs);
    if (!('unseal' in found)) {
      return { kind: 'fault', fault: found } as const;
    }
    const envelope = await found.unseal(sealed ?? '');
    return envelope === null
      ? ({ kind: 'fault', fault: { place, kind: 'denied', what: '' } } as const)
      : ({ kind: 'ok', envelope } as const);
  };

  /** Gives what the record is to say of it. */
  const write = async (
    envelope: Envelope,
    kept: Kept,
    limitMs: number,
  ): Promise<Kept | KeptFault> => {
    if (kept.place === 'keychain') {
      const written = await writeSlot(keychain, kept.slot ?? '', envelope, limitMs);
      return written.kind === 'ok' ? { ...kept, stowed: true } : written.fault;
    }
    const found = await sealerWithin(limitMs);
    return 'seal' in found ? { ...kept, sealed: await found.seal(envelope), stowed: true } : found;
  };

  const put = async (record: Credential, kept: Kept, limitMs: number): Promise<Opened> => {
    const written = await write(envelopeOf(record), kept, limitMs);
    if ('kind' in written) {
      return { kind: 'closed', fault: written };
    }
    last = { generation: record.generation, kept: written };
    return { kind: 'opened', record: { ...record, kept: written } };
  };

  /** What another holder, which was taken for dead, has put there in the meantime is not overwritten. */
  const whyNotOver = async (next: Credential, kept: Kept): Promise<KeptFault | null> => {
    if (last !== null || kept.place !== 'keychain') {
      return null;
    }
    const found = await readSlot(keychain, kept.slot ?? '', KEEP_LIMIT_MS);
    if (found.kind === 'fault') {
      return found.fault.kind === 'missing' ? null : found.fault;
    }
    const { recordId, generation, secrets } = found.envelope;
    const ours =
      recordId === next.recordId &&
      (generation < next.generation ||
        (generation === next.generation && isSameSecrets(secrets, secretsOf(next))));
    return ours
      ? null
      : { place: kept.place, kind: 'denied', what: 'somebody else has written there' };
  };

  return {
    open: async (record, limitMs) => {
      const { kept } = record;
      if (kept === null || !kept.stowed) {
        return { kind: 'opened', record };
      }
      const end = monotonicMs() + limitMs;
      const found = await read(kept, limitMs);
      if (found.kind === 'fault') {
        return { kind: 'closed', fault: found.fault };
      }
      const opened = merge(record, found.envelope);
      if (typeof opened === 'string') {
        return { kind: 'closed', fault: { place: kept.place, kind: 'missing', what: opened } };
      }
      return put(opened, kept, Math.max(1, Math.round(end - monotonicMs())));
    },
    stow: (record, place, slot, limitMs) => {
      const leftovers = record.kept?.leftovers ?? [];
      return put(record, { place, slot, sealed: null, stowed: true, leftovers }, limitMs);
    },
    keep: async (next) => {
      const { kept } = next;
      if (kept === null || !kept.stowed || !isOpen(next)) {
        return next;
      }
      if (last !== null && next.generation <= last.generation) {
        // Of an older generation than what is there: the record is only marked, and stays behind it.
        return next.generation < last.generation
          ? next
          : { ...next, kept: { ...last.kept, leftovers: kept.leftovers } };
      }
      const taken = await whyNotOver(next, kept);
      const done: Opened =
        taken === null ? await put(next, kept, KEEP_LIMIT_MS) : { kind: 'closed', fault: taken };
      if (done.kind === 'opened') {
        return done.record;
      }
      const why = faultText(done.fault, login);
      warnings.push(
        `${why}: the new refresh token is in the credential file until it can be put there`,
      );
      const here: Kept = { ...kept, sealed: null, stowed: false };
      last = { generation: next.generation, kept: here };
      return { ...next, kept: here };
    },
    empty: (slot, limitMs) => emptySlot(keychain, slot, limitMs),
    hasStowed: (generation) =>
      last?.generation === generation && last.kept.stowed && last.kept.place === 'keychain',
    warnings: () => warnings,
    close: () => keychain.close(),
  };
};

/**
 * The record with what was found apart. Of a later generation of the same grant it is what a holder
 * put there and did not live to say in the record; else it must be what the record says.
 *
 * @returns why it cannot be
 */
const merge = (
  record: Credential,
  { recordId, generation, secrets }: Envelope,
): Credential | string => {
  if (recordId !== record.recordId) {
    return 'what is there belongs to another sign-in';
  }
  if (generation > record.generation) {
    return {
      ...withSecrets(record, secrets),
      generation,
      // What stands in the way of the old refresh token means nothing for the new one.
      state: { kind: 'active', reason: null, at: null },
      lifeboat: null,
    };
  }
  return generation === record.generation && isSameSecrets(secretsOf(record), secrets)
    ? withSecrets(record, secrets)
    : 'what is there is older than the credential file';
};
