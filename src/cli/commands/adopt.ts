import { Command } from 'commander';
import { claimRecord } from '../../claim-record.ts';
import { TokenctlError } from '../../errors.ts';
import { findPaths } from '../../paths.ts';
import { listLogins, loginStore } from '../../store/file.ts';
import { parseDuration } from '../duration.ts';
import { print, say } from '../io.ts';
import { reportLeftovers } from '../place.ts';

export const command = (): Command =>
  new Command('adopt')
    .summary('this copied credential lives here now')
    .description(
      'Say that a credential which was copied here, or restored from a backup, lives here from now on. ' +
        'Its refresh token can be spent in one place only: the place it came from must not use it any more, ' +
        'and if it has been used there since, the provider may end the login for both.',
    )
    .argument('[NAME]', 'the login')
    .option('--all', 'every login in this store')
    .option('--json', 'print JSON')
    .option('--timeout <DURATION>', 'how long to wait for others', '30s')
    .addHelpText('after', HELP)
    .action(run);

const HELP = `
Examples:
  tokenctl adopt work            after moving to another machine
  tokenctl adopt --all           … with everything`;

interface Options {
  all?: true;
  json?: true;
  timeout: string;
}

const run = async (name: string | undefined, options: Options): Promise<void> => {
  if ((name === undefined) !== (options.all === true)) {
    throw new TokenctlError('usage', 'adopt takes the name of a login, or --all');
  }
  const names = name === undefined ? await listLogins(findPaths().credentials) : [name];
  const timeoutMs = parseDuration(options.timeout, '--timeout');
  const results: { login: string; adopted: boolean }[] = [];
  for (const login of names) {
    const store = loginStore(login);
    const claimed = await claimRecord(store, timeoutMs);
    if (claimed !== null) {
      const { generation } = claimed;
      await store.audit?.({ event: 'adopt', login, generation, token: null });
      reportLeftovers(login, claimed);
    }
    results.push({ login, adopted: claimed !== null });
  }
  await tell(results, options);
};

const tell = async (
  results: readonly { login: string; adopted: boolean }[],
  { all, json }: Options,
): Promise<void> => {
  if (json) {
    await print(`${JSON.stringify(all ? results : results[0])}\n`);
    return;
  }
  for (const { login, adopted } of results) {
    await print(
      adopted ? `Adopted ${login}: it lives here now.\n` : `${login} lives here already.\n`,
    );
  }
  if (results.length === 0) {
    say('No logins here.\n');
  }
};
