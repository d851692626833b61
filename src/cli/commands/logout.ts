import { Command } from 'commander';
import { TokenctlError } from '../../errors.ts';
import { findPaths } from '../../paths.ts';
import { listLogins } from '../../store/file.ts';
import { parseDuration } from '../duration.ts';
import { print, say } from '../io.ts';
import { openLogin } from '../manager.ts';
import { reportError, reportWarnings } from '../report.ts';

export const command = (): Command =>
  new Command('logout')
    .summary('revoke at the provider, then forget')
    .description(
      'End a login: its provider is told to revoke its tokens, then it is forgotten here. If the provider ' +
        'cannot be reached, the login is kept (exit 5), so that it can be revoked later.',
    )
    .argument('[NAME...]', 'the logins')
    .option('--all', 'every login in this store')
    .option('--local', 'forget it here only: the provider is not told, and its tokens stay valid')
    .option('--json', 'print JSON: one object for one NAME, else a list')
    .option('--timeout <DURATION>', 'how long to wait for others', '30s')
    .addHelpText('after', HELP)
    .action(run);

const HELP = `
Examples:
  tokenctl logout work
  tokenctl logout --all
  tokenctl logout old-server --local     its provider does not exist any more`;

interface Options {
  all?: true;
  local?: true;
  json?: true;
  timeout: string;
}

interface Result {
  readonly login: string;
  readonly logged_out: boolean;
  readonly revoked: readonly string[];
  readonly error: string | null;
}

const run = async (given: readonly string[], options: Options): Promise<void> => {
  if ((given.length === 0) !== (options.all === true)) {
    throw new TokenctlError('usage', 'logout takes the names of logins, or --all');
  }
  const names = options.all ? await listLogins(findPaths().credentials) : [...new Set(given)];
  const results: Result[] = [];
  const failures: TokenctlError[] = [];
  for (const login of names) {
    try {
      results.push(await endLogin(login, options));
    } catch (error) {
      // The others are to end all the same.
      if (!(error instanceof TokenctlError) || names.length === 1) {
        throw error;
      }
      failures.push(error);
      results.push({ login, logged_out: false, revoked: [], error: error.message });
    }
  }
  await tell(results, options, names.length === 1 && !options.all);
  for (const error of failures) {
    // The last one's is the exit code.
    process.exitCode = reportError(error, options.json ?? false);
  }
};

const endLogin = async (login: string, { local, timeout }: Options): Promise<Result> => {
  const { store, trace } = openLogin(login);
  const timeoutMs = parseDuration(timeout, '--timeout');
  const { logout, forgetLogin } = await import('../../logout.ts');
  const { revoked, warnings } = local
    ? await forgetLogin(store, timeoutMs)
    : await logout(store, { timeoutMs, trace, env: process.env });
  reportWarnings(login, warnings);
  return { login, logged_out: true, revoked, error: null };
};

const tell = async (
  results: readonly Result[],
  { json, local }: Options,
  single: boolean,
): Promise<void> => {
  if (json) {
    await print(`${JSON.stringify(single ? results[0] : results)}\n`);
    return;
  }
  for (const { login, logged_out: done, revoked } of results) {
    if (done) {
      const what = local
        ? 'its provider was not told'
        : revoked.length === 0
          ? 'there was nothing left to revoke'
          : `${revoked.map((kind) => kind.replace('_', ' ')).join(' and ')} revoked`;
      await print(`Logged out of ${login}: ${what}; forgotten here.\n`);
    }
  }
  if (results.length === 0) {
    say('No logins here.\n');
  }
};
