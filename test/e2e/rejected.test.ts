import { expect, test } from 'vitest';
import { createSharedLogin } from '../support/login.ts';

test('20 processes that report the same rejected token cause one refresh', async () => {
  const login = await createSharedLogin({ latencyMs: 100 });
  const { access_token } = await login.importGrant('work');
  login.server.rejectAccessToken(access_token);
  const results = await login.runMany(20, ['get', 'work', '--rejected', '-'], {
    input: `${access_token}\n`,
  });
  expect(results.map(({ code }) => code)).toEqual(Array(20).fill(0));
  const printed = new Set(results.map(({ stdout }) => stdout.trim()));
  expect(printed.size).toBe(1);
  expect(printed.has(access_token)).toBe(false);
  expect(login.server.tokenRequests).toBe(1);
});

test('a token that is rejected right after its refresh is refused, not refreshed in a loop', async () => {
  const login = await createSharedLogin();
  const { access_token } = await login.importGrant('work');
  const first = await login.run(['get', 'work', '--rejected', '-'], { input: access_token });
  const again = await login.run(['get', 'work', '--rejected', '-'], { input: first.stdout });
  expect(again).toMatchObject({ code: 5, stdout: '' });
  expect(again.stderr).toContain('rejected right after it was issued');
  expect(login.server.tokenRequests).toBe(1);
});

test('a rejected token that is no longer the stored one gives the stored one', async () => {
  const login = await createSharedLogin();
  const { access_token } = await login.importGrant('work');
  const results = await login.run(['get', 'work', '--rejected', '-'], { input: 'an-older-token' });
  expect(results).toMatchObject({ code: 0, stdout: `${access_token}\n` });
  expect(login.server.tokenRequests).toBe(0);
});

test('invalidate marks the stored token, and only that one if it is named', async () => {
  const login = await createSharedLogin();
  const { access_token } = await login.importGrant('work');
  const other = await login.run(['invalidate', 'work', '--rejected', '-'], { input: 'other' });
  expect(other).toMatchObject({ code: 0 });
  expect((await login.run(['get', 'work'])).stdout.trim()).toBe(access_token);
  await login.run(['invalidate', 'work', '--rejected', '-'], { input: access_token });
  const renewed = await login.run(['get', 'work']);
  expect(renewed.code).toBe(0);
  expect(renewed.stdout.trim()).not.toBe(access_token);
  expect(login.server.tokenRequests).toBe(1);
});
