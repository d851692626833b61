import { expect, test } from 'vitest';
import { createHome } from '../support/tokenctl.ts';

test('the demo shows each row as it must come out, in well under 30 seconds', async () => {
  const result = await createHome().run(['demo']);
  expect(result).toMatchObject({ code: 0, stderr: '' });
  expect(result.stdout).toMatch(/\(A\) .* HTTP 401\n/);
  expect(result.stdout).toMatch(/\(B\) .* HTTP 200, 200\n/);
  expect(result.stdout).toMatch(/\(C\) .* 1 refresh, 8\/8 OK\n/);
  expect(result.stdout).toMatch(/\(D\) .* 7\/8 invalid_grant, login revoked for all\n/);
  expect(result.stdout).toMatch(/\(E\) .* 8\/8 OK\n/);
  expect(result.ms).toBeLessThan(30_000);
});
