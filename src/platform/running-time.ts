import { monotonicMs } from './clock.ts';

/** In steps, so that a stop shows. */
const STEP_MS = 250;
/** What a step lasted beyond this does not count: the process was stopped (Ctrl-Z, SIGSTOP, a paused machine). */
const LONGEST_STEP_MS = 1_000;

/**
 * Runs `action` when this process has been running for `ms`. A plain timer goes off at once when a
 * stopped process goes on, before it has read the answer that has long been there.
 *
 * @returns a function that cancels it
 */
export const afterRunning = (ms: number, action: () => void): (() => void) => {
  let timer: NodeJS.Timeout;
  let cancelled = false;
  const run = (left: number): void => {
    const started = monotonicMs();
    timer = setTimeout(
      () => {
        const rest = left - Math.min(monotonicMs() - started, LONGEST_STEP_MS);
        if (rest > 0) {
          run(rest);
        } else {
          // What has come by now is read first.
          setImmediate(() => cancelled || action());
        }
      },
      Math.min(left, STEP_MS),
    );
  };
  run(ms);
  return () => {
    cancelled = true;
    clearTimeout(timer);
  };
};
