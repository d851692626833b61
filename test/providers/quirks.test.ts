import { describe, expect, it } from 'vitest';
import { freshness, mergeTokens } from '../../src/credential.ts';
import { credentialFromImport } from '../../src/import-credential.ts';
import { buildRefreshRequest } from '../../src/oauth/token-request.ts';
import { instanceUrlOf, normaliseAnswer } from '../../src/providers/answers.ts';
import { providers } from '../../src/providers/providers.ts';
import { type Quirk, quirks } from '../../src/providers/quirks.ts';
import { type RevocationInput, revocationWay } from '../../src/providers/revocation.ts';
import { serialiseRecord } from '../../src/record-format.ts';
import { requireRecord } from '../../src/record-parser.ts';
import { Secret } from '../../src/secret.ts';
import { classify, everythingIn, verdictIn } from '../oauth/answers.ts';
import { at, credentialOf, START } from '../support/records.ts';

const answered = (provider: string, status: number, body: unknown) =>
  classify(status, body, { quirks: providers[provider]?.quirks });

const tokensOf = (provider: string, body: unknown) => {
  const result = answered(provider, 200, body);
  if (result.kind !== 'granted') {
    throw new Error(`not granted: ${everythingIn(result)}`);
  }
  return result.tokens;
};

/** Answers as the providers document them; the quirk under whose name they stand decides. */
const VERDICTS: readonly [Quirk, string, number, unknown, string][] = [
  ['errors-within-200', 'github', 200, { error: 'bad_refresh_token' }, 'dead'],
  ['errors-within-200', 'github', 200, { error: 'incorrect_client_credentials' }, 'configuration'],
  ['errors-within-200', 'slack', 200, { ok: false, error: 'invalid_refresh_token' }, 'dead'],
  ['errors-within-200', 'slack', 200, { ok: false, error: 'ratelimited' }, 'answered'],
  ['errors-within-200', 'slack', 200, { ok: false, error: 'bad_client_secret' }, 'configuration'],
  ['invalid-grant-with-403', 'auth0', 403, { error: 'invalid_grant' }, 'dead'],
  ['invalid-grant-with-403', 'atlassian', 403, { error: 'unauthorized_client' }, 'configuration'],
  ['invalid-grant-with-403', 'atlassian', 403, { message: 'Forbidden' }, 'answered'],
  ['aadsts-codes', 'microsoft', 400, { error: 'invalid_grant', error_codes: [700082] }, 'dead'],
  ['aadsts-codes', 'microsoft', 400, { error: 'invalid_grant', error_codes: [50173] }, 'dead'],
  ['aadsts-codes', 'microsoft', 400, { error: 'invalid_grant', error_codes: [70008] }, 'dead'],
  [
    'aadsts-codes',
    'microsoft',
    400,
    { error: 'invalid_grant', error_codes: [50076] },
    'interaction',
  ],
  [
    'aadsts-codes',
    'microsoft',
    400,
    { error: 'invalid_grant', error_codes: [50079] },
    'interaction',
  ],
  [
    'own-refresh-token-errors',
    'supabase',
    400,
    { error_code: 'refresh_token_already_used' },
    'dead',
  ],
  ['own-refresh-token-errors', 'supabase', 400, { error_code: 'refresh_token_not_found' }, 'dead'],
  ['status-states-error', 'hubspot', 400, { status: 'BAD_REFRESH_TOKEN', message: 'x' }, 'dead'],
  ['status-states-error', 'hubspot', 400, { status: 'error', message: 'x' }, 'answered'],
  ['status-states-error', 'hubspot', 500, { status: 'BAD_REFRESH_TOKEN' }, 'answered'],
  [
    'status-states-error',
    'hubspot',
    400,
    { status: 'BAD_REFRESH_TOKEN', error: 'invalid_client' },
    'configuration',
  ],
  [
    'invalid-request-for-dead-token',
    'x',
    400,
    { error: 'invalid_request', error_description: 'Value passed for the token was invalid.' },
    'dead',
  ],
  [
    'invalid-request-for-dead-token',
    'x',
    400,
    { error: 'invalid_request', error_description: 'Missing required parameter [client_id].' },
    'configuration',
  ],
  ['invalid-request-for-dead-token', 'x', 400, { error: 'invalid_request' }, 'configuration'],
];

describe('what a dead refresh token is answered with', () => {
  it.each(VERDICTS)('%s, %s: %i %j is %s', (quirk, provider, status, body, verdict) => {
    expect(providers[provider]?.quirks).toContain(quirk);
    expect(verdictIn(answered(provider, status, body))).toBe(verdict);
  });

  it.each([
    [
      400,
      { error: 'invalid_request', error_description: 'Value passed for the token was invalid.' },
    ],
    [400, { status: 'BAD_REFRESH_TOKEN' }],
  ])('is nobody else’s: %i %j', (status, body) => {
    expect(verdictIn(classify(status, body))).not.toBe('dead');
  });
});

describe('a refresh that brings no new refresh token', () => {
  it.each(['google', 'dropbox', 'spotify'])('keeps the old one: %s', (provider) => {
    expect(providers[provider]?.quirks).toContain('refresh-omits-refresh-token');
    const tokens = tokensOf(provider, {
      access_token: 'new',
      expires_in: 3599,
      token_type: 'Bearer',
    });
    const merged = mergeTokens(credentialOf(), tokens, START, null);
    expect(merged.refreshToken?.reveal()).toBe('refresh-1');
  });
});

describe('a scope that is an array', () => {
  it('is read like one that is not', () => {
    expect(tokensOf('twitch', { access_token: 'a', scope: ['chat:read', 'chat:edit'] }).scope).toBe(
      'chat:read chat:edit',
    );
  });
});

describe('an answer without expires_in', () => {
  it('brings an access token that is used until it is rejected', () => {
    const tokens = tokensOf('salesforce', { access_token: 'a', token_type: 'Bearer' });
    const record = mergeTokens(credentialOf(), tokens, START, null);
    expect(freshness(record, at(365 * 86_400))).toBe('fresh');
  });
});

describe('tokens in authed_user', () => {
  const user = {
    id: 'U1',
    access_token: 'xoxe.xoxp-1',
    refresh_token: 'xoxe-1-user',
    expires_in: 43_200,
    scope: 'users:read,chat:write',
    token_type: 'user',
  };

  it('are taken where the app has none of its own', () => {
    const tokens = tokensOf('slack', { ok: true, app_id: 'A1', authed_user: user });
    expect(tokens.accessToken?.reveal()).toBe('xoxe.xoxp-1');
    expect(tokens.refreshToken?.reveal()).toBe('xoxe-1-user');
    expect(tokens).toMatchObject({ lifetime: 43_200, scope: user.scope, tokenType: 'Bearer' });
  });

  it('leave the app’s own alone', () => {
    const body = { ok: true, access_token: 'xoxb-1', token_type: 'bot', authed_user: user };
    const tokens = tokensOf('slack', body);
    expect(tokens.accessToken?.reveal()).toBe('xoxb-1');
    expect(tokens.refreshToken).toBeUndefined();
  });

  it('are never repeated, whose ever they are', () => {
    const body = {
      ok: false,
      error: 'nope',
      error_description: 'xoxe-1-user-long',
      authed_user: { ...user, refresh_token: 'xoxe-1-user-long' },
    };
    expect(everythingIn(answered('slack', 200, body))).not.toContain('xoxe-1');
  });

  it('are taken over by import', () => {
    const record = credentialFromImport(
      { ok: true, authed_user: user, provider: 'slack', client_id: 'c' },
      START,
    );
    expect(record.refreshToken?.reveal()).toBe('xoxe-1-user');
  });

  it.each([null, 7, 'x', [], {}, { access_token: 7 }])('may be anything: %j', (authed_user) => {
    expect(normaliseAnswer({ authed_user }, ['token-in-authed-user'])).toBeDefined();
    expect(verdictIn(answered('slack', 200, { ok: true, authed_user }))).toBe('ambiguous');
  });
});

describe('JSON with names in camel case', () => {
  const there = providers['iam-identity-center'];

  it('is what a refresh is asked for with, and answered', async () => {
    const client = {
      ...credentialOf().client,
      ...{ clientSecret: new Secret('s'), authMethod: 'client_secret_post' as const },
      quirks: there?.quirks ?? [],
    };
    const request = await buildRefreshRequest(client, new Secret('r'), { scope: 'a b' });
    expect(request).toMatchObject({ headers: { 'content-type': 'application/json' } });
    expect('body' in request && JSON.parse(request.body)).toEqual({
      grantType: 'refresh_token',
      refreshToken: 'r',
      clientId: 'cli',
      clientSecret: 's',
      scope: ['a', 'b'],
    });
    const tokens = tokensOf('iam-identity-center', {
      ...{ accessToken: 'a', refreshToken: 'r2', expiresIn: 3600, tokenType: 'Bearer' },
    });
    expect(tokens).toMatchObject({ lifetime: 3600, tokenType: 'Bearer' });
    expect([tokens.accessToken?.reveal(), tokens.refreshToken?.reveal()]).toEqual(['a', 'r2']);
    const dead = answered('iam-identity-center', 400, { error: 'invalid_grant' });
    expect(verdictIn(dead)).toBe('dead');
  });

  it('is nobody else’s', () => {
    expect(verdictIn(classify(200, { accessToken: 'a', refreshToken: 'r' }))).toBe('ambiguous');
  });

  it('is not repeated in a message', () => {
    const body = { accessToken: 'AAAA-secret', error: 'nope', error_description: 'AAAA-secret' };
    expect(everythingIn(answered('iam-identity-center', 400, body))).not.toContain('AAAA');
  });
});

describe('instance_url', () => {
  const body = { access_token: 'a', instance_url: 'https://Acme.my.salesforce.com/some/path' };

  it('is kept, through the next refresh and on the disk, and its host may be given the token', () => {
    const first = mergeTokens(
      credentialOf({ hosts: ['a.example'] }),
      tokensOf('salesforce', body),
      START,
      null,
    );
    expect(first).toMatchObject({
      instanceUrl: 'https://acme.my.salesforce.com',
      hosts: ['a.example', 'acme.my.salesforce.com'],
    });
    const silent = tokensOf('salesforce', { access_token: 'b' });
    const second = mergeTokens(first, silent, START, null);
    expect(requireRecord(serialiseRecord(second, 'none'), 'work')).toMatchObject({
      instanceUrl: first.instanceUrl,
      hosts: first.hosts,
      unknown: {},
    });
  });

  it('is taken over by import', () => {
    expect(credentialFromImport({ ...body, provider: 'salesforce' }, START)).toMatchObject({
      instanceUrl: 'https://acme.my.salesforce.com',
      hosts: ['acme.my.salesforce.com'],
    });
  });

  it('means nothing from a provider that does not have it', () => {
    expect(tokensOf('gitlab', body).instanceUrl).toBeUndefined();
  });

  it.each(['http://a.example', 'javascript:1', '', 7, null, {}])(
    'must be https: %j',
    (instance_url) => {
      expect(instanceUrlOf({ instance_url }, ['instance-url'])).toBeUndefined();
    },
  );
});

describe('a revocation that is not RFC 7009’s', () => {
  const input: RevocationInput = {
    endpoint: 'https://id.example.com/revoke',
    clientId: 'cli',
    clientSecret: 's',
    kind: 'access_token',
    token: 'the-token',
  };
  const basic = `Basic ${Buffer.from('cli:s').toString('base64')}`;
  const ask = (provider: string, more: Partial<RevocationInput> = {}) =>
    revocationWay(providers[provider]?.quirks ?? [])?.revocation({
      ...input,
      endpoint: providers[provider]?.revocationEndpoint ?? '',
      ...more,
    });

  it('deletes an access token as the app that it was issued to', () => {
    expect(ask('github')).toMatchObject({
      method: 'DELETE',
      url: 'https://api.github.com/applications/cli/token',
      headers: { authorization: basic },
      body: '{"access_token":"the-token"}',
    });
  });

  it.each<Partial<RevocationInput>>([{ clientSecret: null }, { kind: 'refresh_token' }])(
    'reports a token as exposed that cannot be deleted: %j',
    (more) => {
      const request = ask('github', more);
      expect(request).toMatchObject({
        method: 'POST',
        url: 'https://api.github.com/credentials/revoke',
        body: '{"credentials":["the-token"]}',
      });
      // Authenticated requests are refused.
      expect(JSON.stringify(request)).not.toContain('authorization');
    },
  );

  it('lets no client id lead elsewhere', () => {
    expect(ask('github', { clientId: '../../x?' })).toMatchObject({
      url: 'https://api.github.com/applications/..%2F..%2Fx%3F/token',
    });
  });

  it('presents the token as a bearer', () => {
    expect(ask('slack')).toMatchObject({
      headers: { authorization: 'Bearer the-token' },
      body: '',
    });
  });

  it.each([
    [{ ok: true, revoked: true }, 'revoked'],
    [{ ok: false, error: 'token_revoked' }, 'revoked'],
    [{ ok: false, error: 'invalid_auth' }, 'refused'],
    [{}, 'refused'],
  ] as const)('reads ok in HTTP 200: %j is %s', (answer, meaning) => {
    expect(revocationWay(['revoke-by-bearer'])?.read?.(answer)).toBe(meaning);
  });

  it('sends nothing but the token', () => {
    expect(ask('google', { token: 'a+b' })).toMatchObject({ method: 'POST', body: 'token=a%2Bb' });
  });

  it('sends JSON', () => {
    expect(ask('notion')).toMatchObject({
      headers: { authorization: basic, 'content-type': 'application/json' },
      body: '{"token":"the-token"}',
    });
  });

  it.each([
    ['dropbox', 'refresh_token', 'unsupported'],
    ['twitch', 'refresh_token', 'unsupported'],
    ['twitch', 'access_token', 'standard'],
    ['auth0', 'access_token', 'unsupported'],
    ['auth0', 'refresh_token', 'standard'],
  ] as const)('%s, %s: %s', (provider, kind, way) => {
    expect(ask(provider, { kind })).toBe(way);
  });

  it('is at most one for a provider', () => {
    for (const { quirks: names } of Object.values(providers)) {
      expect(names.filter((name) => 'revocation' in quirks[name]).length).toBeLessThan(2);
    }
  });
});

describe('each quirk', () => {
  it.each(Object.entries(quirks))('is explained and documented: %s', (_, quirk) => {
    expect(quirk.words).toMatch(/^[A-Z].*\.$/);
    expect(new URL(quirk.documentation).protocol).toBe('https:');
  });

  it('keeps an access token that a refresh kills from being renewed early', () => {
    const record = credentialOf({
      client: { ...credentialOf().client, quirks: ['refresh-revokes-access-token'] },
      accessToken: new Secret('a'),
    });
    expect(freshness(record, at(3_500))).toBe('fresh');
    expect(freshness(credentialOf(), at(3_500))).toBe('window');
  });
});
