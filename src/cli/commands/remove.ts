import { createInterface } from 'node:readline/promises';
import { Command } from 'commander';
import { changeRecord } from '../../change-record.ts';
import { TokenctlError } from '../../errors.ts';
import { parseDuration } from '../duration.ts';
import { print } from '../io.ts';
import { openLogin } from '../manager.ts';

export const command = (): Command =>
  new Command('remove')
    .summary('forget without telling the provider')
    .description(
      'Forget a login on this machine. The provider is not told: its tokens stay valid until they expire.',
    )
    .argument('<NAME>', 'the login')
    .option('-y, --yes', 'do not ask')
    .option('--timeout <DURATION>', 'how long to wait for others', '30s')
    .addHelpText('after', '\nExample:\n  tokenctl remove work --yes')
    .action(run);

const run = async (name: string, options: { yes?: true; timeout: string }): Promise<void> => {
  const { store } = openLogin(name);
  if (!(await store.list()).includes(name)) {
    throw new TokenctlError('no_such_login', `there is no login named ${name}`, {
      login: name,
      hint: 'tokenctl status',
    });
  }
  if (!options.yes && !(await confirm(name))) {
    throw new TokenctlError('usage', 'not removed', { login: name });
  }
  // A damaged record must be removable too, so nothing of it is read.
  await changeRecord(store, parseDuration(options.timeout, '--timeout'), () => 'remove' as const, {
    ignoreCurrent: true,
  });
  await store.audit?.({ event: 'remove', login: name, generation: 0, token: null });
  await print(`Removed ${name} from this machine.\n`);
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
