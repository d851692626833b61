import type { TestContext } from 'vitest';

/** Skips, and says why, where something is missing; on a machine that must have it, fails instead. */
export const need = (context: TestContext, have: boolean, what: string): void => {
  if (have) {
    return;
  }
  if (process.env.TOKENCTL_TEST_NO_SKIP !== undefined) {
    throw new Error(`this machine must have ${what}`);
  }
  console.warn(`skipped, for want of ${what}: ${context.task.name}`);
  context.skip();
};
