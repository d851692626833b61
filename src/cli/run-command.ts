import { endWithStdout, flush } from './io.ts';
import { reportError, reportUncaught } from './report.ts';
import { ownExitCode, splitArguments } from './wrapping.ts';

/** Runs a command to its end, and says what went wrong. */
export const runCommand = async (
  args: readonly string[],
  command: () => Promise<void>,
): Promise<void> => {
  const json = splitArguments(args).own.includes('--json');
  const report = (error: unknown) => ownExitCode(args, reportError(error, json));
  endWithStdout(report);
  reportUncaught(report);
  try {
    await command();
  } catch (error) {
    process.exitCode = report(error);
  }
  await flush();
  // All is said and written. A name that is still being looked up for a connection nobody waits for
  // any more cannot be cancelled, and would keep the process alive for half a minute.
  process.exit();
};
