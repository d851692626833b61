import { isDebugMode } from './debug-mode.ts';
import { get } from './get.ts';
import { parseGetArguments } from './get-options.ts';
import { endWithStdout, flush } from './io.ts';
import { reportError, reportUncaught } from './report.ts';

const main = async (args: readonly string[]): Promise<void> => {
  endWithStdout((error) => reportError(error, args.includes('--json')));
  reportUncaught(args.includes('--json'));
  try {
    await run(args);
  } catch (error) {
    process.exitCode = reportError(error, args.includes('--json'));
  }
  await flush();
  // All is said and written. A name that is still being looked up for a connection nobody waits for
  // any more cannot be cancelled, and would keep the process alive for half a minute.
  process.exit();
};

const run = async ([command, ...args]: readonly string[]): Promise<void> => {
  const plain = command === 'get' && !isDebugMode() ? parseGetArguments(args) : null;
  if (plain !== null) {
    return get(plain.name, plain.options);
  }
  const { runProgram } = await import('./program.ts');
  return runProgram(command === undefined ? [] : [command, ...args]);
};

void main(process.argv.slice(2));

// For the parts of the command that are in files of their own; see build.js.
export * from '../errors.ts';
export * from '../lock/judge.ts';
export * from '../platform/signals.ts';
export * from '../secret.ts';
