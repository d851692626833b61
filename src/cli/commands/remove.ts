import { createInterface } from 'node:readline/promises';
import { Command } from 'commander';
import { removeRecord } from '../../change-record.ts';
import { TokenctlError } from '../../errors.ts';
import { noSuchLogin } from '../../messages.ts';
import { parseDuration } from '../duration.ts';
import { print } from '../io.ts';
import { openLogin } from '../manager.ts';
import { reportWarnings } from '../report.ts';

export const command = (): Command =>
  new Command('remove')
    .summary('forget without telling the provider')
    .description(
      'Forget a login on this machine. The provider is not told: its tokens stay valid until they expire.',
    )
    .argument('<NAME>', 'the login')
    .option('-y, --yes', 'do not ask')
    .option('--json', 'print JSON')
    .option('--timeout <DURATION>', 'how long to wait for others', '30s')
    .addHelpText('after', '\nExample:\n  tokenctl remove work --yes')
    .action(run);

const run = async (
  name: string,
  options: { yes?: true; json?: true; timeout: string },
): Promise<void> => {
  const { store } = openLogin(name);
  if (!(await store.list()).includes(name)) {
    throw noSuchLogin(name);
  }
  if (!options.yes && !(await confirm(name))) {
    throw new TokenctlError('usage', 'not removed', { login: name });
  }
  reportWarnings(name, await removeRecord(store, parseDuration(options.timeout, '--timeout')));
  await store.audit?.({ event: 'remove', login: name, generation: 0, token: null });
  await print(
    options.json
      ? `${JSON.stringify({ login: name, removed: true })}\n`
      : `Removed ${name} from this machine.\n`,
  );
};

const confirm = async (name: string): Promise<boolean> => {
  if (!process.stdin.isTTY) {
    throw new TokenctlError('usage', 'removing needs a confirmation', {
      login: name,
      hint: `tokenctl remove ${name} --yes`,
    });
  }
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`Forget the login ${name} on this machine? [y/N] `);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
};
