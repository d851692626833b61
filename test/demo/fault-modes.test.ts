import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import {
  type AuthorizationServer,
  startAuthorizationServer,
} from '../../src/demo/authorization-server.ts';
import type { Fault } from '../../src/demo/fault-modes.ts';
import { postForm, refresh } from '../support/token-requests.ts';

let server: AuthorizationServer;
let token: string;

beforeEach(async () => {
  server = await startAuthorizationServer();
  token = server.grant().refresh_token;
});

afterEach(() => server.close());

/** The answer to a refresh, read no further than its head. */
const head = (signal?: AbortSignal) =>
  fetch(server.tokenEndpoint, {
    method: 'POST',
    redirect: 'manual',
    signal: signal ?? null,
    body: new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: token,
      client_id: server.clientId,
    }),
  });

test.each<[string, Fault, number, string | RegExp]>([
  ['an error status', { kind: 'status', status: 503 }, 503, ''],
  [
    'an error with a body',
    { kind: 'status', status: 400, body: { error: 'x' } },
    400,
    '{"error":"x"}',
  ],
  ['a raw body', { kind: 'raw', body: '{"access_tok' }, 200, '{"access_tok'],
  ['a redirect', { kind: 'redirect', location: 'http://127.0.0.1:1/' }, 307, ''],
  ['a page of HTML', { kind: 'html' }, 200, /^<!DOCTYPE html>/],
])('%s comes instead of the processing', async (_, fault, status, body) => {
  server.setFault(fault);
  const response = await head();
  expect(response.status).toBe(status);
  expect(await response.text()).toMatch(body);
  expect(server.rotations).toBe(0);
  expect(server.requests[0]).toMatchObject({
    outcome: 'fault',
    fault: fault.kind,
    familyId: 'family-1',
    status,
  });
});

test('headers of a fault are sent', async () => {
  server.setFault({ kind: 'status', status: 429, headers: { 'retry-after': '7' } });
  expect((await head()).headers.get('retry-after')).toBe('7');
  server.setFault({ kind: 'redirect', location: 'http://127.0.0.1:1/', status: 302 });
  const response = await head();
  expect([response.status, response.headers.get('location')]).toEqual([302, 'http://127.0.0.1:1/']);
  server.setFault({ kind: 'html', status: 502 });
  expect((await head()).headers.get('content-type')).toBe('text/html');
});

test('a fault holds for as many requests as it says, then all is normal', async () => {
  server.setFault({ kind: 'status', status: 500, times: 2 });
  const statuses = [await refresh(server, token), await refresh(server, token)].map(
    (a) => a.status,
  );
  expect(statuses).toEqual([500, 500]);
  expect((await refresh(server, token)).status).toBe(200);
});

test('a fault without a number holds until it is taken away', async () => {
  server.setFault({ kind: 'status', status: 500 });
  for (let i = 0; i < 4; i += 1) {
    expect((await refresh(server, token)).status).toBe(500);
  }
  server.setFault(null);
  expect((await refresh(server, token)).status).toBe(200);
});

test.each([
  ['before-rotation', 0, 'fault', null],
  ['rotation', 1, 'rotated', null],
  ['half-answer', 1, 'rotated', 200],
] as const)('a reset, %s', async (after, rotations, outcome, status) => {
  server.setFault({ kind: 'reset', after });
  await expect(refresh(server, token)).rejects.toThrow();
  expect(server.rotations).toBe(rotations);
  await expect.poll(() => server.requests[0]?.durationMs).not.toBeNull();
  expect(server.requests[0]).toMatchObject({ outcome, fault: 'reset', status });
});

test.each([
  ['before-rotation', 0],
  ['rotation', 1],
  ['half-answer', 1],
] as const)('silence, %s, for as long as the client waits', async (after, rotations) => {
  server.setFault({ kind: 'hang', after });
  const waiting = new AbortController();
  const answer = head(waiting.signal).then((response) => response.text());
  const givenUp = expect(answer).rejects.toThrow(/abort/);
  await expect.poll(() => server.requests[0]?.fault).toBe('hang');
  expect(server.rotations).toBe(rotations);
  await sleep(100);
  expect(server.requests[0]?.durationMs).toBeNull();
  waiting.abort();
  await givenUp;
  await expect.poll(() => server.requests[0]?.durationMs).toBeGreaterThanOrEqual(99);
});

test('half an answer announces its whole length', async () => {
  server.setFault({ kind: 'hang', after: 'half-answer' });
  const response = await head();
  const reader = response.body?.getReader();
  const { value } = (await reader?.read()) ?? {};
  expect(Buffer.from(value ?? []).toString()).toMatch(/^\{"access_token":"/);
  expect(Number(response.headers.get('content-length'))).toBeGreaterThan(value?.length ?? 0);
  await reader?.cancel();
});

test('a rewritten answer is the result of a real rotation', async () => {
  server.setFault({
    kind: 'rewrite',
    edit: (json) => ({ ...json, scope: 7, refresh_token: undefined }),
  });
  const { json } = await refresh(server, token);
  expect(json).toMatchObject({ access_token: expect.any(String), scope: 7 });
  expect(json).not.toHaveProperty('refresh_token');
  expect(server.rotations).toBe(1);
});

test('an answer rewritten to a string is sent as it is', async () => {
  server.setFault({ kind: 'rewrite', edit: (json) => JSON.stringify(json).slice(0, -9) });
  expect(await (await head()).text()).toMatch(/^\{"access_token":"[^}]*$/);
  expect(server.rotations).toBe(1);
});

test('a slow body comes bit by bit, and is whole in the end', async () => {
  server.setFault({ kind: 'slow-body', bytesPerSecond: 1000 });
  const begun = Date.now();
  const { json } = await refresh(server, token);
  expect(json.refresh_token).toEqual(expect.any(String));
  expect(Date.now() - begun).toBeGreaterThanOrEqual(150);
  await expect.poll(() => server.requests[0]?.status).toBe(200);
  expect(server.requests[0]).toMatchObject({ outcome: 'rotated', fault: 'slow-body' });
});

test('an endless body goes on until the client has had enough', async () => {
  server.setFault({ kind: 'endless-body' });
  const response = await head();
  let received = 0;
  for await (const chunk of response.body ?? []) {
    received += chunk.length;
    if (received > 3_000_000) {
      break;
    }
  }
  expect(received).toBeGreaterThan(3_000_000);
  expect(server.rotations).toBe(0);
  await expect.poll(() => server.requests[0]?.durationMs).not.toBeNull();
});

test('the server can be closed while faults hold connections open', async () => {
  const faults: Fault[] = [
    { kind: 'hang', after: 'rotation' },
    { kind: 'slow-body', bytesPerSecond: 1 },
    { kind: 'endless-body' },
  ];
  for (const fault of faults) {
    server.setFault({ ...fault, times: 1 });
    head()
      .then((response) => response.text())
      .catch(() => {});
    await expect.poll(() => server.requests.at(-1)?.fault).toBe(fault.kind);
  }
  await server.close();
  await expect
    .poll(() => server.requests.every(({ durationMs }) => durationMs !== null))
    .toBe(true);
});

test('the revocation endpoint can have a fault of its own', async () => {
  server.setFault({ kind: 'status', status: 503 }, 'revocation');
  const parameters = { token, client_id: server.clientId };
  expect((await postForm(server.revocationEndpoint, parameters)).status).toBe(503);
  expect(server.familiesRevoked).toBe(0);
  expect((await refresh(server, token)).status).toBe(200);
});
