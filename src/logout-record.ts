import type { Credential } from './credential.ts';
import type { Moment } from './platform/clock.ts';
import type { StoreLease } from './store/store.ts';

/** A login whose logout has begun: whatever is left of it, nobody is to use it. */
export const marked = (record: Credential, now: Moment): Credential => ({
  ...record,
  rejected: true,
  state: {
    kind: 'dead',
    reason: 'its logout has begun and was not finished (tokenctl logout goes on with it)',
    at: now,
  },
});

/** Nothing has been revoked: the login goes on as before. If that cannot be saved, the mark stays. */
export const backAsItWas = async (
  lease: StoreLease,
  record: Credential,
  mark: Credential,
): Promise<void> => {
  await save(lease, record, mark).catch(() => {});
};

export const save = async (
  lease: StoreLease,
  next: Credential,
  previous: Credential,
): Promise<'done' | 'lost'> =>
  (await lease.reserve(previous)) === 'done' &&
  (await lease.write(next, previous)) === 'done' &&
  (await lease.commit()) !== 'lost'
    ? 'done'
    : 'lost';
