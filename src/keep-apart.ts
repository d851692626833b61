import { save, underLease } from './change-record.ts';
import type { Credential } from './credential.ts';
import { TokenctlError } from './errors.ts';
import { type Kept, type Place, secretsOf, slotsOf, withSecrets } from './kept.ts';
import { noSuchLogin } from './messages.ts';
import { faultError, type KeptFault, refusedBy } from './store/kept-fault.ts';
import type { Store, StoreLease } from './store/store.ts';

/** A keychain may ask a person, who may have to look for a password. */
export const KEYCHAIN_LIMIT_MS = 30_000;

/**
 * Moves the secrets of a login that can be kept apart (`kept.ts`) to another place, under its lock,
 * and leaves no copy behind.
 *
 * @returns the record; null if they were there already.
 * @throws {TokenctlError} `no_such_login`, `unavailable`, `refused`
 */
export const moveSecrets = async (
  store: Store,
  place: Place,
  timeoutMs: number,
): Promise<Credential | null> => {
  // No lock is made for a name that nothing is stored under.
  if ((await store.read()) === null) {
    throw noSuchLogin(store.login);
  }
  const moved = await underLease(store, timeoutMs, async (lease) => {
    await lease.inherit(new Set());
    const current = (await lease.read())?.record ?? null;
    if (current === null) {
      throw noSuchLogin(store.login);
    }
    const foreign = await store.whyForeign(current);
    if (foreign !== null) {
      const hint = `tokenctl adopt ${store.login}`;
      throw new TokenctlError('refused', foreign, { login: store.login, hint });
    }
    if (isThere(current, place)) {
      return { result: null };
    }
    if (secretsOf(current).size === 0 && place !== 'file') {
      const why = 'there is nothing to keep apart: no refresh token, no secret of a client';
      throw new TokenctlError('refused', why, { login: store.login });
    }
    const opened = await lease.open(current, KEYCHAIN_LIMIT_MS);
    if (opened.kind === 'closed') {
      throw faultError(opened.fault, store.login);
    }
    const result = await saveIn(lease, store.login, current, opened.record, place);
    return result === 'lost' ? 'lost' : { result };
  });
  if (moved?.fault != null) {
    const { message, code } = faultError(moved.fault, store.login);
    throw new TokenctlError(code, `moved, but a copy could not be removed: ${message}`, {
      login: store.login,
      hint: 'the same command again removes it',
    });
  }
  return moved?.record ?? null;
};

export interface Saved {
  readonly record: Credential;
  /** Why a slot that it no longer uses could not be emptied; its name is in the record. */
  readonly fault: KeptFault | null;
}

const isThere = ({ kept }: Credential, place: Place): boolean =>
  kept === null
    ? place === 'file'
    : kept.place === place && (kept.stowed || place === 'file') && kept.leftovers.length === 0;

/**
 * Makes `next` the record, with its secrets in `place`. The name of a slot is in the record before
 * there is anything in the slot, and after there is nothing in it any more: whoever is killed in
 * between leaves a login that works, and word of what is left to clear away.
 *
 * @param before the slots that are emptied then.
 */
export const saveIn = async (
  lease: StoreLease,
  login: string,
  current: Credential | null,
  next: Credential,
  place: Place,
  before: readonly string[] = slotsOf(current?.kept ?? null),
): Promise<Saved | 'lost'> => {
  if (place === 'file') {
    return finish(lease, current, { ...next, kept: leaving(before) });
  }
  const slot = place === 'keychain' ? lease.newSlot() : null;
  const base = slot === null ? current : await announce(lease, current, next, slot);
  if (base === 'lost') {
    return 'lost';
  }
  const stowed = await lease.stow(next, place, slot, KEYCHAIN_LIMIT_MS);
  if (stowed.kind === 'closed') {
    await takeBack(lease, current, base, slot, stowed.fault);
    throw refusedBy(stowed.fault, login);
  }
  const { kept } = stowed.record;
  return finish(lease, base, {
    ...stowed.record,
    kept: kept && { ...kept, leftovers: before },
  });
};

const IN_FILE: Kept = { place: 'file', slot: null, sealed: null, stowed: false, leftovers: [] };

const leaving = (slots: readonly string[]): Kept | null =>
  slots.length === 0 ? null : { ...IN_FILE, leftovers: slots };

/** Of a login that is new, all but the secrets: one that is killed now is one without a refresh token. */
const announce = async (
  lease: StoreLease,
  current: Credential | null,
  next: Credential,
  slot: string,
): Promise<Credential | 'lost'> => {
  const base = current ?? { ...withSecrets(next, new Map()), kept: null };
  const kept = base.kept ?? IN_FILE;
  const announced = { ...base, kept: { ...kept, leftovers: [...kept.leftovers, slot] } };
  return (await save(lease, announced, current)) === 'lost' ? 'lost' : announced;
};

/** It could not be put there: all is as it was. What may have got there nevertheless stays announced. */
const takeBack = async (
  lease: StoreLease,
  current: Credential | null,
  base: Credential | null,
  slot: string | null,
  { kind }: KeptFault,
): Promise<void> => {
  if (slot === null || base === null) {
    return;
  }
  if (current === null) {
    await lease.remove();
  } else if (
    NOTHING_WRITTEN.has(kind) ||
    (await lease.emptySlot(slot, KEYCHAIN_LIMIT_MS)) === null
  ) {
    await save(lease, current, base);
  }
};

const NOTHING_WRITTEN: ReadonlySet<KeptFault['kind']> = new Set(['absent', 'locked']);

const finish = async (
  lease: StoreLease,
  current: Credential | null,
  next: Credential,
): Promise<Saved | 'lost'> => {
  const step = await save(lease, next, current);
  if (step !== 'done') {
    // A power failure could bring the old record back, and that needs what is in its slot.
    return step === 'lost' ? step : { record: next, fault: null };
  }
  const left: string[] = [];
  let fault: KeptFault | null = null;
  for (const slot of next.kept?.leftovers ?? []) {
    const why = await lease.emptySlot(slot, KEYCHAIN_LIMIT_MS);
    fault = why ?? fault;
    left.push(...(why === null ? [] : [slot]));
  }
  const kept =
    next.kept === null || next.kept.place === 'file'
      ? leaving(left)
      : { ...next.kept, leftovers: left };
  const done = { ...next, kept };
  if (left.length !== (next.kept?.leftovers.length ?? 0)) {
    await save(lease, done, next);
  }
  return { record: done, fault };
};
