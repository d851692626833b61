import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AUTH_METHODS } from '../src/credential.ts';
import { credentialFromImport } from '../src/import-credential.ts';
import { importTokens } from '../src/import-tokens.ts';
import { expandProvider } from '../src/providers/expand.ts';
import { providers } from '../src/providers/providers.ts';
import { MAX_RECORD_BYTES, serialiseRecord } from '../src/record-format.ts';
import { parseRecord } from '../src/record-parser.ts';
import { memoryStore } from '../src/store/memory.ts';
import { credentialOf, START } from './support/records.ts';

const COMPLETE = {
  access_token: 'access-token',
  refresh_token: 'refresh-token',
  token_endpoint: 'https://id.example.com/token',
  client_id: 'cli',
};

const MEMBERS = [
  ...[
    'access_token',
    'refresh_token',
    'id_token',
    'expires_in',
    'expires_at',
    'token_type',
    'scope',
  ],
  ...['provider', 'token_endpoint', 'revocation_endpoint', 'issuer', 'client_id', 'client_secret'],
  ...['token_endpoint_auth_method', 'hosts', '__proto__', 'constructor'],
];

const take = (json: unknown) => credentialFromImport(json, START);
const takeWith = (members: Record<string, unknown>) => take({ ...COMPLETE, ...members });
const takeWithout = (...names: string[]) =>
  take(Object.fromEntries(Object.entries(COMPLETE).filter(([name]) => !names.includes(name))));

describe('what is taken over', () => {
  it('becomes an active record of its first generation', () => {
    const record = takeWith({ expires_in: 60, scope: 'read', token_type: 'bearer' });
    expect(record).toMatchObject({
      generation: 1,
      obtained: 'import',
      issued: START,
      lifetime: 60,
      scope: 'read',
      tokenType: 'bearer',
      rejected: false,
      state: { kind: 'active', reason: null, at: null },
      lastAttempt: null,
      origin: null,
      lifeboat: null,
      client: {
        tokenEndpoint: 'https://id.example.com/token',
        clientId: 'cli',
        authMethod: 'none',
      },
    });
    expect(record.accessToken?.reveal()).toBe('access-token');
    expect(record.refreshToken?.reveal()).toBe('refresh-token');
  });

  it('is a grant of its own, even if it is the same twice', () => {
    expect(take(COMPLETE).recordId).not.toBe(take(COMPLETE).recordId);
  });

  it('may be an access token alone, which nobody can renew', () => {
    expect(take({ access_token: 'a' })).toMatchObject({ refreshToken: null, lifetime: null });
  });

  it('may be a refresh token alone', () => {
    expect(takeWithout('access_token')).toMatchObject({ accessToken: null });
  });

  it('leaves out what it does not know', () => {
    expect(takeWith({ 'x-other': 1, record_id: 'mine', generation: 9 })).toMatchObject({
      generation: 1,
      unknown: {},
    });
  });

  it.each(Object.entries(providers))('knows where %s is', (name, preset) => {
    const variables = Object.fromEntries(
      Object.keys(preset.variables ?? {}).map((variable) => [variable, 'here.example']),
    );
    const there = expandProvider(preset, variables);
    const record = take({ refresh_token: 'r', provider: name, client_id: 'cli', variables });
    expect(JSON.stringify(record.client)).not.toMatch(/.\{(?!client_id)/);
    expect(record).toMatchObject({
      provider: name,
      hosts: there.hosts,
      client: {
        tokenEndpoint: there.tokenEndpoint,
        revocationEndpoint: there.revocationEndpoint ?? null,
        issuer: there.issuer ?? null,
        authMethod: 'none',
        quirks: preset.quirks,
      },
    });
    const withSecret = take({
      ...{ refresh_token: 'r', provider: name, variables },
      ...{ client_id: 'cli', client_secret: 's' },
    });
    expect(withSecret.client.authMethod).toBe(preset.authMethodWithSecret);
  });

  it("prefers what is stated over what is known, and keeps the rest of the preset's", () => {
    const [name, preset] =
      Object.entries(providers).find(([, { quirks }]) => quirks.length > 0) ?? [];
    const record = takeWith({ provider: name, hosts: ['API.Example.com'] });
    expect(record.client.tokenEndpoint).toBe(COMPLETE.token_endpoint);
    expect(record.client.quirks).toEqual(preset?.quirks);
    expect(record.hosts).toEqual(['api.example.com']);
  });

  it('says nothing of a server of the same kind elsewhere: its tokens must not go to the preset’s', () => {
    const record = takeWith({
      provider: 'gitlab',
      token_endpoint: 'https://git.example/oauth/token',
    });
    expect(record).toMatchObject({
      hosts: [],
      client: { revocationEndpoint: null, issuer: null, quirks: providers.gitlab?.quirks },
    });
  });

  it('need not say where a provider is whose token endpoint is stated', () => {
    expect(takeWith({ provider: 'okta' }).client.tokenEndpoint).toBe(COMPLETE.token_endpoint);
  });

  it.each([7, [], ['x'], { host: 7 }, { host: 'a/b' }, { host: 'a@b' }, { elsewhere: 'x' }])(
    'may not say it with %j',
    (variables) => {
      expect(() =>
        take({ refresh_token: 'r', client_id: 'cli', provider: 'auth0', variables }),
      ).toThrowError(expect.objectContaining({ code: 'usage' }));
    },
  );

  it('may name a provider that nobody knows, if it says where it is', () => {
    expect(takeWith({ provider: 'in-house' })).toMatchObject({
      provider: 'in-house',
      hosts: [],
      client: { quirks: [] },
    });
  });

  it.each(AUTH_METHODS.filter((method) => method !== 'none'))('may say how: %s', (method) => {
    const record = takeWith({ client_secret: 's', token_endpoint_auth_method: method });
    expect(record.client.authMethod).toBe(method);
  });

  it('sends a secret as RFC 7591 says if nobody says otherwise', () => {
    expect(takeWith({ client_secret: 's' }).client.authMethod).toBe('client_secret_basic');
  });

  it.each([
    'https://id.example.com/token?tenant=1',
    'http://127.0.0.1:8080/token',
    'http://[::1]/token',
    'http://localhost/token',
    'https://user.example.com:8443/@x',
  ])('may live at %s', (address) => {
    expect(takeWith({ token_endpoint: address }).client.tokenEndpoint).toBe(address);
  });
});

describe('what is not taken over', () => {
  it.each([undefined, null, '', 'text', 7, true, [], [COMPLETE], () => COMPLETE])(
    'is no JSON object: %#',
    (json) => {
      expect(() => take(json)).toThrow(
        expect.objectContaining({ code: 'usage', message: 'a JSON object is expected' }),
      );
    },
  );

  it.each<[string, () => unknown, RegExp]>([
    ['no token', () => take({}), /^access_token or refresh_token is missing$/],
    [
      'nor any but an id token',
      () => take({ id_token: 'a.b.c' }),
      /^access_token or refresh_token/,
    ],
    ['nulls', () => take({ access_token: null }), /^access_token or refresh_token is missing$/],
    ['no endpoint', () => takeWithout('token_endpoint'), /^token_endpoint is missing/],
    ['no client', () => takeWithout('client_id'), /^client_id is missing/],
  ])('is incomplete: %s', (_what, run, message) => {
    expect(run).toThrow(
      expect.objectContaining({ code: 'usage', message: expect.stringMatching(message) }),
    );
  });

  const ENDPOINTS = ['token_endpoint', 'revocation_endpoint', 'issuer'];
  const ADDRESSES = [
    ...['http://id.example.com/SECRET', 'http://127.0.0.1.example.com/SECRET', 'ftp://SECRET'],
    ...['https://user:SECRET@id.example.com/', 'https://SECRET@id.example.com/', '/SECRET'],
    ...['file:///SECRET', 'javascript:SECRET', 'data:text/plain,SECRET', 'https://', 'SECRET', ' '],
    ...['http://localhost.example.com/SECRET', 'http://2130706433.example.com/SECRET'],
    ...['http://0.0.0.0/SECRET', 'http://[::]/SECRET', 'https://id.example.com:99999/SECRET'],
  ];

  it.each(ENDPOINTS.flatMap((name) => ADDRESSES.map((address) => [name, address] as const)))(
    'goes nowhere that a secret may go: %s %s',
    (name, address) => {
      expectUsage({ [name]: address }, name);
    },
  );

  const WRONG_TEXTS = [
    ...['', 'SECRET\n', 'SECRET\r\nX: y', 'SECRET\0', 'SECRET\u001b[0m', 'SECRET\u009b0m'],
    ...[
      'SECRET\u2028',
      'SECRET'.repeat(1000),
      7,
      true,
      {},
      ['SECRET'],
      { toString: () => 'SECRET' },
    ],
  ];

  it.each(
    ['provider', 'client_id', 'client_secret', 'token_endpoint_auth_method', ...ENDPOINTS].flatMap(
      (name) => WRONG_TEXTS.map((value) => [name, value] as const),
    ),
  )('is no text on one line: %s, case %#', (name, value) => {
    expectUsage({ [name]: value }, name);
  });

  it.each([
    ...['api.example.com', {}, 7, [7], [''], ['a b'], ['http://api.example.com'], ['a/../b']],
    ...[['*.example.com'], ['a\n'], ['-a.example.com'], ['user:pw@a.example.com'], ['a:123456']],
    ...[['a'.repeat(300)], ['[::1'], Array(101).fill('a.example.com')],
  ])('are no hosts: %#', (hosts) => {
    expectUsage({ hosts }, 'hosts');
  });

  it.each(['unknown', '__proto__', 'constructor', 'toString', 'hasOwnProperty', 'GITHUB'])(
    'is of the provider %s, which nobody knows',
    (provider) => {
      expect(() => take({ refresh_token: 'r', client_id: 'cli', provider })).toThrow(
        expect.objectContaining({
          code: 'usage',
          message: 'provider is not a known one, and token_endpoint is missing',
          hint: expect.stringMatching(/^known: /),
        }),
      );
    },
  );

  it.each([
    ['private_key_jwt', { client_secret: 's' }],
    ['__proto__', { client_secret: 's' }],
    ['none', { client_secret: 's' }],
    ['client_secret_post', {}],
    ['client_secret_basic', { client_secret: null }],
  ])('authenticates in a way that cannot be: %s with %j', (method, members) => {
    expectUsage({ ...members, token_endpoint_auth_method: method }, 'token_endpoint_auth_method');
  });

  it('pollutes no prototype', () => {
    const json = JSON.parse(
      `{"__proto__":{"refresh_token":"evil","polluted":1},"constructor":{"prototype":{"polluted":1}},"access_token":"a"}`,
    );
    expect(take(json)).toMatchObject({ refreshToken: null });
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

it('whatever it is, is a record that can be saved and read back, or a usage error without a value', () => {
  const nasty = fc.oneof(
    fc.string({ unit: 'binary' }).map((text) => `MARK${text}`),
    fc.string({ unit: 'binary' }).map((text) => `${text}MARK`),
    fc.constantFrom(
      '__proto__',
      'constructor',
      'none',
      'client_secret_post',
      ...Object.keys(providers),
    ),
    fc.webUrl(),
    fc.webAuthority({ withUserInfo: true, withPort: true }).map((host) => `https://MARK${host}`),
    fc.array(fc.oneof(fc.domain(), fc.string())),
    fc.integer(),
    fc.anything(),
  );
  // Entries, so that __proto__ is a member like any other.
  const changes = fc
    .array(fc.tuple(fc.constantFrom(...MEMBERS), nasty), { maxLength: 4 })
    .map((entries) => Object.fromEntries([...Object.entries(COMPLETE), ...entries]));
  const json = fc.oneof(
    { weight: 20, arbitrary: changes },
    { weight: 1, arbitrary: fc.anything() },
  );
  let taken = 0;
  fc.assert(
    fc.property(json, (members) => {
      try {
        const record = take(members);
        const text = serialiseRecord(record, 'none');
        expect(parseRecord(text)).toMatchObject({ kind: 'record', complete: true, record });
        taken += 1;
      } catch (error) {
        expect(error).toMatchObject({ code: 'usage' });
        expect(error).not.toHaveProperty('cause');
        const { message, hint } = error as { message: string; hint?: string };
        expect(`${message} ${hint}`).not.toContain('MARK');
      }
    }),
    { numRuns: 20_000 },
  );
  // Otherwise this has only tested the first check.
  expect(taken).toBeGreaterThan(1000);
});

it('at its largest fits into a file that is read back', () => {
  const [token, line] = ['"'.repeat(65_536), `https://id.example.com/${'\\'.repeat(4000)}`];
  const record = take({
    ...{ access_token: token, id_token: token, refresh_token: '\ud800'.repeat(65_536) },
    ...{
      scope: '拒'.repeat(65_536),
      token_endpoint: line,
      revocation_endpoint: line,
      issuer: line,
    },
    ...{
      client_id: '拒'.repeat(4096),
      client_secret: '拒'.repeat(4096),
      provider: '拒'.repeat(4096),
    },
    hosts: Array(100).fill(`${'a'.repeat(253)}:65535/${'拒'.repeat(252)}`),
  });
  expect(Buffer.byteLength(serialiseRecord(record, 'none'))).toBeLessThan(MAX_RECORD_BYTES);
});

describe('importTokens', () => {
  it('never takes the generation back, also over another login', async () => {
    const store = memoryStore(credentialOf({ generation: 7, recordId: 'old' }));
    const saved = await importTokens(store, COMPLETE, 1000);
    expect(saved.generation).toBe(8);
    expect(saved.recordId).not.toBe('old');
    expect((await store.read())?.record).toEqual(saved);
  });

  it('changes nothing if the tokens are no good', async () => {
    const before = credentialOf();
    const store = memoryStore(before);
    await expect(importTokens(store, { ...COMPLETE, scope: 7 }, 1000)).rejects.toMatchObject({
      code: 'usage',
    });
    expect((await store.read())?.record).toBe(before);
  });

  it('knows when the id token expires', async () => {
    const claims = Buffer.from(JSON.stringify({ exp: 1_900_000_000 })).toString('base64url');
    const idToken = `e30.${claims}.c2ln`;
    const saved = await importTokens(memoryStore(), { ...COMPLETE, id_token: idToken }, 1000);
    expect(saved.idTokenExpiresAt).toBe(1_900_000_000);
  });

  it('takes an id token that nobody can read for one without an end', async () => {
    const saved = await importTokens(memoryStore(), { ...COMPLETE, id_token: 'opaque' }, 1000);
    expect(saved).toMatchObject({ idTokenExpiresAt: null });
    expect(saved.idToken?.reveal()).toBe('opaque');
  });
});

function expectUsage(members: Record<string, unknown>, name: string): void {
  try {
    takeWith(members);
  } catch (error) {
    expect(error).toMatchObject({ code: 'usage' });
    expect(error).not.toHaveProperty('cause');
    const { message, hint } = error as { message: string; hint?: string };
    expect(message).toMatch(new RegExp(`^${name} `));
    expect(`${message} ${hint}`).not.toContain('SECRET');
    return;
  }
  expect.fail(`${name} was taken`);
}
