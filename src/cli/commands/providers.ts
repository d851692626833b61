import { Command } from 'commander';
import { readConfig } from '../../config.ts';
import { abbreviated, TokenctlError } from '../../errors.ts';
import type { Provider } from '../../providers/providers.ts';
import { quirks } from '../../providers/quirks.ts';
import { knownProviders, userProviders } from '../../user-providers.ts';
import { print } from '../io.ts';

export const command = (): Command =>
  new Command('providers')
    .summary('which providers are known, and what is particular about each')
    .description(
      'List the providers that are known, the presets and those of your config.toml, or explain one: ' +
        'endpoints, scopes, the client id it needs, what a refresh does, and how it departs from the RFCs.',
    )
    .argument('[NAME]', 'one provider')
    .option('--json', 'print JSON: one object for NAME, else a list')
    .addHelpText('after', HELP)
    .action(run);

const HELP = `
Examples:
  tokenctl providers
  tokenctl providers github
  tokenctl providers --json | jq -r '.[] | select(.rotation == "single-use") | .name'

Any other server works by its endpoints. To give it a name, put it into config.toml
(in $TOKENCTL_HOME, or on Linux ~/.config/tokenctl/):

  [providers.acme]
  token_endpoint = "https://id.acme.example/oauth/token"
  authorization_endpoint = "https://id.acme.example/oauth/authorize"
  revocation_endpoint = "https://id.acme.example/oauth/revoke"
  scopes = ["offline_access"]
  hosts = ["api.acme.example"]`;

interface Known {
  readonly name: string;
  readonly source: 'preset' | 'config';
  readonly provider: Provider;
}

const run = async (name: string | undefined, { json }: { json?: true }): Promise<void> => {
  const config = await readConfig();
  const own = userProviders(config);
  const all = Object.entries(knownProviders(config))
    .map(
      ([known, provider]): Known => ({
        name: known,
        source: Object.hasOwn(own, known) ? 'config' : 'preset',
        provider,
      }),
    )
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  if (name === undefined) {
    await print(json ? toJson(all.map(membersOf)) : table(all));
    return;
  }
  const found = all.find((known) => known.name === name);
  if (found === undefined) {
    throw new TokenctlError('usage', `there is no provider named ${abbreviated(name)}`, {
      hint: `put it into ${config.path}; known: ${all.map((known) => known.name).join(', ')}`,
    });
  }
  await print(json ? toJson(membersOf(found)) : explanation(found));
};

const toJson = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** The members as config.toml would have them, and the quirks in words. */
const membersOf = ({ name, source, provider }: Known) => ({
  name,
  source,
  ...Object.fromEntries(
    Object.entries(provider).map(([member, value]) => [
      member.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value,
    ]),
  ),
  quirks: provider.quirks.map((quirk) => ({ name: quirk, ...explained(quirk) })),
});

const explained = (quirk: Provider['quirks'][number]) => {
  const { words, documentation } = quirks[quirk];
  return { words, documentation };
};

const table = (all: readonly Known[]): string => {
  const rows = all.map(({ name, source, provider }) => [
    name,
    source,
    [provider.authorizationEndpoint && 'browser', provider.deviceAuthorizationEndpoint && 'device']
      .filter(Boolean)
      .join(', ') || 'import',
    provider.rotation ?? '?',
    provider.clientSecret ?? '?',
    provider.revocationEndpoint === undefined ? 'no' : 'yes',
  ]);
  const header = ['NAME', 'FROM', 'SIGN-IN', 'REFRESH TOKEN', 'CLIENT SECRET', 'REVOCATION'];
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  return [header, ...rows]
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
    .concat('\n');
};

const explanation = ({ name, source, provider }: Known): string => {
  const rows: (readonly [string, string | undefined])[] = [
    ['token endpoint', provider.tokenEndpoint],
    ['authorization', provider.authorizationEndpoint],
    ['device flow', provider.deviceAuthorizationEndpoint ?? 'none'],
    ['revocation', provider.revocationEndpoint ?? 'none: tokenctl logout --local forgets'],
    ['issuer', provider.issuer],
    ...Object.entries(provider.variables ?? {}).map(
      ([variable, { description, default: fallback }]) =>
        [
          `{${variable}}`,
          `${description}${fallback === undefined ? '' : ` (default ${fallback})`}`,
        ] as const,
    ),
    ['hosts', provider.hosts.join(', ') || 'none'],
    ['scopes', provider.scopes?.join(provider.scopeSeparator ?? ' ')],
    [
      'client id',
      provider.registration === undefined ? 'needed' : `needed: ${provider.registration}`,
    ],
    ['client secret', SECRETS[provider.clientSecret ?? 'unknown']],
    ['redirect', REDIRECTS[provider.redirectPort ?? 'unknown']],
    ['refresh token', ROTATIONS[provider.rotation ?? 'unknown']],
    ['token variable', provider.environmentVariable],
    ['take it back', provider.accountPage],
    ['documentation', provider.documentation],
  ];
  const said = rows.flatMap(([what, value]) =>
    value === undefined ? [] : [`  ${what.padEnd(15)} ${value}`],
  );
  const more = [
    ...provider.quirks.map((quirk) => explained(quirk).words),
    ...(provider.notes ?? []),
  ];
  return [`${name} (${source === 'preset' ? 'preset' : 'from your config.toml'})`, ...said]
    .concat(more.length === 0 ? [] : ['', ...more.map((sentence) => `  - ${sentence}`)])
    .join('\n')
    .concat('\n');
};

const SECRETS = {
  none: 'none',
  optional: 'only if the client was registered with one',
  required: 'needed',
  device: 'needed, save for the device flow',
  unknown: undefined,
};
const REDIRECTS = {
  any: 'to any port of this machine',
  fixed: 'to the address that was registered',
  unknown: undefined,
};
const ROTATIONS = {
  'single-use': 'works once; a second use may end the login',
  replaced: 'replaced at each refresh; the old one is forgiven',
  optional: 'as it is configured there',
  none: 'stays the same',
  unknown: 'what a refresh does to it is not documented',
};
