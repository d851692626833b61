import { describe, expect, it } from 'vitest';
import type { Client } from '../../src/credential.ts';
import { type RefreshOptions, refreshTokens } from '../../src/oauth/refresh.ts';
import type { RefreshOutcome } from '../../src/refresh-outcome.ts';
import { Secret } from '../../src/secret.ts';
import type { Trace } from '../../src/trace.ts';
import { everythingIn } from './answers.ts';
import { CLIENT } from './client.ts';
import { httpServer, rawServer } from './servers.ts';

const NEW = { access_token: 'new-access', refresh_token: 'new-refresh', token_type: 'Bearer' };
const OLD = 'old+refresh/token=';

const refresh = (
  client: Partial<Client>,
  options: Partial<RefreshOptions> = {},
): Promise<RefreshOutcome> =>
  refreshTokens({ ...CLIENT, ...client }, new Secret(OLD), {
    connectTimeoutMs: 5_000,
    answerTimeoutMs: 5_000,
    env: {},
    ...options,
  });

const tokenEndpoint = async (status: number, body: unknown, type = 'application/json') => {
  const server = await httpServer((response) =>
    response
      .writeHead(status, { 'content-type': type })
      .end(typeof body === 'string' ? body : JSON.stringify(body)),
  );
  return { ...server, tokenEndpoint: server.url.href };
};

describe('the request of refreshTokens', () => {
  const body = 'refresh_token=old%2Brefresh%2Ftoken%3D&grant_type=refresh_token';

  it('of a public client names the client in the body', async () => {
    const { tokenEndpoint: at, received, port } = await tokenEndpoint(200, NEW);
    await refresh({ tokenEndpoint: at, clientId: 'public client' });
    expect(received).toEqual([
      {
        method: 'POST',
        url: '/token',
        headers: {
          accept: 'application/json',
          'accept-encoding': 'identity',
          connection: 'close',
          'content-length': '87',
          'content-type': 'application/x-www-form-urlencoded;charset=UTF-8',
          host: `127.0.0.1:${port}`,
          'user-agent': 'tokenctl',
        },
        body: `${body}&client_id=public+client`,
      },
    ]);
  });

  const confidential = { clientId: 'cli-ent_1.x:ü', clientSecret: new Secret('s p+c%&=é~*') };

  it('with client_secret_post carries id and secret in the body', async () => {
    const { tokenEndpoint: at, received } = await tokenEndpoint(200, NEW);
    await refresh({ tokenEndpoint: at, ...confidential, authMethod: 'client_secret_post' });
    expect(received[0]?.headers).not.toHaveProperty('authorization');
    expect(received[0]?.body).toBe(
      `${body}&client_id=cli-ent_1.x%3A%C3%BC&client_secret=s+p%2Bc%25%26%3D%C3%A9%7E*`,
    );
  });

  it('with client_secret_basic carries them form-encoded in the header (RFC 6749 section 2.3.1)', async () => {
    const { tokenEndpoint: at, received } = await tokenEndpoint(200, NEW);
    await refresh({ tokenEndpoint: at, ...confidential, authMethod: 'client_secret_basic' });
    const credentials = received[0]?.headers.authorization?.replace('Basic ', '') ?? '';
    expect(Buffer.from(credentials, 'base64').toString()).toBe(
      'cli-ent_1.x%3A%C3%BC:s+p%2Bc%25%26%3D%C3%A9%7E*',
    );
    expect(received[0]?.body).toBe(body);
  });

  it('carries scope, resource and user agent if they are given', async () => {
    const { tokenEndpoint: at, received } = await tokenEndpoint(200, NEW);
    const options = { scope: 'read write', resource: 'https://api.example/', userAgent: 'x/1' };
    await refresh({ tokenEndpoint: at }, options);
    const sent = new URLSearchParams(received[0]?.body);
    expect(Object.fromEntries(sent)).toEqual({
      grant_type: 'refresh_token',
      refresh_token: OLD,
      client_id: 'client',
      scope: 'read write',
      resource: 'https://api.example/',
    });
    expect(received[0]?.headers['user-agent']).toBe('x/1');
  });
});

describe('refreshTokens without the means to send', () => {
  const secret = { clientSecret: null, authMethod: 'client_secret_basic' } as const;
  const cases: [string, Partial<Client>][] = [
    ['no token endpoint is known', { tokenEndpoint: null }],
    ['no client id is known', { tokenEndpoint: 'https://127.0.0.1:1', clientId: null }],
    ['no client id is known', { tokenEndpoint: 'https://127.0.0.1:1', clientId: '' }],
    ['no client secret is known', { tokenEndpoint: 'https://127.0.0.1:1', ...secret }],
    ['the token endpoint is not a URL', { tokenEndpoint: 'nonsense' }],
    ['the token endpoint is not https', { tokenEndpoint: 'http://example.com/token' }],
    ['the token endpoint is not https', { tokenEndpoint: 'http://127.0.0.1.example.com/' }],
    ['the token endpoint is not https', { tokenEndpoint: 'http://localhost.example.com/' }],
    ['the token endpoint is not https', { tokenEndpoint: 'http://[::2]/' }],
    ['the token endpoint is not https', { tokenEndpoint: 'ftp://localhost/' }],
    ['the token endpoint is a URL with a password', { tokenEndpoint: 'https://u:hunter2@x/' }],
  ];
  it.each(cases)('says so: %s (%o)', async (description, client) => {
    const outcome = await refresh(client);
    expect(outcome).toMatchObject({
      kind: 'rejected',
      verdict: 'configuration',
      description: expect.stringContaining(description),
    });
    expect(everythingIn(outcome)).not.toContain('hunter2');
  });

  it.each(['http://127.1.2.3:1', 'http://[::1]:1', 'http://localhost:1', 'http://2130706433:1'])(
    'takes http on this machine: %s',
    async (at) => {
      expect(await refresh({ tokenEndpoint: at })).toMatchObject({
        kind: 'unavailable',
        fault: 'not-sent',
      });
    },
  );
});

describe('the outcome of refreshTokens', () => {
  it('is granted with the tokens of the answer', async () => {
    const answer = { ...NEW, expires_in: 60, scope: 'a b' };
    const { tokenEndpoint: at } = await tokenEndpoint(200, answer);
    const outcome = await refresh({ tokenEndpoint: at });
    expect(outcome).toMatchObject({
      kind: 'granted',
      tokens: { tokenType: 'Bearer', lifetime: 60, scope: 'a b' },
    });
    expect(outcome.kind === 'granted' && outcome.tokens.accessToken?.reveal()).toBe('new-access');
    expect(outcome.kind === 'granted' && outcome.tokens.refreshToken?.reveal()).toBe('new-refresh');
    expect(everythingIn(outcome)).not.toMatch(/new-/);
  });

  it('is granted with the tokens of a form', async () => {
    const form = 'access_token=gho_1&expires_in=28800&refresh_token=ghr_1&scope=&token_type=bearer';
    const at = await tokenEndpoint(200, form, 'application/x-www-form-urlencoded; charset=utf-8');
    const outcome = await refresh({ tokenEndpoint: at.tokenEndpoint });
    expect(outcome).toMatchObject({ kind: 'granted', tokens: { lifetime: 28_800 } });
    expect(outcome.kind === 'granted' && (await outcome.judge())).toMatchObject({
      accessTokenUsable: true,
      problems: [],
    });
  });

  it('is rejected when the server refuses', async () => {
    const description = `Token ${OLD} is \u0007stale, ${encodeURIComponent(OLD)} too`;
    const body = { error: 'invalid_grant', error_description: description };
    const { tokenEndpoint: at } = await tokenEndpoint(400, body);
    expect(await refresh({ tokenEndpoint: at })).toEqual({
      kind: 'rejected',
      verdict: 'dead',
      error: 'invalid_grant',
      description: 'Token [redacted] is  stale, [redacted] too',
    });
  });

  it('is answered, not now, when the server is in trouble', async () => {
    const { tokenEndpoint: at } = await tokenEndpoint(503, '<html>', 'text/html');
    expect(await refresh({ tokenEndpoint: at })).toMatchObject({
      kind: 'unavailable',
      fault: 'answered',
      error: 'http_503',
    });
  });

  it('is not-sent when nobody listens', async () => {
    expect(await refresh({ tokenEndpoint: 'http://127.0.0.1:1' })).toEqual({
      kind: 'unavailable',
      fault: 'not-sent',
      transient: true,
      error: 'ECONNREFUSED',
      description: 'connect ECONNREFUSED 127.0.0.1:1',
      retryAfterMs: null,
    });
  });

  it('never repeats the refresh token, wherever a message may have it from', async () => {
    const env = { SSL_CERT_FILE: `/nonexistent/${OLD}` };
    const outcome = await refresh({ tokenEndpoint: 'https://127.0.0.1:1' }, { env });
    expect(outcome).toMatchObject({ fault: 'not-sent', error: 'invalid_ca_file' });
    expect(everythingIn(outcome)).not.toContain(OLD);
  });

  it('is ambiguous when the answer is lost', async () => {
    const server = await rawServer((socket) => socket.once('data', () => socket.destroy()));
    const outcome = await refresh({ tokenEndpoint: server.url.href });
    expect(outcome).toMatchObject({ fault: 'ambiguous', error: 'ECONNRESET' });
  });

  it('never repeats the client secret', async () => {
    const clientSecret = new Secret('top secret');
    const body = { error: 'invalid_client', error_description: 'top secret is wrong' };
    const { tokenEndpoint: at } = await tokenEndpoint(401, body);
    const client = { tokenEndpoint: at, clientSecret, authMethod: 'client_secret_post' } as const;
    expect(await refresh(client)).toMatchObject({ description: '[redacted] is wrong' });
  });
});

it('repeats no part of what it sent, whichever way the server echoes it', async () => {
  const clientSecret = new Secret('top secret/+=');
  const credentials = Buffer.from('cli:top+secret%2F%2B%3D').toString('base64');
  const echo = `${OLD.slice(0, 12)}… Basic ${credentials} top+secret%2F%2B%3D`;
  const { tokenEndpoint: at } = await tokenEndpoint(400, { error: 'x', error_description: echo });
  const authMethod = 'client_secret_basic';
  const outcome = await refresh({ tokenEndpoint: at, clientId: 'cli', clientSecret, authMethod });
  expect(outcome).toMatchObject({ description: '[redacted]… Basic [redacted] [redacted]' });
});

describe('the trace of refreshTokens', () => {
  it('tells what happened, without a secret and without the query', async () => {
    const told: Parameters<Trace>[] = [];
    const trace: Trace = (...step) => told.push(step);
    const { tokenEndpoint: at } = await tokenEndpoint(200, { ...NEW, error_description: OLD });
    await refresh({ tokenEndpoint: `${at}?key=hush` }, { trace });
    await refresh({ tokenEndpoint: 'http://127.0.0.1:1/?key=hush' }, { trace });
    const { tokenEndpoint: refusing } = await tokenEndpoint(400, {
      error: 'invalid_grant',
      error_description: `${OLD} is old`,
    });
    await refresh({ tokenEndpoint: refusing }, { trace });
    expect(told).toEqual([
      [`POST ${at}: connecting`, undefined],
      [`POST ${at}: connected`, undefined],
      [`POST ${at}: sending the refresh token`, undefined],
      [`POST ${at}: answered`, { status: 200, characters: expect.any(Number) }],
      [`POST ${at}: granted`, { rotated: true, expires_in: null }],
      ['POST http://127.0.0.1:1/: connecting', undefined],
      [
        'POST http://127.0.0.1:1/: unavailable',
        expect.objectContaining({ fault: 'not-sent', error: 'ECONNREFUSED' }),
      ],
      ...['connecting', 'connected', 'sending the refresh token'].map((step) => [
        `POST ${refusing}: ${step}`,
        undefined,
      ]),
      [`POST ${refusing}: answered`, { status: 400, characters: expect.any(Number) }],
      [
        `POST ${refusing}: rejected`,
        { verdict: 'dead', error: 'invalid_grant', description: '[redacted] is old' },
      ],
    ]);
    expect(JSON.stringify(told)).not.toMatch(/old\+|new-|hush/);
  });
});
