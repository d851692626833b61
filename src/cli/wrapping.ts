import { EXIT_OWN_FAILURE } from './exit-codes.ts';

/** Commands that run another program: their exit code is that program's, and so it cannot say what failed of ours. */
const WRAPPING: ReadonlySet<string> = new Set(['exec', 'curl']);

/** Our own arguments, and the ones behind the first `--` of such a command; null if there is none. */
export const splitArguments = (
  args: readonly string[],
): { own: readonly string[]; behind: readonly string[] | null } => {
  const dashes = args.indexOf('--');
  return dashes === -1 || !isWrapping(args)
    ? { own: args, behind: null }
    : { own: args.slice(0, dashes), behind: args.slice(dashes + 1) };
};

/** Whether there is no `--` where another program's arguments would be behind it. */
export const lacksDashes = (args: readonly string[]): boolean =>
  isWrapping(args) && !args.includes('--');

/** What our own failure ends with. */
export const ownExitCode = (args: readonly string[], code: number): number =>
  code !== 0 && isWrapping(args) ? EXIT_OWN_FAILURE : code;

const isWrapping = (args: readonly string[]): boolean =>
  WRAPPING.has(args.find((arg) => !arg.startsWith('-')) ?? '');
