import fc from 'fast-check';
import { expect, it } from 'vitest';
import { TokenctlError } from '../src/errors.ts';
import { credentialFromImport } from '../src/import-credential.ts';
import { MAX_RECORD_BYTES, serialiseRecord } from '../src/record-format.ts';
import { parseRecord } from '../src/record-parser.ts';
import {
  expectNoSecret,
  hostileMembers,
  inputs,
  mutated,
  PLANTED,
  PLANTED_ODD,
  pathological,
} from './support/fuzz.ts';
import { rounds } from './support/login.ts';
import { START } from './support/records.ts';
import { within } from './support/within.ts';

const WHOLE = {
  access_token: PLANTED,
  refresh_token: PLANTED_ODD,
  id_token: PLANTED,
  token_type: 'Bearer',
  expires_in: 3600,
  expires_at: '2031-01-01T00:00:00Z',
  scope: 'read write',
  provider: 'in-house',
  token_endpoint: 'https://id.example.com/token',
  revocation_endpoint: 'https://id.example.com/revoke',
  issuer: 'https://id.example.com',
  client_id: 'cli',
  client_secret: PLANTED_ODD,
  token_endpoint_auth_method: 'client_secret_basic',
  hosts: ['api.example.com:8443'],
};
const NAMES = Object.keys(WHOLE);
const TEXT = JSON.stringify(WHOLE, null, 1);

it('whatever comes on stdin is a record that can be saved, or a usage error without a secret', () => {
  const json = fc.oneof(
    mutated(TEXT).map(parsed),
    mutated(TEXT).chain(mutated).map(parsed),
    hostileMembers(NAMES).map((members) =>
      Object.fromEntries([...Object.entries(WHOLE), ...Object.entries(members)]),
    ),
    hostileMembers(NAMES),
  );
  let taken = 0;
  fc.assert(
    fc.property(json, (members) => {
      taken += take(members) ? 1 : 0;
    }),
    inputs('import'),
  );
  expect(taken).toBeGreaterThan(inputs('import').numRuns / 20);
});

it.each(Object.entries(pathological(rounds(2 ** 17, 2 ** 20))))(
  'comes to an end, given a megabyte of this: %s',
  (_what, text) => {
    const value = within(20_000, () => parsed(text));
    within(20_000, () => take(value));
    for (const name of NAMES) {
      within(20_000, () => take({ ...WHOLE, [name]: text }));
      within(20_000, () => take({ ...WHOLE, [name]: value }));
      within(20_000, () => take({ ...WHOLE, [name]: [text, value] }));
    }
  },
);

/** Whether it was taken over. */
function take(json: unknown): boolean {
  try {
    const record = credentialFromImport(json, START);
    const text = serialiseRecord(record, 'none');
    expect(Buffer.byteLength(text)).toBeLessThan(MAX_RECORD_BYTES);
    expect(parseRecord(text)).toMatchObject({ kind: 'record', complete: true });
    for (const address of [record.client.tokenEndpoint, record.client.revocationEndpoint]) {
      expect(address ?? 'https://').toMatch(/^\s*(https:|http:\/*(127\.|localhost|\[::1\]))/i);
    }
    return true;
  } catch (error) {
    if (!(error instanceof TokenctlError)) {
      throw error;
    }
    expect(error).toMatchObject({ code: 'usage' });
    expect(error).not.toHaveProperty('cause');
    expect(error.message.length + (error.hint?.length ?? 0)).toBeLessThan(400);
    expectNoSecret(error);
    return false;
  }
}

/** As the command reads it; what is not JSON never gets further. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
