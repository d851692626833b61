import { exec } from './exec.ts';
import type { parseExecArguments } from './exec-options.ts';
import { useLightFetchTypes } from './light-fetch.ts';
import { runCommand } from './run-command.ts';

type Plain = NonNullable<ReturnType<typeof parseExecArguments>>;

/** An `exec` that was read without commander. Calls back when it has refreshed: then all of it has been used. */
export const runPlainExec = (
  args: readonly string[],
  { names, options }: Plain,
  behind: readonly string[],
  refreshed: () => void,
): Promise<void> =>
  runCommand(args, () => {
    useLightFetchTypes();
    return exec(names, options, behind, (anew) => {
      if (anew) {
        refreshed();
      }
    });
  });
