import { get } from './get.ts';
import type { parseGetArguments } from './get-options.ts';
import { leadHerd } from './herd.ts';
import { runCommand } from './run-command.ts';

type Plain = NonNullable<ReturnType<typeof parseGetArguments>>;

/** A `get` that was read without commander. Calls back when it has refreshed: then all of it has been used. */
export const runPlainGet = (
  args: readonly string[],
  { name, options }: Plain,
  refreshed: () => void,
): Promise<void> =>
  runCommand(args, () =>
    leadHerd(name, async () => {
      if (await get(name, options)) {
        refreshed();
      }
    }),
  );
