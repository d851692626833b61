import { type Credential, expiresAtMs, freshness } from './credential.ts';
import { errnoOf, TokenctlError } from './errors.ts';
import { describeHolder } from './messages.ts';
import { systemClock } from './platform/clock.ts';
import { shortFingerprint } from './secret.ts';
import type { Opened, Store, Stored, StoreLease } from './store/store.ts';
import type { Details, Trace } from './trace.ts';

/** The same store, telling what is read, locked and saved. */
export const tracedStore = (store: Store, trace: Trace): Store => {
  // Who waits looks every few milliseconds: the same again is not worth a line.
  const [tellRecord, tellLease] = [onlyNews(trace), onlyNews(trace)];
  return {
    ...store,
    read: async () => {
      const stored = await telling(trace, 'reading the record', () => store.read());
      tellRecord('record read', detailsOf(stored));
      return stored;
    },
    tryLease: async (judge) => {
      const turn = await telling(trace, 'taking the lease', () => store.tryLease(judge));
      if (turn.kind === 'busy') {
        tellLease('lease busy', { holder: describeHolder(turn.holder).who });
        return turn;
      }
      tellLease('lease held', {
        lease: turn.lease.name,
        evicted: turn.lease.evicted.join(' ') || null,
      });
      return { ...turn, lease: tracedLease(turn.lease, trace) };
    },
  };
};

const tracedLease = (lease: StoreLease, trace: Trace): StoreLease => ({
  ...lease,
  inherit: async (own) => {
    const inherited = await telling(trace, 'inheriting', () => lease.inherit(own));
    const { adopted, inFlight, lostSends } = inherited;
    if (adopted !== null || inFlight !== null || lostSends > 0) {
      const generation = adopted?.generation ?? null;
      trace('inherited', { adopted: generation, in_flight: inFlight, lost_sends: lostSends });
    }
    return inherited;
  },
  read: async () => {
    const stored = await telling(trace, 'reading the record', () => lease.read());
    trace('record read under the lease', detailsOf(stored));
    return stored;
  },
  open: (record, limitMs) =>
    record.kept?.stowed
      ? apart(trace, 'secrets opened', () => lease.open(record, limitMs))
      : lease.open(record, limitMs),
  stow: (record, place, slot, limitMs) =>
    apart(trace, `secrets put apart (${place})`, () => lease.stow(record, place, slot, limitMs)),
  reserve: (previous) => step(trace, 'space reserved', {}, () => lease.reserve(previous)),
  gate: (generation, nth) =>
    step(trace, 'gate passed', { generation, nth }, () => lease.gate(generation, nth)),
  ungate: (generation, nth) =>
    step(trace, 'gate taken back', { generation, nth }, () => lease.ungate(generation, nth)),
  write: (next, previous) =>
    step(trace, 'next record durable', recordDetails(next), () => lease.write(next, previous)),
  commit: () => step(trace, 'next record in its place', {}, () => lease.commit()),
  remove: () => step(trace, 'record removed', {}, () => lease.remove()),
  conclude: (answered) =>
    step(trace, 'lost lease concluded', { answered }, () => lease.conclude(answered)),
  release: () => step(trace, 'lease released', {}, () => lease.release()),
  leaveBehind: () => step(trace, 'lease left to the next holder', {}, () => lease.leaveBehind()),
});

const apart = async (
  trace: Trace,
  done: string,
  action: () => Promise<Opened>,
): Promise<Opened> => {
  const opened = await telling(trace, done, action);
  trace(
    done,
    opened.kind === 'opened'
      ? { generation: opened.record.generation }
      : { result: opened.fault.kind, why: opened.fault.what },
  );
  return opened;
};

/** Tells of a step when it is done, or that it did not happen, or failed. */
const step = async <Result>(
  trace: Trace,
  done: string,
  details: Details,
  action: () => Promise<Result>,
): Promise<Result> => {
  const result = await telling(trace, done, action);
  const plain = result === undefined || result === 'done';
  trace(done, plain ? details : { ...details, result: String(result) });
  return result;
};

const telling = async <Result>(
  trace: Trace,
  doing: string,
  action: () => Promise<Result>,
): Promise<Result> => {
  try {
    return await action();
  } catch (error) {
    // Only its code: what else an error says is said where it ends, or nowhere.
    const code = error instanceof TokenctlError ? error.code : errnoOf(error);
    trace(`${doing}: failed`, { error: code ?? 'unknown error' });
    throw error;
  }
};

const onlyNews = (trace: Trace): Trace => {
  let last = '';
  return (what, details) => {
    const said = JSON.stringify([what, details]);
    if (said !== last) {
      last = said;
      trace(what, details);
    }
  };
};

const detailsOf = (stored: Stored | null): Details =>
  stored === null ? { found: false } : recordDetails(stored.record);

/** What decides about a record, tokens by their fingerprints. */
const recordDetails = (record: Credential): Details => {
  const expiresAt = expiresAtMs(record);
  const { lastAttempt } = record;
  return {
    generation: record.generation,
    state: record.state.kind,
    access_token: record.rejected ? 'rejected' : freshness(record, systemClock()),
    expires_at: expiresAt === null ? null : new Date(expiresAt).toISOString(),
    refresh_token: shortFingerprint(record.refreshToken),
    last_attempt: lastAttempt?.verdict ?? null,
    last_error: lastAttempt?.error ?? null,
  };
};
