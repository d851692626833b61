import type { Config } from './config.ts';
import type { ConfigTable } from './config-table.ts';
import { formatHostBinding, MAX_BINDINGS, parseHostBinding } from './hosts/binding.ts';
import { parseEndpoint } from './oauth/endpoint.ts';
import { type Provider, providers } from './providers/providers.ts';
import { isQuirk, type Quirk, quirks } from './providers/quirks.ts';

/** The providers of the configuration, in the schema of the presets, and the presets. Its own win. */
export const knownProviders = (config: Config): Readonly<Record<string, Provider>> => ({
  ...providers,
  ...userProviders(config),
});

/** @throws {TokenctlError} `refused`, with file, line and column */
export const userProviders = ({ providers: table, path }: Config): Record<string, Provider> =>
  Object.fromEntries(
    (table?.names() ?? [])
      .map((name) => {
        if (!PROVIDER_NAME.test(name)) {
          table?.fail(name, 'a provider’s name has letters, digits and . _ -, 64 at most');
        }
        const members = table?.table(name);
        return [name, members === undefined ? undefined : readProvider(members, path)] as const;
      })
      .filter((entry): entry is readonly [string, Provider] => entry[1] !== undefined),
  );

const PROVIDER_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

const readProvider = (table: ConfigTable, path: string): Provider => {
  const variables = readVariables(table);
  const endpoint = (name: string) => checkEndpoint(table, name, table.text(name), variables);
  const provider: Provider = {
    tokenEndpoint: checkEndpoint(
      table,
      'token_endpoint',
      table.requiredText('token_endpoint'),
      variables,
    ),
    ...given({
      authorizationEndpoint: endpoint('authorization_endpoint'),
      deviceAuthorizationEndpoint: endpoint('device_authorization_endpoint'),
      revocationEndpoint: endpoint('revocation_endpoint'),
      issuer: endpoint('issuer'),
      variables,
      scopes: table.texts('scopes'),
      scopeSeparator: table.oneOf('scope_separator', [' ', ',']),
      authorizationParameters: table.textTable('authorization_parameters'),
      clientSecret: table.oneOf('client_secret', ['none', 'optional', 'required', 'device']),
      redirectPort: table.oneOf('redirect_port', ['any', 'fixed']),
      redirectHost: table.oneOf('redirect_host', ['127.0.0.1', 'localhost']),
      pkce: table.oneOf('pkce', ['S256', 'none']),
      environmentVariable: checkVariable(table),
      basicUsername: table.text('basic_username'),
      rotation: table.oneOf('rotation', ['single-use', 'replaced', 'optional', 'none']),
      notes: table.texts('notes'),
      accountPage: checkPage(table, 'account_page'),
      registration: checkPage(table, 'registration'),
    }),
    hosts: checkHosts(table, variables),
    authMethodWithSecret:
      table.oneOf('auth_method_with_secret', ['client_secret_basic', 'client_secret_post']) ??
      'client_secret_basic',
    quirks: table.listOf<Quirk>('quirks', Object.keys(quirks).filter(isQuirk)) ?? [],
    documentation: checkPage(table, 'documentation') ?? path,
  };
  table.end();
  return provider;
};

type Variables = NonNullable<Provider['variables']>;

const readVariables = (table: ConfigTable): Variables | undefined => {
  const variables = table.table('variables');
  return (
    variables &&
    Object.fromEntries(
      variables.names().map((name) => {
        if (!/^[a-z][a-z0-9_]{0,31}$/.test(name) || name === 'client_id') {
          variables.fail(name, 'a variable’s name has small letters, digits and _');
        }
        const variable = variables.table(name);
        const description = variable?.requiredText('description') ?? '';
        const fallback = variable?.text('default');
        variable?.end();
        return [name, { description, ...(fallback !== undefined && { default: fallback }) }];
      }),
    )
  );
};

/** With its variables filled in it must be an address that secrets may be sent to. */
const checkEndpoint = <Address extends string | undefined>(
  table: ConfigTable,
  name: string,
  address: Address,
  variables: Variables | undefined,
): Address => {
  if (address === undefined) {
    return address;
  }
  const parsed = parseEndpoint(withoutVariables(table, name, address, variables));
  return 'problem' in parsed ? table.fail(name, `${name} is ${parsed.problem}`) : address;
};

const withoutVariables = (
  table: ConfigTable,
  at: string | readonly [string, number],
  text: string,
  variables: Variables | undefined,
): string =>
  text.replace(/\{([^{}]*)\}/g, (_, variable: string) =>
    variable === 'client_id' || Object.hasOwn(variables ?? {}, variable)
      ? 'x'
      : table.fail(at, `${[at].flat()[0]} has a variable that is not among variables`),
  );

/** As a login is bound to them; what has variables in it is only known when they are filled in. */
const checkHosts = (table: ConfigTable, variables: Variables | undefined): string[] => {
  const hosts = table.texts('hosts') ?? [];
  if (hosts.length > MAX_BINDINGS) {
    table.fail('hosts', `a login is bound to at most ${MAX_BINDINGS} hosts`);
  }
  return hosts.map((host, index) => {
    const plain = withoutVariables(table, ['hosts', index], host, variables);
    const binding = parseHostBinding(plain);
    if ('problem' in binding) {
      const what = `this host is ${binding.problem}`;
      return table.fail(['hosts', index], what, '[USERNAME@]HOST[:PORT][/PATH]');
    }
    return plain === host ? formatHostBinding(binding) : host;
  });
};

const checkVariable = (table: ConfigTable): string | undefined => {
  const name = table.text('environment_variable');
  return name === undefined || /^[A-Za-z_][A-Za-z0-9_]*$/.test(name)
    ? name
    : table.fail('environment_variable', 'environment_variable must be the name of one');
};

/** For people to open: nothing that a browser or a terminal would run. */
const checkPage = (table: ConfigTable, name: string): string | undefined => {
  const page = table.text(name);
  return page === undefined || /^https?:\/\/[^\s]+$/.test(page)
    ? page
    : table.fail(name, `${name} must be the address of a web page`);
};

const given = <Members extends object>(members: Members) =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [Name in keyof Members]: Exclude<Members[Name], undefined>;
  };
