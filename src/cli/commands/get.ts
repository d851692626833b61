import { Command } from 'commander';
import { openExtraLogin } from '../extra-login.ts';
import { get, type Open, openPlainly } from '../get.ts';
import { GET_DEFAULTS, GET_OPTIONS, type GetArguments } from '../get-options.ts';
import { useLightFetchTypes } from '../light-fetch.ts';
import { openInteractively } from '../sign-in-if-needed.ts';

export const command = (): Command => {
  const command = new Command('get')
    .summary('print an access token that is valid now')
    .description(
      'Print an access token that is valid now, renewed if need be: once, however many ask.',
    )
    .argument('<NAME>', 'the login')
    .addHelpText('after', HELP)
    .action(async (name: string, options: GetArguments) => {
      await get(name, options, open);
    });
  for (const [flag, [member, value, description]] of Object.entries(GET_OPTIONS)) {
    const fallback = member === 'timeout' ? GET_DEFAULTS.timeout : undefined;
    command.option(`${flag} ${value}`.trim(), description, fallback);
  }
  return command;
};

const open: Open = async (name, options) => {
  const { login, scope, resource } = options;
  if (login) {
    // Only who asks for it, and can see it, is ever sent to a browser.
    return openInteractively(name);
  }
  if (scope === undefined && resource === undefined) {
    return openPlainly(name, options);
  }
  useLightFetchTypes();
  const extra = {
    ...(scope === undefined ? {} : { scope }),
    ...(resource === undefined ? {} : { resource }),
  };
  return (await openExtraLogin(name, extra)).manager;
};

const HELP = `
Examples:
  curl -H "$(tokenctl get github --header)" https://api.github.com/user
  TOKEN=$(tokenctl get work --min-ttl 10m) || exit
  printf %s "$TOKEN" | tokenctl get work --rejected -    # after a 401`;
