/** In steps, so that a stop shows. */
const STEP_MS = 250;
/** A step that ends this late did so because the process was stopped (Ctrl-Z, SIGSTOP, a paused machine). */
const STOPPED_MS = 500;
/** After a stop there is at least this much left, to hear first what has come meanwhile. */
const CATCH_UP_MS = 500;

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
    const step = Math.min(left, STEP_MS);
    const due = performance.now() + step;
    timer = setTimeout(() => {
      if (performance.now() - due > STOPPED_MS) {
        run(Math.max(left - step, CATCH_UP_MS));
      } else if (left > step) {
        run(left - step);
      } else {
        // What has come by now is read before this runs.
        setImmediate(() => cancelled || action());
      }
    }, step);
  };
  run(ms);
  return () => {
    cancelled = true;
    clearTimeout(timer);
  };
};
