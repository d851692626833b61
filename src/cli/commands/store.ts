import { Command } from 'commander';
import { TokenctlError } from '../../errors.ts';
import { moveSecrets } from '../../keep-apart.ts';
import type { Place } from '../../kept.ts';
import { parseDuration } from '../duration.ts';
import { print } from '../io.ts';
import { openLogin } from '../manager.ts';
import { PLACE_NAMES, parsePlace, reportLeftovers } from '../place.ts';

export const command = (): Command =>
  new Command('store')
    .summary('move a login between file, keychain and encrypted file')
    .description(
      'Move what is of use for long (the refresh token, the client secret) to another place, and leave ' +
        'no copy behind. The access token stays in the 0600 file, so that a fresh one needs nothing else.',
    )
    .argument('<NAME>', 'the login')
    .option('--to <PLACE>', `where to: ${PLACE_NAMES}`)
    .option('--json', 'print JSON')
    .option('--timeout <DURATION>', 'how long to wait for others', '30s')
    .addHelpText('after', HELP)
    .action(run);

const HELP = `
Places:
  file       the login's own 0600 file
  keychain   the desktop's keychain (macOS Keychain, Windows Credential Manager, Secret Service)
  encrypted  the login's own file, encrypted with the passphrase that TOKENCTL_PASSPHRASE_FILE (a
             file's path) or TOKENCTL_KEY_COMMAND (a command that prints it) gives; for servers

Examples:
  tokenctl store work --to keychain
  TOKENCTL_PASSPHRASE_FILE=/run/secrets/tokenctl tokenctl store work --to encrypted
  TOKENCTL_KEY_COMMAND='pass show tokenctl' tokenctl store work --to encrypted
  tokenctl store work --to file`;

const run = async (
  name: string,
  options: { to?: string; json?: true; timeout: string },
): Promise<void> => {
  if (options.to === undefined) {
    throw new TokenctlError('usage', '--to is missing', {
      hint: `tokenctl store NAME --to ${PLACE_NAMES.replaceAll(', ', '|')}`,
    });
  }
  const place = parsePlace(options.to, '--to');
  const { store } = openLogin(name);
  const moved = await moveSecrets(store, place, parseDuration(options.timeout, '--timeout'));
  if (moved !== null) {
    const { generation } = moved;
    await store.audit?.({ event: 'store', login: name, generation, token: null });
    reportLeftovers(name, moved);
  }
  await print(
    options.json
      ? `${JSON.stringify({ login: name, store: place, moved: moved !== null })}\n`
      : `${moved === null ? 'Already there' : 'Moved'}: what renews ${name} is ${WHERE[place]}.\n`,
  );
};

const WHERE: Readonly<Record<Place, string>> = {
  file: "in the login's file",
  keychain: 'in the keychain',
  encrypted: "in the login's file, encrypted",
};
