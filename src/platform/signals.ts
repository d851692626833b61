/** Asking politely: each can be held for the moment between spending a refresh token and saving its successor. */
const HELD: readonly NodeJS.Signals[] =
  process.platform === 'win32'
    ? ['SIGINT', 'SIGTERM', 'SIGHUP']
    : ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGTSTP'];

/**
 * Holds signals until the returned function is called, which then lets the ones that came have
 * their effect. Listeners of the program itself hear of a signal at once, as always, and decide
 * alone: then nothing is repeated.
 */
export const holdSignals = (): (() => void) => {
  const received = new Set<NodeJS.Signals>();
  const held = HELD.map((signal) => {
    const decidesAlone = ownListeners(signal) > 0;
    const listener = () => {
      if (!decidesAlone) {
        received.add(signal);
      }
    };
    process.on(signal, listener);
    return { signal, listener };
  });
  return () => {
    for (const { signal, listener } of held) {
      process.removeListener(signal, listener);
    }
    for (const signal of received) {
      // With no listener left SIGTSTP stops the process and the others end it, with the right status.
      process.kill(process.pid, signal);
    }
  };
};

/** Listeners other than those of signal-exit (below proper-lockfile), which only clean up and pass the signal on. */
const ownListeners = (signal: NodeJS.Signals): number => {
  const emitter = (process as { __signal_exit_emitter__?: { count?: number } })
    .__signal_exit_emitter__;
  return process.listenerCount(signal) - (emitter?.count ?? 0);
};
