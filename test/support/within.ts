import { runInNewContext } from 'node:vm';

/**
 * Runs something that does not wait, and ends it after so many milliseconds with an error: a regular
 * expression or a loop that would take for ever fails its test instead of hanging it. Not for
 * measuring: the limit must be far beyond what a slow machine needs.
 */
export const within = <T>(ms: number, run: () => T): T =>
  runInNewContext('run()', { run }, { timeout: ms }) as T;
