import { runProgram } from './program.ts';
import { runCommand } from './run-command.ts';

/** Every command but a plain `get`, which has a bundle of its own: the two share nothing (build.js). */
export const runAnyCommand = (args: readonly string[]): Promise<void> =>
  runCommand(args, () => runProgram(args));
