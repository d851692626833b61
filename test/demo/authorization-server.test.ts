import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test, vi } from 'vitest';
import {
  type AuthorizationServer,
  type AuthorizationServerOptions,
  startAuthorizationServer,
} from '../../src/demo/authorization-server.ts';
import { callResource, postForm, refresh } from '../support/token-requests.ts';

let server: AuthorizationServer;

const start = async (options: AuthorizationServerOptions = {}): Promise<AuthorizationServer> => {
  server = await startAuthorizationServer(options);
  return server;
};

/** The clock of this process, and so of the server, stands still and is moved by hand. */
const stopClock = () => vi.useFakeTimers({ toFake: ['Date'] });
const passTime = (ms: number) => vi.setSystemTime(Date.now() + ms);

afterEach(async () => {
  vi.useRealTimers();
  await server.close();
});

test('a refresh answers with new tokens of the same grant', async () => {
  await start({ accessTokenLifetime: 90 });
  const granted = server.grant();
  const { status, headers, json } = await refresh(server, granted.refresh_token);
  expect(status).toBe(200);
  expect(headers.get('content-type')).toMatch(/^application\/json/);
  expect(headers.get('cache-control')).toBe('no-store');
  expect(json).toEqual({
    access_token: expect.stringMatching(/^[0-9a-f]{40}$/),
    refresh_token: expect.any(String),
    token_type: 'Bearer',
    expires_in: 90,
    scope: 'read write',
  });
  expect(json.access_token).not.toBe(granted.access_token);
  expect(json.refresh_token).not.toBe(granted.refresh_token);
});

test('a chain of refreshes goes on as long as each successor is spent once', async () => {
  await start();
  let token = server.grant().refresh_token;
  for (let i = 0; i < 5; i += 1) {
    token = (await refresh(server, token)).json.refresh_token;
  }
  expect(server).toMatchObject({ rotations: 5, reuseDetections: 0, familiesRevoked: 0 });
});

test('a spent refresh token revokes its family: successors and access tokens, but no other family', async () => {
  await start();
  const [granted, other] = [server.grant(), server.grant()];
  const { json: successor } = await refresh(server, granted.refresh_token);
  const reuse = await refresh(server, granted.refresh_token);
  expect([reuse.status, reuse.json.error]).toEqual([400, 'invalid_grant']);
  expect((await refresh(server, successor.refresh_token)).json.error).toBe('invalid_grant');
  expect(await callResource(server, granted.access_token)).toBe(401);
  expect(await callResource(server, successor.access_token)).toBe(401);
  expect(await callResource(server, other.access_token)).toBe(200);
  expect(server).toMatchObject({ reuseDetections: 1, familiesRevoked: 1, rotations: 1 });
  expect(server.requests.map(({ outcome }) => outcome)).toEqual([
    'rotated',
    'reuse_detected',
    'invalid_grant',
  ]);
});

test('without reuse detection a spent refresh token is refused and the family lives', async () => {
  await start({ detectReuse: false });
  const granted = server.grant();
  const { json: successor } = await refresh(server, granted.refresh_token);
  expect((await refresh(server, granted.refresh_token)).json.error).toBe('invalid_grant');
  expect((await refresh(server, successor.refresh_token)).status).toBe(200);
  expect(server.familiesRevoked).toBe(0);
});

test('within the grace period the previous refresh token yields another successor', async () => {
  await start({ graceMs: 60_000 });
  const granted = server.grant();
  const first = await refresh(server, granted.refresh_token);
  const repeated = await refresh(server, granted.refresh_token);
  expect(repeated.status).toBe(200);
  expect(repeated.json.refresh_token).not.toBe(first.json.refresh_token);
  expect((await refresh(server, repeated.json.refresh_token)).status).toBe(200);
  expect(server.requests.map(({ outcome }) => outcome)).toEqual([
    'rotated',
    'rotated_in_grace',
    'rotated',
  ]);
});

test('the grace period covers only the previous refresh token, not the one before', async () => {
  await start({ graceMs: 60_000 });
  const granted = server.grant();
  const { json } = await refresh(server, granted.refresh_token);
  await refresh(server, json.refresh_token);
  expect((await refresh(server, granted.refresh_token)).json.error).toBe('invalid_grant');
  expect(server.reuseDetections).toBe(1);
});

test('a successor that was replaced within the grace period counts as spent', async () => {
  await start({ graceMs: 60_000 });
  const granted = server.grant();
  const replaced = await refresh(server, granted.refresh_token);
  await refresh(server, granted.refresh_token);
  expect((await refresh(server, replaced.json.refresh_token)).json.error).toBe('invalid_grant');
  expect(server.reuseDetections).toBe(1);
});

test('the grace period ends, and repeating does not prolong it', async () => {
  stopClock();
  await start({ graceMs: 200 });
  const granted = server.grant();
  await refresh(server, granted.refresh_token);
  passTime(120);
  expect((await refresh(server, granted.refresh_token)).status).toBe(200);
  passTime(120);
  expect((await refresh(server, granted.refresh_token)).status).toBe(400);
  expect(server.reuseDetections).toBe(1);
});

test('without rotation the answer holds no refresh token and the old one stays good', async () => {
  await start({ rotate: false });
  const granted = server.grant();
  for (let i = 0; i < 3; i += 1) {
    const { status, json } = await refresh(server, granted.refresh_token);
    expect(status).toBe(200);
    expect(json).not.toHaveProperty('refresh_token');
  }
  expect(server).toMatchObject({ rotations: 0, refreshes: 3 });
});

test('of many simultaneous refreshes with one token exactly one succeeds', async () => {
  await start({ detectReuse: false, latencyMs: 20 });
  const granted = server.grant();
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => refresh(server, granted.refresh_token)),
  );
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  expect(server).toMatchObject({ tokenRequests: 50, rotations: 1 });
});

test('access tokens expire, also after a fraction of a second', async () => {
  stopClock();
  await start({ accessTokenLifetime: 0.2 });
  const granted = server.grant();
  expect(granted.expires_in).toBe(0.2);
  expect(await callResource(server, granted.access_token)).toBe(200);
  passTime(200);
  expect(await callResource(server, granted.access_token)).toBe(401);
});

test('without a lifetime expires_in is left out and the access token stays good', async () => {
  await start({ accessTokenLifetime: null });
  const granted = server.grant();
  expect(granted).not.toHaveProperty('expires_in');
  expect((await refresh(server, granted.refresh_token)).json).not.toHaveProperty('expires_in');
  expect(await callResource(server, granted.access_token)).toBe(200);
});

test('a grant can have a first access token with a lifetime of its own', async () => {
  await start({ accessTokenLifetime: 90 });
  const granted = server.grant({ lifetime: 0 });
  expect(await callResource(server, granted.access_token)).toBe(401);
  expect((await refresh(server, granted.refresh_token)).json.expires_in).toBe(90);
});

test('a refresh leaves earlier access tokens alone unless the server ends them', async () => {
  await start();
  const granted = server.grant();
  const { json } = await refresh(server, granted.refresh_token);
  expect(await callResource(server, granted.access_token)).toBe(200);
  server.configure({ refreshRevokesAccessToken: true });
  const { json: last } = await refresh(server, json.refresh_token);
  expect(await callResource(server, granted.access_token)).toBe(401);
  expect(await callResource(server, json.access_token)).toBe(401);
  expect(await callResource(server, last.access_token)).toBe(200);
});

test('access tokens can be as large as 4 KB', async () => {
  await start({ accessTokenBytes: 2048 });
  const granted = server.grant();
  expect(granted.access_token).toHaveLength(4096);
  expect(await callResource(server, granted.access_token)).toBe(200);
});

test('the resource says whose token it is, and to whom it says no', async () => {
  await start();
  const { access_token: token } = server.grant({ subject: 'alice' });
  const get = (headers: Record<string, string>) => fetch(server.resource, { headers });
  expect(await (await get({ authorization: `bearer ${token}` })).json()).toEqual({ sub: 'alice' });
  const unknown = await get({ authorization: 'Bearer unknown' });
  expect(unknown.status).toBe(401);
  expect(unknown.headers.get('www-authenticate')).toContain('error="invalid_token"');
  expect((await get({ authorization: `token ${token}` })).status).toBe(401);
  const anonymous = await get({});
  expect(anonymous.status).toBe(401);
  expect(anonymous.headers.get('www-authenticate')).toBe('Bearer realm="demo"');
  expect((await fetch(`${server.resource}?access_token=${token}`)).status).toBe(401);
  expect((await fetch(server.resource, { method: 'POST' })).status).toBe(405);
  expect(server.resourceRequests).toBe(6);
});

test('a refresh token is no access token, and the other way round', async () => {
  await start();
  const granted = server.grant();
  expect(await callResource(server, granted.refresh_token)).toBe(401);
  expect((await refresh(server, granted.access_token)).json.error).toBe('invalid_grant');
});

test('a rejected access token is turned away while its refresh token still works', async () => {
  await start();
  const granted = server.grant();
  server.rejectAccessToken(granted.access_token);
  expect(await callResource(server, granted.access_token)).toBe(401);
  const { json } = await refresh(server, granted.refresh_token);
  expect(await callResource(server, json.access_token)).toBe(200);
});

test('expiring the access tokens leaves later ones and the refresh tokens alone', async () => {
  await start();
  const granted = server.grant();
  server.expireAccessTokens();
  expect(await callResource(server, granted.access_token)).toBe(401);
  const { json } = await refresh(server, granted.refresh_token);
  expect(await callResource(server, json.access_token)).toBe(200);
});

test('a family can be revoked by any of its tokens, and only counts once', async () => {
  await start();
  const granted = server.grant();
  server.revokeFamily(granted.access_token);
  server.revokeFamily(granted.refresh_token);
  expect((await refresh(server, granted.refresh_token)).json.error).toBe('invalid_grant');
  expect(await callResource(server, granted.access_token)).toBe(401);
  expect(server.familiesRevoked).toBe(1);
  expect(() => server.revokeFamily('never issued')).toThrow(TypeError);
});

test('every issued secret is known, first and later ones', async () => {
  await start();
  const granted = server.grant();
  const { json } = await refresh(server, granted.refresh_token);
  expect(new Set(server.everyIssuedSecret())).toEqual(
    new Set([granted, json].flatMap((each) => [each.access_token, each.refresh_token])),
  );
});

test('the log tells what happened without any token value', async () => {
  await start();
  const granted = server.grant();
  const before = Date.now();
  await refresh(server, granted.refresh_token);
  await refresh(server, 'unknown-token');
  await postForm(server.tokenEndpoint, { grant_type: granted.access_token, client_id: 'x' });
  expect(server.requests).toEqual([
    {
      at: expect.any(Number),
      durationMs: expect.any(Number),
      grantType: 'refresh_token',
      outcome: 'rotated',
      clientId: 'demo-client',
      familyId: 'family-1',
      refreshTokenFingerprint: createHash('sha256')
        .update(granted.refresh_token)
        .digest('hex')
        .slice(0, 12),
      fault: null,
      status: 200,
    },
    expect.objectContaining({ outcome: 'invalid_grant', familyId: null, status: 400 }),
    expect.objectContaining({ outcome: 'invalid_client', grantType: 'other', clientId: null }),
  ]);
  expect(server.requests[0]?.at).toBeGreaterThanOrEqual(before);
  const printed = JSON.stringify(server.requests);
  for (const secret of server.everyIssuedSecret()) {
    expect(printed).not.toContain(secret);
  }
});

test('clearing the log sets the counters to zero and leaves the tokens alone', async () => {
  await start();
  const granted = server.grant();
  const { requests } = server;
  const { json } = await refresh(server, granted.refresh_token);
  server.clearLog();
  expect(server).toMatchObject({ requests: [], tokenRequests: 0, rotations: 0, refreshes: 0 });
  await refresh(server, json.refresh_token);
  expect(requests).toHaveLength(1);
});

test('the callbacks run at arrival and between rotation and answer, and are waited for', async () => {
  await start();
  const granted = server.grant();
  const events: string[] = [];
  const unsubscribe = server.onTokenRequest(async ({ outcome }) => {
    await sleep(20);
    events.push(`arrived ${outcome} ${server.rotations}`);
  });
  server.onRotated(({ outcome }) => {
    events.push(`rotated ${outcome} ${server.rotations}`);
  });
  const { json } = await refresh(server, granted.refresh_token);
  events.push('answered');
  unsubscribe();
  await refresh(server, json.refresh_token);
  expect(events).toEqual([
    'arrived received 0',
    'rotated rotated 1',
    'answered',
    'rotated rotated 2',
  ]);
});

test('the rotation callback is not called when nothing was refreshed', async () => {
  await start();
  let calls = 0;
  server.onRotated(() => {
    calls += 1;
  });
  await refresh(server, 'unknown');
  server.setFault({ kind: 'status', status: 503 });
  await refresh(server, server.grant().refresh_token);
  expect(calls).toBe(0);
});

test('one latency comes before the rotation, the other after it', async () => {
  await start({ latencyBeforeMs: 100 });
  const rotatedAt: number[] = [];
  server.onRotated(() => {
    rotatedAt.push(Date.now());
  });
  const { json } = await refresh(server, server.grant().refresh_token);
  server.configure({ latencyBeforeMs: 0, latencyMs: 100 });
  await refresh(server, json.refresh_token);
  const [early, late] = server.requests;
  expect(Number(rotatedAt[0]) - Number(early?.at)).toBeGreaterThanOrEqual(99);
  expect(Number(late?.at) + Number(late?.durationMs) - Number(rotatedAt[1])).toBeGreaterThanOrEqual(
    99,
  );
});

test('a client that goes away before the answer does not undo the rotation', async () => {
  await start({ latencyMs: 60 });
  const granted = server.grant();
  const leaving = new AbortController();
  server.onRotated(() => leaving.abort());
  const body = new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: granted.refresh_token,
    client_id: server.clientId,
  });
  const { signal } = leaving;
  await expect(fetch(server.tokenEndpoint, { method: 'POST', body, signal })).rejects.toThrow();
  await sleep(100);
  expect(server.requests[0]).toMatchObject({ outcome: 'rotated', status: null });
  expect(server.requests[0]?.durationMs).not.toBeNull();
  await refresh(server, granted.refresh_token);
  expect(server.reuseDetections).toBe(1);
});

test('an outage refuses connections, and afterwards all is as before at the same address', async () => {
  await start();
  const granted = server.grant();
  await server.goOffline();
  await expect(refresh(server, granted.refresh_token)).rejects.toThrow();
  await server.goOnline();
  expect((await refresh(server, granted.refresh_token)).status).toBe(200);
  expect(server.tokenRequests).toBe(1);
});

test('closing ends connections that are still open, and can be done twice', async () => {
  await start({ latencyMs: 60_000 });
  const open = refresh(server, server.grant().refresh_token);
  const broken = expect(open).rejects.toThrow();
  await expect.poll(() => server.tokenRequests).toBe(1);
  await server.close();
  await broken;
  await server.close();
});

test('it listens on the port it was told', async () => {
  await start();
  const { url } = server;
  await server.close();
  await start({ port: Number(new URL(url).port) });
  expect(server.url).toBe(url);
});
