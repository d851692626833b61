import type { Credential } from '../credential.ts';
import type { LeaseStep } from '../lock/lease.ts';
import type { LeaseAttempt, Store, StoreLease } from './store.ts';

/**
 * Keeps one login in this process's memory: for tests, and for programs that keep tokens elsewhere.
 * The lock holds within the process.
 */
export const memoryStore = (initial: Credential | null = null, login = 'memory'): Store => {
  let record = initial;
  let holder: string | null = null;
  let leases = 0;

  const lease = (name: string): StoreLease => {
    let next: Credential | null = null;
    // As with files, a lease that has ended can change nothing any more.
    const step = async (change: () => void): Promise<LeaseStep> => {
      if (holder !== name) {
        return 'lost';
      }
      change();
      return 'done';
    };
    const release = async () => {
      holder = holder === name ? null : holder;
    };
    return {
      name,
      evicted: [],
      inherit: async () => ({ adopted: null, inFlight: null, lostSends: 0, lastSentMs: null }),
      read: async () => (record === null ? null : { record, warnings: [] }),
      open: async (opened) => ({ kind: 'opened', record: opened }),
      stow: async (_, place) => ({ kind: 'closed', fault: { place, kind: 'absent', what: '' } }),
      newSlot: () => '',
      ownSlots: async () => [],
      emptySlot: async () => null,
      hasStowed: () => false,
      others: async () => [],
      warnings: () => [],
      reserve: () => step(() => {}),
      gate: () => step(() => {}),
      ungate: async () => {},
      write: (written) =>
        step(() => {
          next = written;
        }),
      commit: () =>
        step(() => {
          record = next ?? record;
        }),
      launchLifeboat: async () => null,
      claim: () => {},
      remove: async () => {
        record = null;
      },
      conclude: async () => {},
      release,
      leaveBehind: release,
    };
  };

  return {
    login,
    read: async () => (record === null ? null : { record, warnings: [] }),
    tryLease: async (): Promise<LeaseAttempt> => {
      if (holder !== null) {
        return { kind: 'busy', holder };
      }
      leases += 1;
      holder = `memory-${leases}`;
      return { kind: 'held', lease: lease(holder) };
    },
    whyForeign: async () => null,
    list: async () => (record === null ? [] : [login]),
  };
};
