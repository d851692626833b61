import { runCompiled } from './compiled-code.ts';
import { isDebugMode } from './debug-mode.ts';
import { parseGetArguments } from './get-options.ts';

/**
 * A plain `get` and all other commands are bundles of their own that share no code (build.js): a
 * process runs the one or the other.
 */
const main = async (args: readonly string[]): Promise<void> => {
  const plain = args[0] === 'get' && !isDebugMode() ? parseGetArguments(args.slice(1)) : null;
  if (plain === null) {
    const { runAnyCommand } = await import('./any-command.ts');
    return runAnyCommand(args);
  }
  const { exports, keepCompiled } = runCompiled(PLAIN_GET, require);
  return (exports as typeof import('./plain-get.ts')).runPlainGet(args, plain, keepCompiled);
};

const PLAIN_GET = `${__dirname}/plain-get.cjs`;

void main(process.argv.slice(2));
