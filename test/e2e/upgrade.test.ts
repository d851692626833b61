import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parseRecord } from '../../src/record-parser.ts';
import { createSharedLogin, type SharedLogin } from '../support/login.ts';

test('a record of version 1 is read as it is, and becomes one of this version under the lock', async () => {
  const login = await createSharedLogin();
  const { access_token } = await login.importGrant('work', 3600);
  const old = asVersion1(login);
  expect((await login.run(['get', 'work'])).stdout).toBe(`${access_token}\n`);
  expect(readFileSync(login.recordPath('work'), 'utf8')).toBe(old);
  const got = await login.runMany(10, ['get', 'work', '--force']);
  expect(new Set(got.map(({ code, stdout }) => `${code} ${stdout}`)).size).toBe(1);
  expect(login.server.tokenRequests).toBe(1);
  const written = readFileSync(login.recordPath('work'), 'utf8');
  expect(written).toContain('"reader":2,');
  expect(parseRecord(written)).toMatchObject({
    kind: 'record',
    complete: true,
    record: { generation: 2, origin: { file: 'work.json' }, lifeboat: null },
  });
});

test('a record of a newer version is refused, and left as it is', async () => {
  const login = await createSharedLogin();
  await login.importGrant('work', 0);
  const newer = readFileSync(login.recordPath('work'), 'utf8').replace('"reader":2', '"reader":4');
  writeFileSync(login.recordPath('work'), newer);
  for (const args of [
    ['get', 'work'],
    ['get', 'work', '--force'],
    ['invalidate', 'work'],
  ]) {
    const refused = await login.run(args);
    expect(refused).toMatchObject({ code: 6, stdout: '' });
    expect(refused.stderr).toContain('upgrade tokenctl');
  }
  expect(login.server.tokenRequests).toBe(0);
  expect(readFileSync(login.recordPath('work'), 'utf8')).toBe(newer);
});

/** Without what version 1 did not have. */
const asVersion1 = (login: SharedLogin): string => {
  const path = login.recordPath('work');
  const {
    fresh: _,
    fresh_until: _until,
    origin: _origin,
    lifeboat: _boat,
    ...rest
  } = JSON.parse(readFileSync(path, 'utf8'));
  const old = JSON.stringify({ ...rest, format: 1, reader: 1, freshness: null });
  writeFileSync(path, old);
  return old;
};
