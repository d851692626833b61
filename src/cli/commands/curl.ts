import { Command } from 'commander';
import { DEFAULT_TIMEOUT_MS } from '../../create-token-manager.ts';
import { curl } from '../curl/curl.ts';
import { parseDuration } from '../duration.ts';
import { useLightFetchTypes } from '../light-fetch.ts';

interface CurlArguments {
  minTtl?: string;
  timeout?: string;
}

export const command = (behind: readonly string[] | null): Command =>
  new Command('curl')
    .summary('an HTTP request as this login, by your curl')
    .description(
      'Run curl with a valid token of a login, for the hosts that the login is bound to and no ' +
        'other. A token that is rejected (401) is renewed once, and the request sent once more.\n\n' +
        'Everything behind -- is for curl. Options that could give the token to somebody else are ' +
        'refused: further addresses, --location-trusted, --config, --user, --next, --trace, ' +
        '--insecure but on this machine … ~/.curlrc is not read. --location goes on without the token ' +
        'when it leads to another host. A request whose body comes from stdin or a pipe is not sent ' +
        'twice, nor one with -J or -C.',
    )
    .usage('<NAME> <URL> [options] [-- CURL-OPTIONS...]')
    .argument('<NAME>', 'the login')
    .argument('<URL>', 'the address, https://…; http:// on this machine only')
    .option('--min-ttl <DURATION>', 'renew if the token is valid for less than this (90s, 10m, 2h)')
    .option('--timeout <DURATION>', 'how long to wait for the token (default: "30s")')
    .addHelpText('after', HELP)
    .action(async (name: string, url: string, { minTtl, timeout }: CurlArguments) => {
      useLightFetchTypes();
      await curl(name, url, behind ?? [], {
        minTtlMs: minTtl === undefined ? 0 : parseDuration(minTtl, '--min-ttl'),
        timeoutMs: timeout === undefined ? DEFAULT_TIMEOUT_MS : parseDuration(timeout, '--timeout'),
      });
    });

const HELP = `
Examples:
  tokenctl curl github https://api.github.com/user
  tokenctl curl github https://api.github.com/user/repos -- -sSf --json '{"name":"new"}'
  tokenctl curl work https://git.example.com/big.iso -- -L -o big.iso
  tar cz . | tokenctl curl work https://files.example.com/site.tgz -- -T -

Exit codes: curl's own; 125 when tokenctl itself failed, 127 where there is no curl.`;
