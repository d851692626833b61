import { describe, expect, onTestFinished, test } from 'vitest';
import type { Fetch } from '../../src/login/fetch.ts';
import { prepare } from '../../src/login/prepare.ts';
import type { Before, LoginRequest } from '../../src/login/settings.ts';
import { hasDisplay } from '../../src/login/surroundings.ts';
import { type Provider, providers } from '../../src/providers/providers.ts';
import { Secret } from '../../src/secret.ts';

const REQUEST: LoginRequest = {
  client: {},
  resources: [],
  parameters: [],
  par: false,
  dpop: false,
  replace: false,
  timeoutMs: 1_000,
};
const DISPLAY = { DISPLAY: ':0' };

const noNetwork: Fetch = () => Promise.reject(new Error('nobody was to be asked'));

const settle = (
  login: string,
  request: Partial<LoginRequest>,
  { before = null, env = DISPLAY }: { before?: Before | null; env?: NodeJS.ProcessEnv } = {},
) => prepare(login, { ...REQUEST, ...request }, before, { fetch: noNetwork, env });

/** A provider of this test's own. */
const preset = (more: Partial<Provider> = {}): void => {
  const known = providers as Record<string, Provider>;
  known.acme = {
    tokenEndpoint: 'https://{host}/token',
    authorizationEndpoint: 'https://{host}/authorize',
    deviceAuthorizationEndpoint: 'https://{host}/device',
    variables: { host: { description: 'the host of your installation', default: 'acme.example' } },
    hosts: ['api.acme.example'],
    scopes: ['read', 'offline'],
    authorizationParameters: { access_type: 'offline', prompt: 'consent' },
    authMethodWithSecret: 'client_secret_post',
    redirectHost: 'localhost',
    registration: 'https://acme.example/apps',
    documentation: 'https://acme.example/docs',
    quirks: [],
    ...more,
  };
  onTestFinished(() => {
    delete known.acme;
  });
};

describe('a preset', () => {
  test('needs no more than a client id, and nothing is asked of the network', async () => {
    preset();
    expect(await settle('work', { provider: 'acme', clientId: 'x' })).toMatchObject({
      flow: 'code',
      provider: 'acme',
      scope: 'read offline',
      hosts: ['api.acme.example'],
      client: { tokenEndpoint: 'https://acme.example/token', clientId: 'x', authMethod: 'none' },
      server: { authorizationEndpoint: 'https://acme.example/authorize' },
      redirect: { host: 'localhost', port: 0, path: '/callback' },
      parameters: [
        ['access_type', 'offline'],
        ['prompt', 'consent'],
      ],
    });
  });

  test('is meant by a login of its name', async () => {
    preset();
    expect((await settle('acme', { clientId: 'x' })).provider).toBe('acme');
    await expect(settle('work', { clientId: 'x' })).rejects.toMatchObject({
      code: 'usage',
      hint: expect.stringContaining('acme'),
    });
  });

  test('says how scopes are separated', async () => {
    preset({ scopeSeparator: ',' });
    const settings = await settle('acme', { clientId: 'x', scope: 'a b  c' });
    expect(settings.scope).toBe('a,b,c');
    expect((await settle('acme', { clientId: 'x' })).scope).toBe('read,offline');
  });

  test('gives way to what is said', async () => {
    preset();
    const settings = await settle('work', {
      provider: 'acme',
      variables: { host: 'git.example.com' },
      clientId: 'x',
      client: { clientSecret: new Secret('s3cret') },
      scope: 'write',
      tokenEndpoint: 'https://git.example.com/other',
      parameters: [['prompt', 'login']],
    });
    expect(settings).toMatchObject({
      scope: 'write',
      client: { tokenEndpoint: 'https://git.example.com/other', authMethod: 'client_secret_post' },
      server: { authorizationEndpoint: 'https://git.example.com/authorize' },
      parameters: [
        ['access_type', 'offline'],
        ['prompt', 'login'],
      ],
    });
  });

  test('at another place lends only its kind: no token goes to its own addresses', async () => {
    preset({
      tokenEndpoint: 'https://acme.example/token',
      authorizationEndpoint: 'https://acme.example/authorize',
      revocationEndpoint: 'https://acme.example/revoke',
      issuer: 'https://acme.example',
      quirks: ['revoke-by-token-alone'],
      variables: {},
    });
    const tokenEndpoint = 'https://acme.corp.example/token';
    const request = { provider: 'acme', tokenEndpoint, clientId: 'x' };
    const authorizationEndpoint = 'https://acme.corp.example/authorize';
    expect(await settle('work', { ...request, authorizationEndpoint })).toMatchObject({
      provider: 'acme',
      hosts: [],
      scope: 'read offline',
      server: { authorizationEndpoint, issuer: null },
      client: { tokenEndpoint, revocationEndpoint: null, issuer: null },
    });
    await expect(settle('work', { ...request, flow: 'code' })).rejects.toMatchObject({
      hint: expect.stringContaining('--authorization-endpoint'),
    });
  });

  test.each(['device', 'machine'] as const)(
    'that compares redirects to the letter needs none for the %s flow',
    async (flow) => {
      preset({ redirectPort: 'fixed' });
      const settings = await settle('work', { provider: 'acme', clientId: 'x', flow });
      expect([settings.flow, settings.fixedRedirectUri]).toEqual([flow, null]);
    },
  );

  test.each([
    ['no client id', {}, {}, /client id/, /acme\.example\/apps/],
    [
      'a host that is none',
      {},
      { clientId: 'x', variables: { host: 'a/b' } },
      /host/,
      /--var host/,
    ],
    [
      'a variable without a value',
      { variables: { host: { description: 'your host' } } },
      { clientId: 'x' },
      /your host/,
      /--var host/,
    ],
    [
      'no secret where clients have one',
      { clientSecret: 'required' },
      { clientId: 'x' },
      /have a secret/,
      /--client-secret-stdin/,
    ],
    [
      'a free port where it must be registered',
      { redirectPort: 'fixed' },
      { clientId: 'x' },
      /to the letter/,
      /--port 8765/,
    ],
    [
      'no device flow',
      { deviceAuthorizationEndpoint: undefined },
      { clientId: 'x', flow: 'device' },
      /no device/,
      /leave --device out/,
    ],
  ] as [string, Partial<Provider>, Partial<LoginRequest>, RegExp, RegExp][])(
    'with %s is refused, and the next step is named',
    async (_, more, request, message, hint) => {
      preset(more);
      await expect(settle('work', { provider: 'acme', ...request })).rejects.toMatchObject({
        code: 'usage',
        message: expect.stringMatching(message),
        hint: expect.stringMatching(hint),
      });
    },
  );
});

describe('the device flow is chosen', () => {
  const flowFor = async (request: Partial<LoginRequest>, env: NodeJS.ProcessEnv) => {
    preset();
    return (await settle('acme', { clientId: 'x', ...request }, { env })).flow;
  };

  test('where there is no display, or it is somebody else’s', async () => {
    expect(await flowFor({}, {})).toBe('device');
    expect(await flowFor({}, { ...DISPLAY, SSH_CONNECTION: '1 2 3 4' })).toBe('device');
    expect(await flowFor({}, DISPLAY)).toBe('code');
    expect(await flowFor({}, { WAYLAND_DISPLAY: 'wayland-0' })).toBe('code');
    expect(await flowFor({}, { BROWSER: 'lynx' })).toBe('code');
  });

  test('where a browser would need a secret of the client that nobody gave', async () => {
    preset({ clientSecret: 'device' });
    const flow = async (more: Partial<LoginRequest>) =>
      (await settle('acme', { clientId: 'x', ...more })).flow;
    expect(await flow({})).toBe('device');
    expect(await flow({ client: { clientSecret: new Secret('s') } })).toBe('code');
    await expect(flow({ browser: 'firefox' })).rejects.toMatchObject({
      hint: expect.stringContaining('--device'),
    });
  });

  test('not where a browser was asked for', async () => {
    expect(await flowFor({ browser: 'firefox' }, {})).toBe('code');
    expect(await flowFor({ port: 8765 }, {})).toBe('code');
    expect(await flowFor({ flow: 'code', browser: null }, {})).toBe('code');
  });

  test('a system with windows of its own has a display', () => {
    expect([hasDisplay({}, 'darwin'), hasDisplay({}, 'win32'), hasDisplay({}, 'linux')]).toEqual([
      ...[true, true, false],
    ]);
  });
});

describe('a login that was signed in to before', () => {
  const before = (): Before => ({
    provider: null,
    hosts: ['api.example.com'],
    scope: 'a b',
    client: {
      tokenEndpoint: 'https://id.example.com/token',
      revocationEndpoint: 'https://id.example.com/revoke',
      issuer: null,
      clientId: 'cli',
      clientSecret: new Secret('of the client'),
      authMethod: 'client_secret_post',
      quirks: ['a-quirk'],
    },
    signIn: {
      flow: 'code',
      authorizationEndpoint: 'https://id.example.com/authorize',
      deviceAuthorizationEndpoint: null,
      scope: 'a b c',
      parameters: [['audience', 'api']],
      redirectUri: 'http://127.0.0.1:8765/cb',
    },
  });

  test('is signed in to as then, secret and all', async () => {
    expect(await settle('work', {}, { before: before() })).toMatchObject({
      ...{ flow: 'code', scope: 'a b c', hosts: ['api.example.com'] },
      parameters: [['audience', 'api']],
      redirect: { host: '127.0.0.1', port: 8765, path: '/cb' },
      client: { ...before().client },
    });
  });

  test('does not lend its secret to another client or another server', async () => {
    const server = { ...REQUEST, authorizationEndpoint: 'https://evil.example/authorize' };
    const elsewhere = await settle(
      'work',
      { ...server, tokenEndpoint: 'https://evil.example/token', clientId: 'cli' },
      { before: before() },
    );
    expect(elsewhere.client.clientSecret).toBeNull();
    const other = await settle(
      'work',
      {
        authorizationEndpoint: 'https://id.example.com/authorize',
        tokenEndpoint: 'https://id.example.com/token',
        clientId: 'another',
      },
      { before: before() },
    );
    expect(other.client.clientSecret).toBeNull();
  });
});
