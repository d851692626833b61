import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { runDemo } from '../../demo/demo.ts';
import { print, say, wantsColor } from '../io.ts';

export const command = (): Command =>
  new Command('demo')
    .summary('see the problem, and that it is gone')
    .description(
      'Start an authorization server on this machine and show, with real processes, what happens to ' +
        'a login that many share: with tokenctl and without. Takes about ten seconds, touches nothing.',
    )
    .action(run);

const run = async (): Promise<void> => {
  const showsProgress = process.stderr.isTTY === true;
  const ok = await runDemo({
    tokenctl: [process.execPath, process.argv[1] ?? ''],
    // Bundled beside the command.
    naive: [process.execPath, fileURLToPath(new URL('naive-client.js', import.meta.url))],
    print,
    progress: (text) => {
      if (showsProgress) {
        say(`\r\u001b[K${text}`);
      }
    },
    color: wantsColor(process.stdout),
  });
  process.exitCode = ok ? 0 : 1;
};
