import { Command } from 'commander';
import { changeRecord } from '../../change-record.ts';
import { printable, TokenctlError } from '../../errors.ts';
import {
  formatHostBinding,
  MAX_BINDINGS,
  parseHostBinding,
  requireHostBinding,
} from '../../hosts/binding.ts';
import { noSuchLogin } from '../../messages.ts';
import { parseDuration } from '../duration.ts';
import { print, say } from '../io.ts';
import { openLogin } from '../manager.ts';

export const command = (): Command =>
  new Command('hosts')
    .summary('which hosts may be given this login')
    .description(
      'Show or change which hosts may be given the token of a login: by git, docker and others that ' +
        'ask for one, by tokenctl curl and tokens.fetch. The host is exact, and the port with it; a path ' +
        'stands for itself and all below it. https, and on this machine http. There are no wildcards.',
    )
    .argument('<NAME>', 'the login')
    .argument('[ACTION]', 'add, remove or list', 'list')
    .argument('[HOST...]', '[USERNAME@]HOST[:PORT][/PATH]')
    .option('--json', 'print JSON')
    .option('--timeout <DURATION>', 'how long to wait for others', '30s')
    .addHelpText('after', HELP)
    .action(run);

const HELP = `
Examples:
  tokenctl hosts work list
  tokenctl hosts work add git.example.com registry.example.com:5000
  tokenctl hosts work add git.example.com/acme       # for logins that share a host
  tokenctl hosts work add alice@git.example.com      # the same, by account
  tokenctl hosts work remove git.example.com`;

const run = async (
  name: string,
  action: string,
  given: readonly string[],
  options: { json?: true; timeout: string },
): Promise<void> => {
  const { store } = openLogin(name);
  const change = changeOf(action, given.map(requireHostBinding));
  const held = (await store.read())?.record;
  if (held === undefined) {
    throw noSuchLogin(name);
  }
  let { hosts } = held;
  if (change !== null) {
    const timeoutMs = parseDuration(options.timeout, '--timeout');
    const changed = await changeRecord(store, timeoutMs, (current) => {
      if (current === null) {
        throw noSuchLogin(name);
      }
      hosts = change(current.hosts);
      return hosts.length === current.hosts.length ? null : { ...current, hosts };
    });
    if (changed !== null) {
      const { generation } = changed;
      await store.audit?.({ event: 'hosts', login: name, generation, token: null });
    }
  }
  if (hosts.length === 0 && !options.json) {
    say(`tokenctl: ${name}: the login is bound to no host (tokenctl hosts ${name} add HOST)\n`);
  }
  await print(
    options.json
      ? `${JSON.stringify({ login: name, hosts })}\n`
      : hosts.map((host) => `${printable(host)}\n`).join(''),
  );
};

type Change = (hosts: readonly string[]) => readonly string[];

const changeOf = (action: string, bindings: readonly string[]): Change | null => {
  const needed = bindings.length > 0;
  if (action === 'list' && !needed) {
    return null;
  }
  if (action === 'add' && needed) {
    return (hosts) => atMost(MAX_BINDINGS, [...new Set([...hosts, ...bindings])]);
  }
  if (action === 'remove' && needed) {
    return (hosts) => hosts.filter((host) => !bindings.includes(canonical(host)));
  }
  throw new TokenctlError(
    'usage',
    action === 'add' || action === 'remove'
      ? `${action}: a host is missing`
      : 'behind NAME, hosts takes add HOST…, remove HOST… or list',
    { hint: 'tokenctl hosts --help' },
  );
};

const atMost = (limit: number, hosts: readonly string[]): readonly string[] => {
  if (hosts.length > limit) {
    throw new TokenctlError('usage', `a login is bound to at most ${limit} hosts`);
  }
  return hosts;
};

/** As older versions, and imports, may have written it. */
const canonical = (host: string): string => {
  const binding = parseHostBinding(host);
  return 'problem' in binding ? host : formatHostBinding(binding);
};
