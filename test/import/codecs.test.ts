import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenctlError } from '../../src/errors.ts';
import { applicationDefault } from '../../src/import/application-default.ts';
import { choose } from '../../src/import/choose.ts';
import type { Codec, Found } from '../../src/import/found.ts';
import { ghHosts } from '../../src/import/gh-hosts.ts';
import { gitCredentials } from '../../src/import/git-credentials.ts';
import { msalCache } from '../../src/import/msal-cache.ts';
import { oauth2Token } from '../../src/import/oauth2-token.ts';
import { ssoCache } from '../../src/import/sso-cache.ts';
import { parseYaml } from '../../src/import/yaml.ts';

const HOSTS = `github.com:
    git_protocol: https # a comment
    users:
        alice:
            oauth_token: gho_alice
        "bob x":
            oauth_token: 'gho_bob'
    user: alice
    oauth_token: gho_alice

git.example:
    user: carol
    oauth_token: "gho_carol"
`;

const ADC = { type: 'authorized_user', client_id: 'c', client_secret: 's', refresh_token: '1//r' };

const MSAL = {
  Account: {
    a: {
      home_account_id: 'u.t',
      environment: 'login.microsoftonline.com',
      realm: 't',
      username: 'alice@x',
    },
    b: {
      home_account_id: 'v.t',
      environment: 'login.microsoftonline.com',
      realm: 't',
      username: 'bob@x',
    },
  },
  RefreshToken: {
    a: {
      home_account_id: 'u.t',
      environment: 'login.microsoftonline.com',
      client_id: 'cli',
      secret: 'r-alice',
    },
    b: {
      home_account_id: 'v.t',
      environment: 'login.microsoftonline.com',
      client_id: 'cli',
      secret: 'r-bob',
    },
  },
  AccessToken: {
    a: {
      home_account_id: 'u.t',
      client_id: 'cli',
      secret: 'a-alice',
      realm: 't2',
      target: 'x/.default',
      expires_on: '1900000000',
      token_type: 'Bearer',
    },
    p: { home_account_id: 'u.t', client_id: 'cli', secret: 'pop', token_type: 'pop' },
    b: { home_account_id: 'v.t', client_id: 'cli', secret: 'a-bob-1', realm: 't' },
    c: { home_account_id: 'v.t', client_id: 'cli', secret: 'a-bob-2', realm: 't' },
  },
};

const SSO = {
  startUrl: 'https://acme.awsapps.com/start',
  region: 'eu-west-1',
  accessToken: 'a',
  expiresAt: '2030-01-01T00:00:00UTC',
  refreshToken: 'r',
};

describe('hosts.yml', () => {
  it('has a token for each user of each host', () => {
    expect(ghHosts(HOSTS)).toEqual([
      {
        account: 'alice',
        host: 'github.com',
        clientId: null,
        tokens: { access_token: 'gho_alice' },
      },
      { account: 'bob x', host: 'github.com', clientId: null, tokens: { access_token: 'gho_bob' } },
      {
        account: 'carol',
        host: 'git.example',
        clientId: null,
        tokens: { access_token: 'gho_carol' },
      },
    ]);
  });

  it('has none where they are in the keychain, and says what to do', () => {
    const text = 'github.com:\n    users:\n        alice:\n    user: alice\n';
    expect(() => ghHosts(text)).toThrow(/gh auth token/);
  });
});

describe('YAML', () => {
  it.each([
    ['a: b # c', { a: 'b' }],
    ['a: b#c', { a: 'b#c' }],
    ['a: 0123\nb: true\nc: {}', { a: '0123', b: 'true', c: {} }],
    ["a: 'it''s'\nb: \"x\\ny\"", { a: "it's", b: 'x\ny' }],
    ['---\na:\n  b:\n    c: 1\n  d: 2\ne: 3\r\n', { a: { b: { c: '1' }, d: '2' }, e: '3' }],
    ['a: https://x:1/y', { a: 'https://x:1/y' }],
    ['\ufeffa: b', { a: 'b' }],
  ])('%j is %j', (text, value) => {
    expect(parseYaml(text)).toEqual(value);
  });

  it.each([
    'a: *SECRET',
    '\ta: SECRET',
    'a: SECRET\n  c: d',
    'SECRET: 1\nSECRET: 2',
    'a: "SECRET',
    'a:\n    b: SECRET\n  c: 2',
    'a: SECRET: c',
    'a: "\\xSECRET"',
    'a: SECRET\n---\nc: d',
  ])('%j is refused, with its line and not its content', (text) => {
    const refused = () => parseYaml(text);
    expect(refused).toThrow(TokenctlError);
    expect(refused).toThrow(/^line \d: /);
    expect(refused).not.toThrow(/SECRET/);
  });

  it('does not grow without end', () => {
    const levels = Array.from({ length: 20 }, (_, n) => `l${n + 1}: &l${n + 1} [*l${n}, *l${n}]`);
    expect(() => parseYaml(['l0: &l0 x', ...levels].join('\n'))).toThrow(TokenctlError);
  });

  it('pollutes no prototype', () => {
    const read = parseYaml('__proto__:\n  polluted: yes\nconstructor: x');
    expect(Object.keys(Object(read))).toEqual(['__proto__', 'constructor']);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

describe('application default credentials', () => {
  it('are a refresh token and its client', () => {
    expect(applicationDefault(JSON.stringify({ ...ADC, account: 'a@x' }))).toEqual([
      {
        account: 'a@x',
        host: null,
        clientId: 'c',
        tokens: { refresh_token: '1//r', client_id: 'c', client_secret: 's' },
      },
    ]);
  });

  it.each(['service_account', 'external_account'])('of a %s are none', (type) => {
    expect(() => applicationDefault(JSON.stringify({ type, private_key: 'k' }))).toThrow(type);
  });
});

describe('tokens as OAuth libraries write them', () => {
  it.each([
    [
      'a token response',
      { access_token: 'a', refresh_token: 'r', expires_in: 5 },
      { access_token: 'a', refresh_token: 'r', expires_in: 5 },
    ],
    [
      'Go’s',
      { access_token: 'a', expiry: '2030-01-01T00:00:00Z' },
      { access_token: 'a', expires_at: '2030-01-01T00:00:00Z' },
    ],
    [
      'Go’s that does not expire',
      { access_token: 'a', expiry: '0001-01-01T00:00:00Z' },
      { access_token: 'a' },
    ],
    [
      'oauth2-proxy’s',
      {
        AccessToken: 'a',
        IDToken: 'i',
        RefreshToken: 'r',
        ExpiresOn: '2030-01-01T00:00:00Z',
        CreatedAt: 'x',
        User: 'u',
      },
      { access_token: 'a', id_token: 'i', refresh_token: 'r', expires_at: '2030-01-01T00:00:00Z' },
    ],
    [
      'one with its client',
      { token_uri: 'https://x/t', client_id: 'c', refresh_token: 'r', token: null },
      { token_endpoint: 'https://x/t', client_id: 'c', refresh_token: 'r' },
    ],
  ])('%s', (_, json, tokens) => {
    expect(oauth2Token(JSON.stringify(json))).toMatchObject([{ tokens }]);
    expect(Object.keys(oauth2Token(JSON.stringify(json))[0]?.tokens ?? {}).toSorted()).toEqual(
      Object.keys(tokens).toSorted(),
    );
  });

  it('are several by name', () => {
    const json = { work: { access_token: 'w' }, home: { access_token: 'h' }, version: 1 };
    expect(oauth2Token(JSON.stringify(json)).map(({ account }) => account)).toEqual([
      'work',
      'home',
    ]);
  });

  it('are not what they contradict', () => {
    expect(() => oauth2Token('{"access_token":"a","AccessToken":"b"}')).toThrow(/says twice/);
  });
});

describe('the cache of MSAL', () => {
  it('has a refresh token for each account, and the access token if there is one that fits', () => {
    expect(msalCache(JSON.stringify(MSAL))).toEqual([
      {
        account: 'alice@x',
        host: 'login.microsoftonline.com',
        clientId: 'cli',
        tokens: {
          refresh_token: 'r-alice',
          client_id: 'cli',
          access_token: 'a-alice',
          expires_at: 1_900_000_000,
          scope: 'x/.default',
          variables: { tenant: 't2' },
        },
      },
      {
        account: 'bob@x',
        host: 'login.microsoftonline.com',
        clientId: 'cli',
        tokens: { refresh_token: 'r-bob', client_id: 'cli', variables: { tenant: 't' } },
      },
    ]);
  });

  it('may have access tokens only', () => {
    const found = msalCache(JSON.stringify({ AccessToken: MSAL.AccessToken }));
    expect(found.map(({ tokens }) => tokens.access_token)).toEqual([
      'a-alice',
      'a-bob-1',
      'a-bob-2',
    ]);
  });
});

describe('the SSO cache', () => {
  it('has tokens, which only their client can renew', () => {
    expect(ssoCache(JSON.stringify(SSO))).toEqual([
      {
        account: SSO.startUrl,
        host: 'acme.awsapps.com',
        clientId: null,
        tokens: {
          access_token: 'a',
          expires_at: '2030-01-01T00:00:00Z',
          variables: { region: 'eu-west-1' },
        },
      },
    ]);
  });

  it('has the client beside the refresh token', () => {
    const [found] = ssoCache(JSON.stringify({ ...SSO, clientId: 'c', clientSecret: 's' }));
    expect(found?.tokens).toMatchObject({
      refresh_token: 'r',
      client_id: 'c',
      client_secret: 's',
    });
  });

  it('has registrations of clients beside it, which are none', () => {
    expect(ssoCache('{"clientId":"c","clientSecret":"s"}')).toEqual([]);
  });
});

describe('lines of git-credential-store', () => {
  it('are https, and what is none is skipped as git skips it', () => {
    const text =
      'https://alice:t%40k@git.example:8443/x\nhttp://a:b@c\n\n# x\nhttps://git.example\nhttps://:tok@h\n';
    expect(gitCredentials(text)).toEqual([
      {
        account: 'alice',
        host: 'git.example:8443',
        clientId: null,
        tokens: { access_token: 't@k' },
      },
      { account: null, host: 'h', clientId: null, tokens: { access_token: 'tok' } },
    ]);
  });
});

describe('the choice', () => {
  const found = ghHosts(HOSTS);
  const hintOf = (run: () => unknown): string | undefined => {
    try {
      run();
    } catch (error) {
      return error instanceof TokenctlError ? error.hint : undefined;
    }
    return undefined;
  };

  it.each([
    [{ account: 'Alice' }, 'gho_alice'],
    [{ host: 'git.example' }, 'gho_carol'],
    [{ host: 'github.com', account: 'bob x' }, 'gho_bob'],
  ])('%j', (choice, token) => {
    expect(choose(found, choice).tokens.access_token).toBe(token);
  });

  it('that is none is refused with what there is', () => {
    expect(hintOf(() => choose(found, {}))).toBe(
      "choose: --account alice --host github.com; --account 'bob x' --host github.com; --account carol --host git.example",
    );
    expect(hintOf(() => choose(found, { host: 'github.com' }))).toBe(
      "choose: --account alice; --account 'bob x'",
    );
    expect(hintOf(() => choose(found, { account: 'nobody' }))).toContain('--account alice');
  });

  it('cannot be made where nothing tells one from another', () => {
    const [one] = found;
    expect(hintOf(() => choose([one, one] as Found[], {}))).toContain('cannot be told apart');
  });
});

const CODECS: Readonly<Record<string, readonly [Codec, string]>> = {
  gh: [ghHosts, HOSTS],
  adc: [applicationDefault, JSON.stringify(ADC)],
  oauth2: [oauth2Token, JSON.stringify({ work: { access_token: 'w' }, AccessToken: 'x' })],
  msal: [msalCache, JSON.stringify(MSAL)],
  sso: [ssoCache, JSON.stringify(SSO)],
  git: [gitCredentials, 'https://a:b@c\n'],
};

describe('whatever a file holds', () => {
  it.each(Object.entries(CODECS))(
    '%s reads it, or refuses it without repeating it',
    (_, [codec, sample]) => {
      const mutated = fc
        .tuple(fc.nat(sample.length), fc.nat(30), fc.string({ unit: 'binary', maxLength: 8 }))
        .map(([from, length, put]) => sample.slice(0, from) + put + sample.slice(from + length));
      const odd = fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.stringify(value));
      const oddMembers = fc
        .dictionary(
          fc.constantFrom(
            'RefreshToken',
            'AccessToken',
            'Account',
            'type',
            'access_token',
            '__proto__',
            'users',
            'expiresAt',
          ),
          fc.oneof(
            fc.jsonValue({ maxDepth: 3 }),
            fc.dictionary(
              fc.string(),
              fc.dictionary(
                fc.constantFrom('secret', 'client_id', 'expires_on', 'realm', 'oauth_token'),
                fc.jsonValue({ maxDepth: 1 }),
              ),
            ),
          ),
        )
        .map((value) => JSON.stringify(value));
      fc.assert(
        fc.property(fc.oneof(fc.string({ unit: 'binary' }), mutated, odd, oddMembers), (text) => {
          let found: readonly Found[];
          try {
            found = codec(`${text}`);
          } catch (error) {
            expect(error).toBeInstanceOf(TokenctlError);
            expect((error as TokenctlError).code).toBe('usage');
            expect((error as TokenctlError).message).not.toMatch(/gho_|r-alice|1\/\/r/);
            return;
          }
          expect(Array.isArray(found)).toBe(true);
          expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
        }),
        { numRuns: 600 },
      );
    },
  );
});
