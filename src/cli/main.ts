import { runCompiled } from './compiled-code.ts';
import { parseCredentialArguments } from './credential-options.ts';
import { isDebugMode } from './debug-mode.ts';
import { parseExecArguments } from './exec-options.ts';
import { parseGetArguments } from './get-options.ts';
import { splitArguments } from './wrapping.ts';

/**
 * A plain `get`, a `credential` as other programs call it, a plain `exec` and all other commands are bundles of their
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
  if (command === 'exec') {
    const { own, behind } = splitArguments(args);
    const exec = behind === null ? null : parseExecArguments(own.slice(1));
    if (exec !== null && behind !== null) {
      const { exports, keepCompiled } = runCompiled(PLAIN_EXEC, require);
      const { runPlainExec } = exports as typeof import('./plain-exec.ts');
      return runPlainExec(args, exec, behind, keepCompiled);
    }
  }
  const { runAnyCommand } = await import('./any-command.ts');
  return runAnyCommand(args);
};

const PLAIN_GET = `${__dirname}/plain-get.cjs`;
const PLAIN_CREDENTIAL = `${__dirname}/plain-credential.cjs`;
const PLAIN_EXEC = `${__dirname}/plain-exec.cjs`;

void main(process.argv.slice(2));
