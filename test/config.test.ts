import fc from 'fast-check';
import { stringify } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../src/config.ts';
import { TokenctlError } from '../src/errors.ts';
import { expandProvider } from '../src/providers/expand.ts';
import { providers } from '../src/providers/providers.ts';
import { knownProviders, userProviders } from '../src/user-providers.ts';
import { recipe } from './support/readme.ts';

const FILE = '/home/me/config.toml';
const read = (text: string) => userProviders(parseConfig(text, FILE));
const fault = (text: string): TokenctlError => {
  try {
    read(text);
  } catch (error) {
    if (error instanceof TokenctlError) {
      return error;
    }
    throw error;
  }
  throw new Error('nothing is wrong with it');
};

const ACME = `
[providers.acme]
token_endpoint = "https://{host}/oauth/token"
authorization_endpoint = "https://{host}/oauth/authorize"
revocation_endpoint = "https://{host}/oauth/revoke"
hosts = ["API.acme.example:443", "{host}:8443", "alice@git.acme.example/Team"]
scopes = ["offline_access"]
scope_separator = ","
authorization_parameters = { audience = "x", prompt = "consent" }
client_secret = "required"
auth_method_with_secret = "client_secret_post"
redirect_port = "fixed"
rotation = "single-use"
quirks = ["errors-within-200", "revoke-by-bearer"]
notes = ["Of ours."]
registration = "https://acme.example/apps"
documentation = "https://acme.example/docs"

[providers.acme.variables]
host = { description = "the server", default = "id.acme.example" }
`;

describe('a provider of one’s own', () => {
  it('can say everything that a preset can', () => {
    const { acme } = read(ACME);
    expect(acme && expandProvider(acme)).toMatchObject({
      tokenEndpoint: 'https://id.acme.example/oauth/token',
      hosts: ['api.acme.example', 'id.acme.example:8443', 'alice@git.acme.example/Team'],
      authMethodWithSecret: 'client_secret_post',
      quirks: ['errors-within-200', 'revoke-by-bearer'],
      authorizationParameters: { audience: 'x', prompt: 'consent' },
    });
  });

  it('is what the README shows', () => {
    expect(read(recipe('[providers.acme]')).acme?.hosts).toEqual([
      'api.acme.example',
      'git.acme.example/team',
    ]);
  });

  it('needs no more than a token endpoint', () => {
    expect(read('[providers.a]\ntoken_endpoint = "http://127.0.0.1:1/token"')).toEqual({
      a: {
        tokenEndpoint: 'http://127.0.0.1:1/token',
        hosts: [],
        authMethodWithSecret: 'client_secret_basic',
        quirks: [],
        documentation: FILE,
      },
    });
  });

  it('stands beside the presets, and in place of one of the same name', () => {
    const config = parseConfig('[providers.gitlab]\ntoken_endpoint = "https://git.me/token"', FILE);
    const known = knownProviders(config);
    expect(known.gitlab?.tokenEndpoint).toBe('https://git.me/token');
    expect(known.github).toBe(providers.github);
  });

  it('is every preset, written down in its schema', () => {
    for (const [name, preset] of Object.entries(providers)) {
      const members = Object.fromEntries(
        Object.entries(preset).map(([member, value]) => [
          member.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
          value,
        ]),
      );
      expect(read(stringify({ providers: { [name]: members } }))).toEqual({
        [name]: preset,
      });
    }
  });
});

describe('the configuration', () => {
  it('may be empty', () => {
    expect(parseConfig('', FILE)).toMatchObject({ defaults: {}, providers: undefined });
    expect(read('# nothing yet\n')).toEqual({});
  });

  it('has defaults', () => {
    expect(parseConfig('[defaults]\nstore = "file"', FILE).defaults).toEqual({ store: 'file' });
  });
});

describe('what is wrong is said with its place, and what would be right', () => {
  const acme = (line: string) => `[providers.acme]\ntoken_endpoint = "https://x/t"\n${line}`;

  it.each([
    ['no TOML', 'a = ', '1:5', 'invalid value', undefined],
    ['a bracket that is missing', '[providers.acme\nx = 1', '1:', '', undefined],
    [
      'a table that nobody knows',
      '[provider.acme]',
      '1:2',
      'provider is not known',
      'did you mean providers?',
    ],
    ['one far off', 'x = 1', '1:1', 'x is not known', 'known: defaults, providers'],
    ['no table', 'providers = 1', '1:1', 'providers must be a table', undefined],
    ['a list of tables', '[[providers]]', '1:3', 'providers must be a table', undefined],
    [
      'a provider that is none',
      '[providers]\nacme = "x"',
      '2:1',
      'providers.acme must be a table',
      undefined,
    ],
    ['a name that is none', '[providers."a b"]', '1:12', 'a provider’s name', undefined],
    [
      'no token endpoint',
      '[providers.acme]',
      '1:12',
      'providers.acme.token_endpoint is missing',
      undefined,
    ],
    [
      'a slip',
      acme('tokn_endpoint = "x"'),
      '3:1',
      'tokn_endpoint is not known',
      'did you mean token_endpoint?',
    ],
    ['no text', acme('issuer = 5'), '3:1', 'issuer must be text', undefined],
    ['no list', acme('scopes = "a b"'), '3:1', 'scopes must be a list of texts', undefined],
    ['http', acme('issuer = "http://x"'), '3:1', 'issuer is not https', undefined],
    ['a password', acme('  issuer = "https://u:p@x"'), '3:3', 'a URL with a password', undefined],
    [
      'no value of these',
      acme('pkce = "s265"'),
      '3:1',
      'pkce must be "S256", "none"',
      'did you mean S256?',
    ],
    [
      'a secret',
      acme('client_secret = "sEcr3t-value"'),
      '3:1',
      'client_secret must be "none"',
      undefined,
    ],
    [
      'a quirk',
      acme('quirks = ["revoke-by-barer"]'),
      '3:1',
      'quirks must be',
      'did you mean revoke-by-bearer?',
    ],
    [
      'a host',
      acme('hosts = [\n  "api.acme.example",\n  "http://acme.example"\n]'),
      '5:3',
      'this host is not https',
      '[USERNAME@]HOST[:PORT][/PATH]',
    ],
    [
      'a host for many',
      acme('hosts = ["*.acme.example"]'),
      '3:10',
      'this host is a wildcard',
      '[USERNAME@]HOST[:PORT][/PATH]',
    ],
    [
      'a host with a path that could be another',
      acme('hosts = ["acme.example", "acme.example/a/../b"]'),
      '3:26',
      'this host is a path that is not plain',
      '[USERNAME@]HOST[:PORT][/PATH]',
    ],
    [
      'a host of a variable',
      acme('hosts = ["{tenant}.acme.example"]'),
      '3:10',
      'a variable that is not among variables',
      undefined,
    ],
    [
      'too many hosts',
      acme(`hosts = [${'"a.example",'.repeat(101)}]`),
      '3:1',
      'at most 100 hosts',
      undefined,
    ],
    [
      'a variable',
      acme('issuer = "https://{tenant}"'),
      '3:1',
      'a variable that is not among variables',
      undefined,
    ],
    [
      'a variable without words',
      acme('variables = { host = {} }'),
      '3:15',
      'host.description is missing',
      undefined,
    ],
    [
      'more of a variable',
      acme('[providers.acme.variables.host]\ndescription = "x"\ndefalt = "y"'),
      '5:1',
      'defalt is not known',
      'did you mean default?',
    ],
    [
      'a page',
      acme('registration = "javascript:alert(1)"'),
      '3:1',
      'registration must be',
      undefined,
    ],
    [
      'an environment variable',
      acme('environment_variable = "A=B"'),
      '3:1',
      'environment_variable must be',
      undefined,
    ],
    [
      'a terminal escape',
      acme('notes = ["\\u001b[2J"]'),
      '3:1',
      'notes must be a list of texts',
      undefined,
    ],
    [
      'a store',
      '[defaults]\nstore = "flie"',
      '2:1',
      'defaults.store must be "file"',
      'did you mean file?',
    ],
  ])('%s', (_, text, place, what, hint) => {
    const { message, code, hint: said } = fault(text);
    expect(code).toBe('refused');
    expect(message).toContain(`${FILE}:${place}`);
    expect(message).toContain(what);
    expect(message).not.toMatch(/\n|sEcr3t/);
    if (hint !== undefined) {
      expect(said).toBe(hint);
    }
  });

  it('and never with a value that a parser repeats', () => {
    for (const text of [
      'client_secret = sEcr3t',
      'a = "sEcr3t',
      'a = 1\nsEcr3t-of-mine-that-is-long',
    ]) {
      expect(`${fault(text).message}`).not.toContain('sEcr3t');
    }
  });
});

it('whatever the file holds, is read or refused with a place', () => {
  const words = fc.constantFrom(
    ...['providers', 'acme', 'token_endpoint', '"https://x/t"', 'variables', 'quirks', '__proto__'],
    ...[
      '[',
      ']',
      '{',
      '}',
      '=',
      '.',
      ',',
      '\n',
      '"',
      "'",
      '#',
      ' ',
      'x',
      '1',
      '"""',
      'constructor',
    ],
  );
  const garbage = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.array(words, { maxLength: 30 }).map((parts) => parts.join('')),
    fc
      .tuple(fc.nat(ACME.length), fc.nat(20), fc.string({ maxLength: 5 }))
      .map(([from, length, put]) => ACME.slice(0, from) + put + ACME.slice(from + length)),
  );
  fc.assert(
    fc.property(garbage, (text) => {
      try {
        read(text);
      } catch (error) {
        expect(error).toBeInstanceOf(TokenctlError);
        expect((error as TokenctlError).message).toMatch(/^\/home\/me\/config\.toml:\d+:\d+: ./);
        expect((error as TokenctlError).code).toBe('refused');
      }
      expect(({} as { token_endpoint?: unknown }).token_endpoint).toBeUndefined();
    }),
    { numRuns: 1500 },
  );
});
