import * as oauth from 'oauth4webapi';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { LoginRequest } from '../../src/login/settings.ts';
import { signIn } from '../../src/login/sign-in.ts';
import { memoryStore } from '../../src/store/memory.ts';
import { withAuthority } from '../oauth/certificates.ts';
import { startFakeServer, startProxy, TOKENS } from '../support/fake-server.ts';
import { OIDC_CLIENTS, startOidcProvider } from '../support/oidc-provider.ts';
import { consentAs } from '../support/oidc-sign-in.ts';
import { createPerson, type TestPerson } from '../support/person.ts';
import { ask, visit } from '../support/sign-in.ts';

const REQUEST: LoginRequest = {
  client: {},
  resources: [],
  parameters: [],
  par: false,
  dpop: false,
  replace: false,
  flow: 'code',
  browser: null,
  timeoutMs: 10_000,
};

const begin = (
  request: Partial<LoginRequest>,
  person: TestPerson = createPerson(),
  store = memoryStore(null, 'work'),
) => {
  const result = signIn(store, { ...REQUEST, ...request }, person);
  result.catch(() => {});
  // Nobody waits for an address that will not be said any more.
  const ended = result.then(() => expect.fail('it ended without an address'));
  const url = Promise.race([person.url, ended]);
  url.catch(() => {});
  return { result, person: { ...person, url }, store };
};

/** Where the browser is sent back to, with these parameters. */
const back = (url: URL, parameters: Record<string, string>): URL => {
  const redirect = new URL(url.searchParams.get('redirect_uri') ?? '');
  const state = url.searchParams.get('state') ?? '';
  redirect.search = new URLSearchParams({ state, ...parameters }).toString();
  return redirect;
};

describe('an answer that is not to be trusted', () => {
  const real = async () => {
    const provider = await startOidcProvider({ accessTokenLifetime: 60 });
    onTestFinished(() => provider.stop());
    const { clientId } = OIDC_CLIENTS.none;
    const request = { issuer: provider.issuer, clientId, scope: 'openid offline_access' };
    return { provider, clientId, ...begin({ ...request, parameters: [['prompt', 'consent']] }) };
  };

  test.each([
    ['of another server (mix-up)', { iss: 'https://evil.example' }],
    ['that does not say of which server it is', {}],
  ])('%s is refused before its code is used', async (_, iss) => {
    const { provider, result, person, store } = await real();
    const page = await visit(back(await person.url, { code: 'of-the-attacker', ...iss }));
    expect(page.text).toContain('Not signed in');
    await expect(result).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringMatching(/iss/),
      login: 'work',
    });
    expect(provider.requests).toEqual([]);
    expect(await store.read()).toBeNull();
  });

  test('a code that was issued to somebody else is refused by the server (PKCE)', async () => {
    const { provider, clientId, result, person, store } = await real();
    const url = await person.url;
    const redirectUri = url.searchParams.get('redirect_uri') ?? '';
    const attackers = new URL(url);
    const challenge = await oauth.calculatePKCECodeChallenge(oauth.generateRandomCodeVerifier());
    attackers.searchParams.set('code_challenge', challenge);
    const stolen = await consentAs('mallory', attackers, redirectUri);
    const code = stolen.searchParams.get('code') ?? '';
    await visit(back(url, { code, iss: provider.issuer }));
    const error = await result.catch((thrown) => thrown);
    expect(error).toMatchObject({
      code: 'refused',
      message: expect.stringContaining('invalid_grant'),
    });
    expect(error.message).not.toContain(code);
    expect(provider.requests).toEqual([
      { grantType: 'authorization_code', clientId, status: 400, error: 'invalid_grant' },
    ]);
    expect(await store.read()).toBeNull();
  });

  test('an id token of another sign-in is refused, and its tokens are revoked', async () => {
    const { provider, result, person, store } = await real();
    const url = await person.url;
    const replayed = new URL(url);
    replayed.searchParams.set('nonce', 'of-another-sign-in');
    const redirect = await consentAs('alice', replayed, url.searchParams.get('redirect_uri') ?? '');
    await visit(redirect);
    await expect(result).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringMatching(/nonce.*were revoked/),
    });
    expect(provider.count('authorization_code', 200)).toBe(1);
    expect(await store.read()).toBeNull();
  });

  test('an error without our state ends nothing; with it, it does', async () => {
    const { provider, result, person } = await real();
    const url = await person.url;
    const error = { error: 'server_error', iss: provider.issuer };
    expect((await ask(back(url, { ...error, state: 'guessed' }))).status).toBe(400);
    await visit(back(url, error));
    await expect(result).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining('server_error'),
    });
  });
});

describe('where no browser can reach this machine', () => {
  test('the address that it ended at can be pasted; another one is asked for again', async () => {
    const server = await startFakeServer();
    const { result, person } = begin(
      { issuer: server.issuer, clientId: 'cli' },
      createPerson({}, true),
    );
    const url = await person.url;
    person.paste('hello');
    person.paste(back(url, { code: 'x', state: 'of another attempt' }).href);
    person.paste(`https://evil.example/callback?code=x&state=${url.searchParams.get('state')}`);
    person.paste(back(url, { code: 'the-code' }).href);
    expect((await result).record.accessToken?.reveal()).toBe(TOKENS.access_token);
    expect(server.requests.at(-1)?.form.get('code')).toBe('the-code');
    expect(person.said.filter((line) => /paste the one|is no address/.test(line))).toHaveLength(3);
  });

  test('a redirect to elsewhere is pasted, and refused where nobody can paste', async () => {
    const server = await startFakeServer();
    const request = {
      issuer: server.issuer,
      clientId: 'cli',
      redirectUri: 'https://app.example.com/cb',
    };
    await expect(begin(request).result).rejects.toMatchObject({ code: 'usage' });
    const { result, person } = begin(request, createPerson({}, true));
    person.paste(back(await person.url, { code: 'c' }).href);
    expect((await result).record.signIn?.redirectUri).toBe('https://app.example.com/cb');
    expect(server.requests.at(-1)?.form.get('redirect_uri')).toBe('https://app.example.com/cb');
  });
});

describe('the authorization request', () => {
  test('has what was asked for, and nothing that undoes its protection', async () => {
    const server = await startFakeServer();
    const { result, person } = begin({
      issuer: server.issuer,
      clientId: 'cli',
      scope: 'a b',
      resources: ['https://api.example.com/', 'https://files.example.com/'],
      audience: 'api',
      parameters: [['login_hint', 'alice']],
    });
    const url = await person.url;
    expect(
      [...url.searchParams].filter(([name]) => !/^(state|code_challenge|redirect_uri)$/.test(name)),
    ).toEqual([
      ['response_type', 'code'],
      ['client_id', 'cli'],
      ['scope', 'a b'],
      ['code_challenge_method', 'S256'],
      ['resource', 'https://api.example.com/'],
      ['resource', 'https://files.example.com/'],
      ['audience', 'api'],
      ['login_hint', 'alice'],
    ]);
    await visit(back(url, { code: 'c' }));
    await result;
    const { form } = server.requests.at(-1) ?? { form: new URLSearchParams() };
    expect(form.getAll('resource')).toHaveLength(2);
    expect(form.get('code_verifier')).toMatch(/^.{43}$/);
    for (const name of ['state', 'redirect_uri', 'code_challenge', 'request', 'response_mode']) {
      await expect(
        begin({ issuer: server.issuer, clientId: 'cli', parameters: [[name, 'x']] }).result,
      ).rejects.toMatchObject({ code: 'usage', message: `--param ${name} is for tokenctl to set` });
    }
  });

  test('keeps what is well-formed when something beside it is not', async () => {
    const server = await startFakeServer();
    server.answers = [{ json: { ...TOKENS, id_token: 'e30.e30.x', expires_in: -1 } }];
    const { result, person, store } = begin({ issuer: server.issuer, clientId: 'cli' });
    await visit(back(await person.url, { code: 'c' }));
    const { warnings, account } = await result;
    expect(account).toBeNull();
    expect(warnings).toHaveLength(2);
    const stored = (await store.read())?.record;
    expect(stored?.refreshToken?.reveal()).toBe(TOKENS.refresh_token);
    expect(stored?.idToken).toBeNull();
  });
});

describe('what a server says of itself', () => {
  test('is refused from another issuer', async () => {
    const server = await startFakeServer();
    server.metadata = { ...server.metadata, issuer: 'https://id.example.com' };
    await expect(begin({ issuer: server.issuer, clientId: 'x' }).result).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining('another issuer'),
    });
    expect(server.asked()).toEqual(['GET /.well-known/openid-configuration']);
  });

  test('is refused without S256, and with endpoints that are not https', async () => {
    const server = await startFakeServer();
    server.metadata = { ...server.metadata, code_challenge_methods_supported: ['plain'] };
    await expect(begin({ issuer: server.issuer, clientId: 'x' }).result).rejects.toMatchObject({
      message: expect.stringContaining('S256'),
    });
    server.metadata = {
      ...server.metadata,
      code_challenge_methods_supported: undefined,
      token_endpoint: 'http://id.example.com/token',
    };
    const { result, person } = begin({ issuer: server.issuer, clientId: 'x' });
    await expect(result).rejects.toMatchObject({ message: expect.stringContaining('not https') });
    // Before anybody was asked for anything.
    expect(person.said).toEqual([]);
  });

  test('may be at the place of RFC 8414 instead, or nowhere', async () => {
    const server = await startFakeServer();
    server.wellKnown = 'oauth-authorization-server';
    const { result, person } = begin({ issuer: server.issuer, clientId: 'x' });
    await visit(back(await person.url, { code: 'c' }));
    await result;
    expect(server.asked()).toEqual([
      'GET /.well-known/openid-configuration',
      'GET /.well-known/oauth-authorization-server',
      'POST /token',
    ]);
    server.wellKnown = 'elsewhere';
    await expect(begin({ issuer: server.issuer, clientId: 'x' }).result).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining('no metadata'),
      hint: expect.stringContaining('--token-endpoint'),
    });
  });

  test('is asked again at the next login, and does without where it does not answer', async () => {
    const server = await startFakeServer();
    const store = memoryStore(null, 'work');
    const first = begin({ issuer: server.issuer, clientId: 'x' }, createPerson(), store);
    await visit(back(await first.person.url, { code: 'c' }));
    await first.result;
    server.metadata = { ...server.metadata, require_pushed_authorization_requests: true };
    await expect(begin({}, createPerson(), store).result).rejects.toMatchObject({
      message: expect.stringContaining('pushed requests'),
    });
    server.wellKnown = 'elsewhere';
    const again = begin({}, createPerson(), store);
    await visit(back(await again.person.url, { code: 'c' }));
    expect((await again.result).record.client.clientId).toBe('x');
  });

  test('is not asked where everything is given', async () => {
    const server = await startFakeServer();
    const { result, person } = begin({
      authorizationEndpoint: `${server.issuer}/authorize`,
      tokenEndpoint: `${server.issuer}/token`,
      clientId: 'x',
    });
    await visit(back(await person.url, { code: 'c' }));
    await result;
    expect(server.asked()).toEqual(['POST /token']);
  });
});

describe('the device flow', () => {
  const device = async (
    answers: Awaited<ReturnType<typeof startFakeServer>>['answers'],
    more = {},
  ) => {
    const server = await startFakeServer();
    server.answers = answers;
    server.device = { ...server.device, ...more };
    const begun = begin(
      { issuer: server.issuer, clientId: 'tv', flow: 'device' },
      createPerson({}, true),
    );
    return { server, ...begun };
  };
  const error = (code: string) => ({ status: 400, json: { error: code } });

  test('asks until the person has answered, through trouble on the way', async () => {
    const { server, result, person } = await device([
      error('authorization_pending'),
      'reset',
      { status: 503, json: {} },
      { json: TOKENS },
    ]);
    expect((await result).record.refreshToken?.reveal()).toBe(TOKENS.refresh_token);
    expect(server.requests.filter(({ what }) => what === 'POST /token')).toHaveLength(4);
    const said = person.said.join('\n');
    expect(said).toContain('ABCD-EFGH');
    // A QR code, in blocks.
    expect(said).toMatch(/[▀▄█]{10}/);
    expect(said).not.toContain('the-device-code');
    expect(person.shown).toContainEqual(expect.stringMatching(/Waiting for you, \d:\d\d left/));
    expect(person.shown.at(-1)).toBe('');
  });

  test.each([
    ['expired_token', 'unavailable', /not used in time/],
    ['access_denied', 'login_required', /access was denied/],
    ['invalid_client', 'refused', /invalid_client/],
  ])('ends at %s as %s', async (code, expected, message) => {
    const { result, store } = await device([error('authorization_pending'), error(code)]);
    await expect(result).rejects.toMatchObject({
      code: expected,
      message: expect.stringMatching(message),
      hint: expect.any(String),
    });
    expect(await store.read()).toBeNull();
  });

  test('ends when the code has expired, whatever the server says', async () => {
    const { result } = await device([error('authorization_pending')], { expires_in: 1 });
    await expect(result).rejects.toMatchObject({ code: 'unavailable' });
  });

  test('slows down when it is told to', async () => {
    const { server, result } = await device([error('slow_down'), { json: TOKENS }], {
      expires_in: 3,
    });
    // Five seconds more are beyond its time.
    await expect(result).rejects.toMatchObject({ code: 'unavailable' });
    expect(server.requests.filter(({ what }) => what === 'POST /token')).toHaveLength(1);
  });

  test('sends nobody to an address that is no web page', async () => {
    const { result } = await device([], { verification_uri: 'javascript:alert(1)' });
    await expect(result).rejects.toMatchObject({ code: 'refused' });
  });
});

test('a client may be known by the address of its metadata document, and is not registered then', async () => {
  const server = await startFakeServer();
  server.metadata.registration_endpoint = `${server.issuer}/register`;
  server.metadata.client_id_metadata_document_supported = true;
  const clientId = 'https://app.example/client.json';
  const { result, person } = begin({ issuer: server.issuer, clientId });
  const url = await person.url;
  expect(url.searchParams.get('client_id')).toBe(clientId);
  await visit(back(url, { code: 'c' }));
  expect((await result).record.client.clientId).toBe(clientId);
  expect(server.asked()).not.toContain('POST /register');
  expect(server.requests.at(-1)?.form.get('client_id')).toBe(clientId);
});

describe('through a proxy, to a server with a certificate of a private authority', () => {
  const authority = withAuthority();
  const company = async () => {
    const server = await startFakeServer(authority().issue('DNS:localhost'));
    const proxy = await startProxy();
    return { server, proxy, env: { HTTPS_PROXY: proxy.url, SSL_CERT_FILE: authority().file } };
  };

  test.each<[string, Partial<LoginRequest>, string]>([
    ['code', { flow: 'code' }, 'POST /token'],
    ['device', { flow: 'device' }, 'POST /device'],
    ['machine', { flow: 'machine' }, 'POST /token'],
    ['a client that is registered', { clientId: undefined }, 'POST /register'],
    ['a pushed request', { par: true }, 'POST /par'],
    ['tokens bound to a key', { dpop: true }, 'POST /token'],
  ])('signs in (%s)', async (_, request, asked) => {
    const { server, proxy, env } = await company();
    server.metadata.registration_endpoint = `${server.issuer}/register`;
    server.metadata.pushed_authorization_request_endpoint = `${server.issuer}/par`;
    if (request.dpop) {
      server.answers = [{ json: { ...TOKENS, token_type: 'DPoP' } }];
    }
    const { result, person } = begin(
      { issuer: server.issuer, clientId: 'cli', ...request },
      createPerson(env),
    );
    if ((request.flow ?? 'code') === 'code') {
      const url = await person.url;
      // What was pushed is not in the address.
      const { form } = server.requests.find(({ what }) => what === 'POST /par') ?? {};
      await visit(back(new URL(`?${form ?? url.searchParams}`, url), { code: 'c' }));
    }
    expect((await result).record.accessToken?.reveal()).toBe(TOKENS.access_token);
    expect(new Set(proxy.tunnels)).toEqual(new Set([new URL(server.issuer).host]));
    expect(proxy.tunnels).toHaveLength(server.requests.length);
    expect(server.asked()).toContain(asked);
  });

  test('does not without that authority, and says what to look at', async () => {
    const { server, proxy } = await company();
    const { result } = begin(
      { issuer: server.issuer, clientId: 'cli' },
      createPerson({ HTTPS_PROXY: proxy.url }),
    );
    await expect(result).rejects.toMatchObject({
      code: 'unavailable',
      hint: expect.stringContaining('SSL_CERT_FILE'),
    });
    expect(server.requests).toEqual([]);
  });
});
