import { Command } from 'commander';
import { isRenewed } from '../../credential.ts';
import { parseDuration } from '../duration.ts';
import { print } from '../io.ts';
import { openLogin } from '../manager.ts';
import { rejectedToken } from '../rejected-token.ts';

export const command = (): Command =>
  new Command('invalidate')
    .summary('this access token was rejected')
    .description(
      'Mark the stored access token as rejected, so that the next get renews it. ' +
        'With --rejected -, only if the token on stdin is the stored one.',
    )
    .argument('<NAME>', 'the login')
    .option('--rejected <->', 'the rejected token, on stdin')
    .option('--json', 'print whether it was marked as JSON')
    .option('--timeout <DURATION>', 'how long to wait for others', '30s')
    .addHelpText(
      'after',
      '\nExample:\n  printf %s "$TOKEN" | tokenctl invalidate work --rejected -',
    )
    .action(run);

const run = async (
  name: string,
  options: { rejected?: string; json?: true; timeout: string },
): Promise<void> => {
  const { manager, store } = openLogin(name);
  const timeoutMs = parseDuration(options.timeout, '--timeout');
  const invalidated = await manager.invalidate(await rejectedToken(options.rejected), timeoutMs);
  const record = (await store.read())?.record;
  const next =
    record === undefined || isRenewed(record)
      ? 'the next get renews it'
      : `nothing renews it: tokenctl login ${name}`;
  await print(
    options.json
      ? `${JSON.stringify({ login: name, invalidated })}\n`
      : `${name}: ${invalidated ? `marked as rejected; ${next}` : 'nothing to mark: it is not the stored token, or already marked'}\n`,
  );
};
