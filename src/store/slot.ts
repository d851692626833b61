import { createHash, randomBytes } from 'node:crypto';
import { isSameSecrets } from '../kept.ts';
import { monotonicMs } from '../platform/clock.ts';
import { type Envelope, parseEnvelope, serialiseEnvelope } from './envelope.ts';
import type { KeptFault } from './kept-fault.ts';
import type { Keychain } from './keychain.ts';
import type { KeychainOutcome } from './keychain-protocol.ts';

/**
 * A login's entry in the keychain. Its name says which login of which directory it is of, and is new
 * with every move and every sign-in: two homes never share one, whoever copied or renamed what.
 */
export const newSlotName = (login: string, directory: string): string =>
  `${login} ${createHash('sha256').update(directory).digest('hex').slice(0, 8)}-${randomBytes(6).toString('hex')}`;

export type SlotOutcome =
  | { readonly kind: 'ok'; readonly envelope: Envelope }
  | { readonly kind: 'fault'; readonly fault: KeptFault };

export const readSlot = async (
  keychain: Keychain,
  slot: string,
  limitMs: number,
): Promise<SlotOutcome> => {
  const read = await keychain.read(slot, limitMs);
  if (read.kind !== 'ok') {
    return fault(read);
  }
  const envelope = parseEnvelope(read.value);
  return envelope === null
    ? fault({ kind: 'missing' }, 'what is there is none of tokenctl, or of a later one')
    : { kind: 'ok', envelope };
};

/** Written, and read back: some keychains say yes to what they do not keep. */
export const writeSlot = async (
  keychain: Keychain,
  slot: string,
  envelope: Envelope,
  limitMs: number,
): Promise<SlotOutcome> => {
  const end = monotonicMs() + limitMs;
  const left = () => Math.max(1, Math.round(end - monotonicMs()));
  const written = await keychain.write(slot, serialiseEnvelope(envelope), limitMs);
  if (written.kind !== 'ok') {
    return fault(written);
  }
  const back = await readSlot(keychain, slot, left());
  return back.kind === 'fault' || isSame(back.envelope, envelope)
    ? back
    : fault({ kind: 'denied', what: 'it gives something else back than what was written' });
};

const isSame = (one: Envelope, other: Envelope): boolean =>
  one.recordId === other.recordId &&
  one.generation === other.generation &&
  isSameSecrets(one.secrets, other.secrets);

/** Emptied already is as good. */
export const emptySlot = async (
  keychain: Keychain,
  slot: string,
  limitMs: number,
): Promise<KeptFault | null> => {
  const removed = await keychain.remove(slot, limitMs);
  return removed.kind === 'ok' || removed.kind === 'missing' ? null : fault(removed).fault;
};

const fault = (
  outcome: Exclude<KeychainOutcome, { kind: 'ok' }>,
  what = outcome.kind === 'missing' ? '' : outcome.what,
): Extract<SlotOutcome, { kind: 'fault' }> => ({
  kind: 'fault',
  fault: { place: 'keychain', kind: outcome.kind, what },
});
