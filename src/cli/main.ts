import { runCompiled } from './compiled-code.ts';
import { parseCredentialArguments } from './credential-options.ts';
import { isDebugMode } from './debug-mode.ts';
import { parseGetArguments } from './get-options.ts';

/**
 * A plain `get`, a `credential` as other programs call it, and all other commands are bundles of their
 * own that share no code (build.js): a process runs one of them.
 */
const main = async (args: readonly string[]): Promise<void> => {
  const [command, ...rest] = isDebugMode() ? [] : args;
  const get = command === 'get' ? parseGetArguments(rest) : null;
  if (get !== null) {
    const { exports, keepCompiled } = runCompiled(PLAIN_GET, require);
    return (exports as typeof import('./plain-get.ts')).runPlainGet(args, get, keepCompiled);
  }
  const asked = command === 'credential' ? parseCredentialArguments(rest) : null;
  if (asked !== null) {
    const { exports, keepCompiled } = runCompiled(PLAIN_CREDENTIAL, require);
    const { runPlainCredential } = exports as typeof import('./plain-credential.ts');
    return runPlainCredential(args, asked, keepCompiled);
  }
  const { runAnyCommand } = await import('./any-command.ts');
  return runAnyCommand(args);
};

const PLAIN_GET = `${__dirname}/plain-get.cjs`;
const PLAIN_CREDENTIAL = `${__dirname}/plain-credential.cjs`;

void main(process.argv.slice(2));
