import { Command } from 'commander';
import { get } from '../get.ts';
import { GET_DEFAULTS, GET_OPTIONS, type GetArguments } from '../get-options.ts';

export const command = (): Command => {
  const command = new Command('get')
    .summary('print an access token that is valid now')
    .description(
      'Print an access token that is valid now, renewed if need be: once, however many ask.',
    )
    .argument('<NAME>', 'the login')
    .addHelpText('after', HELP)
    .action(async (name: string, options: GetArguments) => {
      await get(name, options);
    });
  for (const [flag, [member, value, description]] of Object.entries(GET_OPTIONS)) {
    const fallback = member === 'timeout' ? GET_DEFAULTS.timeout : undefined;
    command.option(`${flag} ${value}`.trim(), description, fallback);
  }
  return command;
};

const HELP = `
Examples:
  curl -H "$(tokenctl get github --header)" https://api.github.com/user
  TOKEN=$(tokenctl get work --min-ttl 10m) || exit
  printf %s "$TOKEN" | tokenctl get work --rejected -    # after a 401`;
