import type { Credential } from './credential.ts';
import type { Ask, Settled } from './decide.ts';
import { failureOf } from './messages.ts';
import type { Clock } from './platform/clock.ts';
import type { SignalHold } from './platform/signals.ts';
import type { RefreshFunction } from './refresh-outcome.ts';
import type { Store } from './store/store.ts';
import { type Token, tokenOf } from './token.ts';
import type { Trace } from './trace.ts';

/** What the story is told with. */
export interface Story {
  readonly store: Store;
  /** How to renew. */
  readonly refresh: RefreshFunction;
  readonly clock: Clock;
  /** Overrides the record's own proactive point. */
  readonly refreshAt: number | null;
  readonly createSignalHold: () => SignalHold;
  /** Called once when a wait for another process has become noticeable. */
  readonly onWait: (holder: string) => void;
  /** Told what is decided. */
  readonly trace?: Trace | undefined;
}

/** One caller's request, bounded in time. */
export interface Request {
  readonly ask: Ask;
  /** Milliseconds left of the caller's time. */
  readonly remainingMs: () => number;
}

/** Turns a decision that needs nobody else into a token or an error. */
export const settle = (
  { store, trace }: Pick<Story, 'store' | 'trace'>,
  record: Credential,
  decision: Settled,
  warnings: readonly string[],
): Token => {
  if (decision.kind === 'fail') {
    trace?.('decided: fail', { code: decision.code, why: decision.why });
    throw failureOf(decision, store.login);
  }
  trace?.('decided: serve', { generation: record.generation, warning: decision.warning });
  return tokenOf(store.login, record, {
    warnings: decision.warning === null ? warnings : [...warnings, decision.warning],
  });
};
