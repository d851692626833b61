import { expect, test } from 'vitest';
import { createSharedLogin, rounds } from '../support/login.ts';

const PROCESSES = 60;

test('60 processes on an expired token make one request and print one token, round after round', async () => {
  const login = await createSharedLogin({ latencyMs: 100 });
  const count = rounds(3, 20);
  for (let round = 0; round < count; round += 1) {
    await login.importGrant('work', 0);
    login.server.clearLog();
    const results = await login.runMany(PROCESSES, ['get', 'work']);
    expect(results.map(({ stderr }) => stderr).filter(Boolean)).toEqual([]);
    expect(results.map(({ code }) => code)).toEqual(Array(PROCESSES).fill(0));
    expect(new Set(results.map(({ stdout }) => stdout)).size).toBe(1);
    expect(login.server.tokenRequests).toBe(1);
    expect(login.server.reuseDetections).toBe(0);
    const answer = await fetch(login.server.resource, {
      headers: { authorization: `Bearer ${results[0]?.stdout.trim()}` },
    });
    expect(answer.status).toBe(200);
  }
  console.log(`herd: ${count} rounds of ${PROCESSES} processes, 1 request each, 0 reuse`);
});

test('processes that never stop asking cause one refresh per expiry', async () => {
  const login = await createSharedLogin({ accessTokenLifetime: 8, latencyMs: 50 });
  await login.importGrant('work', 0);
  login.server.clearLog();
  const started = performance.now();
  const askers = Array.from({ length: 4 }, async () => {
    while (performance.now() - started < 13_000) {
      const { code, stdout } = await login.run(['get', 'work']);
      expect(code).toBe(0);
      const answer = await fetch(login.server.resource, {
        headers: { authorization: `Bearer ${stdout.trim()}` },
      });
      expect(answer.status).toBe(200);
    }
  });
  await Promise.all(askers);
  // Due at three quarters of 8 s: after 0, 6 and 12 s, give or take a slow machine.
  expect(login.server.rotations).toBe(login.server.tokenRequests);
  expect(login.server.rotations).toBeGreaterThanOrEqual(2);
  expect(login.server.rotations).toBeLessThanOrEqual(3);
  expect(login.server.reuseDetections).toBe(0);
});
