import type { Credential } from './credential.ts';
import type { Refresh } from './decide.ts';
import type { LeaseName } from './lock/lease-name.ts';
import type { SignalHold } from './platform/signals.ts';
import type { StoreLease } from './store/store.ts';

/** What is at stake: the record as read inside the lease, and what is known of its refresh token. */
export interface Stake {
  readonly lease: StoreLease;
  readonly record: Credential;
  readonly decision: Refresh;
  /** How often this refresh token had gone out when its last sender died. */
  readonly lostSends: number;
  /** Held from the gate on, released with the lease. */
  readonly signals: SignalHold;
  /** Leases this caller has lost past the gate. */
  readonly lost: Set<LeaseName>;
}
