import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { OIDC_CLIENTS, signIn, startOidcProvider, type TestOidcProvider } from './oidc-provider.ts';
import { basic, postForm } from './token-requests.ts';

const { none, client_secret_basic: byBasic, client_secret_post: byPost } = OIDC_CLIENTS;

let provider: TestOidcProvider;
let before: number;

beforeAll(async () => {
  provider = await startOidcProvider({ accessTokenLifetime: 4 });
});
beforeEach(() => {
  before = provider.requests.length;
});
afterAll(() => provider.stop());

const refresh = (
  token: string,
  parameters: Record<string, string> = { client_id: none.clientId },
) =>
  postForm(provider.tokenEndpoint, {
    grant_type: 'refresh_token',
    refresh_token: token,
    ...parameters,
  });

const resourceStatus = async (accessToken: string): Promise<number> => {
  const headers = { authorization: `Bearer ${accessToken}` };
  return (await fetch(provider.resource, { headers })).status;
};

test('a sign-in gives opaque, short-lived access tokens and a refresh token', async () => {
  const tokens = await signIn(provider, none.clientId);
  expect(tokens).toMatchObject({
    access_token: expect.stringMatching(/^[\w-]{20,}$/),
    refresh_token: expect.stringMatching(/^[\w-]{20,}$/),
    id_token: expect.any(String),
    token_type: 'Bearer',
    expires_in: 4,
    scope: 'openid offline_access',
  });
  expect(await resourceStatus(tokens.access_token)).toBe(200);
  expect(provider.requests.slice(before)).toEqual([
    { grantType: 'authorization_code', clientId: none.clientId, status: 200, error: null },
  ]);
});

test('each client authentication method signs in and refreshes', async () => {
  const posted = { client_id: byPost.clientId, client_secret: byPost.clientSecret };
  const { refresh_token: postToken } = await signIn(provider, byPost.clientId);
  expect((await refresh(postToken, posted)).status).toBe(200);
  const { refresh_token: basicToken } = await signIn(provider, byBasic.clientId);
  const answer = await postForm(
    provider.tokenEndpoint,
    { grant_type: 'refresh_token', refresh_token: basicToken },
    basic(byBasic.clientId, byBasic.clientSecret),
  );
  expect(answer.status).toBe(200);
});

test('a refresh rotates the refresh token', async () => {
  const tokens = await signIn(provider, none.clientId);
  const first = await refresh(tokens.refresh_token);
  expect(first.status).toBe(200);
  expect(first.json.refresh_token).not.toBe(tokens.refresh_token);
  const second = await refresh(first.json.refresh_token);
  expect(second.status).toBe(200);
  expect(second.json.refresh_token).not.toBe(first.json.refresh_token);
  expect(await resourceStatus(second.json.access_token)).toBe(200);
});

test('a rotated refresh token that is used again revokes the grant', async () => {
  const tokens = await signIn(provider, none.clientId);
  const { json: successor } = await refresh(tokens.refresh_token);
  const reuse = await refresh(tokens.refresh_token);
  expect([reuse.status, reuse.json.error]).toEqual([400, 'invalid_grant']);
  expect((await refresh(successor.refresh_token)).json.error).toBe('invalid_grant');
  expect(await resourceStatus(successor.access_token)).toBe(401);
  expect(provider.requests.slice(before).map(({ status, error }) => [status, error])).toEqual([
    [200, null],
    [200, null],
    [400, 'invalid_grant'],
    [400, 'invalid_grant'],
  ]);
});

test('token requests are counted by grant type and status', async () => {
  const counts = () =>
    [
      provider.count('authorization_code'),
      provider.count('refresh_token'),
      provider.count('refresh_token', 400),
      provider.count('refresh_token', 401),
    ] as const;
  const earlier = counts();
  await refresh((await signIn(provider, none.clientId)).refresh_token);
  await refresh('unknown');
  await refresh('unknown', { client_id: byPost.clientId, client_secret: 'wrong' });
  expect(counts().map((count, i) => count - Number(earlier[i]))).toEqual([1, 3, 1, 1]);
});

test('a grant can be revoked by its refresh token, spent or not', async () => {
  const tokens = await signIn(provider, none.clientId);
  const { json } = await refresh(tokens.refresh_token);
  await provider.revokeGrant(tokens.refresh_token);
  expect(await resourceStatus(json.access_token)).toBe(401);
  expect((await refresh(json.refresh_token)).json.error).toBe('invalid_grant');
  await expect(provider.revokeGrant('unknown')).rejects.toThrow();
});

test('the revocation endpoint ends the refresh token', async () => {
  const tokens = await signIn(provider, none.clientId);
  const parameters = { token: tokens.refresh_token, client_id: none.clientId };
  expect((await postForm(provider.revocationEndpoint, parameters)).status).toBe(200);
  expect((await refresh(tokens.refresh_token)).json.error).toBe('invalid_grant');
});

test('after an outage all is as before at the same address', async () => {
  const tokens = await signIn(provider, none.clientId);
  await provider.stop();
  await expect(refresh(tokens.refresh_token)).rejects.toThrow();
  await provider.start();
  expect((await refresh(tokens.refresh_token)).status).toBe(200);
});
