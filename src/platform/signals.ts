import { setTimeout as sleep } from 'node:timers/promises';

/** Asking politely: each can be held for the moment between spending a refresh token and saving its successor. */
const HELD: readonly NodeJS.Signals[] =
  process.platform === 'win32'
    ? ['SIGINT', 'SIGTERM', 'SIGHUP']
    : ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGTSTP'];

/** Holds signals between `hold` and `release`, which lets the ones that came have their effect. */
export interface SignalHold {
  hold(): void;
  /** Does not come back if one of them ends the process. */
  release(): Promise<void>;
}

/** A re-raised signal is delivered within one turn of the event loop; this is far beyond. */
const DELIVERY_MS = 1_000;

/**
 * Listeners of the program itself hear of a held signal at once, as always, and decide alone: then
 * nothing is repeated.
 */
export const createSignalHold = (): SignalHold => {
  const received = new Set<NodeJS.Signals>();
  let held: { signal: NodeJS.Signals; listener: () => void }[] = [];
  return {
    hold: () => {
      held = HELD.map((signal) => {
        const decidesAlone = ownListeners(signal) > 0;
        const listener = () => {
          if (!decidesAlone) {
            received.add(signal);
          }
        };
        process.on(signal, listener);
        return { signal, listener };
      });
    },
    release: async () => {
      for (const { signal, listener } of held) {
        process.removeListener(signal, listener);
      }
      held = [];
      const raised = [...received];
      received.clear();
      for (const signal of raised) {
        // With no listener left SIGTSTP stops the process and the others end it, with the right status.
        process.kill(process.pid, signal);
      }
      if (raised.some((signal) => signal !== 'SIGTSTP')) {
        await sleep(DELIVERY_MS);
      }
    },
  };
};

/** Listeners other than those of signal-exit (below proper-lockfile), which only clean up and pass the signal on. */
const ownListeners = (signal: NodeJS.Signals): number => {
  const emitter = (process as { __signal_exit_emitter__?: { count?: number } })
    .__signal_exit_emitter__;
  return process.listenerCount(signal) - (emitter?.count ?? 0);
};
