import { setTimeout as sleep } from 'node:timers/promises';

/** Asking politely: each can be held for the moment between spending a refresh token and saving its successor. */
const HELD: readonly NodeJS.Signals[] =
  process.platform === 'win32'
    ? ['SIGINT', 'SIGTERM', 'SIGHUP']
    : ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGTSTP'];

/** Holds signals between `hold` and `release`, which lets the ones that came have their effect. */
export interface SignalHold {
  hold(): void;
  /** Waits, but not when a signal has come, or comes meanwhile: then it is true. */
  interrupted(ms: number): Promise<boolean>;
  /** Does not come back if one of them ends the process. */
  release(): Promise<void>;
}

/** A re-raised signal is delivered within one turn of the event loop; this is far beyond. */
const DELIVERY_MS = 1_000;

/** What this process holds at the moment, for one login or several. */
const holding = new Set<(signal: NodeJS.Signals) => void>();

/** Whether a refresh token has been spent whose successor is not safe yet. */
export const holdsSignals = (): boolean => holding.size > 0;

/**
 * Listeners of the program itself hear of a held signal at once, as always, and decide alone: then
 * nothing is repeated. Of several holds the last one to be released lets the signals through.
 */
export const createSignalHold = (): SignalHold => {
  const received = new Set<NodeJS.Signals>();
  let awaken = () => {};
  const receive = (signal: NodeJS.Signals) => {
    received.add(signal);
    awaken();
  };
  let held: { signal: NodeJS.Signals; listener: () => void }[] = [];
  return {
    hold: () => {
      if (held.length > 0) {
        return;
      }
      held = HELD.map((signal) => {
        // Asked when it comes, as they may have gone by then, and before those that go with the first one.
        const listener = () => void (ownListeners(signal) > 0 || receive(signal));
        process.prependListener(signal, listener);
        return { signal, listener };
      });
      holding.add(receive);
    },
    interrupted: (ms) =>
      new Promise((resolve) => {
        const timer = setTimeout(() => resolve(false), received.size > 0 ? 0 : ms);
        awaken = () => {
          clearTimeout(timer);
          resolve(true);
        };
        if (received.size > 0) {
          awaken();
        }
      }),
    release: async () => {
      if (held.length > 0) {
        // One that has come already is only heard of in the event loop's next turn.
        await turn();
        await turn();
      }
      for (const { signal, listener } of held) {
        process.removeListener(signal, listener);
      }
      held = [];
      holding.delete(receive);
      const raised = [...received];
      received.clear();
      const [other] = holding;
      for (const signal of raised) {
        if (other !== undefined) {
          other(signal);
        } else {
          // With no listener left SIGTSTP stops the process and the others end it, with the right status.
          process.kill(process.pid, signal);
        }
      }
      if (other === undefined && raised.some((signal) => signal !== 'SIGTSTP')) {
        await sleep(DELIVERY_MS);
      }
    },
  };
};

/** The second of two in a row has been through the phase in which signals are looked for. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

/**
 * Listeners other than ours and those of signal-exit (versions 3 and 4: below proper-lockfile, execa
 * and many others), which only clean up and pass the signal on when no one else listens.
 */
const ownListeners = (signal: NodeJS.Signals): number => {
  const version3 = (process as { __signal_exit_emitter__?: Counter }).__signal_exit_emitter__;
  const version4 = (globalThis as Record<symbol, unknown>)[Symbol.for('signal-exit emitter')];
  // It listens to what ends a process, and SIGTSTP does not.
  const passingOn = (signal === 'SIGTSTP' ? [] : [version3, version4 as Counter | undefined])
    .map((emitter) => emitter?.count ?? 0)
    .reduce((sum, count) => sum + count, 0);
  return process.listenerCount(signal) - passingOn - holding.size;
};

interface Counter {
  readonly count?: number;
}
