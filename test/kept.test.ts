import { describe, expect, it } from 'vitest';
import { attemptKey, type Credential, tokenHash } from '../src/credential.ts';
import { isOpen, type Kept, secretsOf, withSecrets } from '../src/kept.ts';
import { FORMAT, serialiseRecord } from '../src/record-format.ts';
import { type CompleteRecord, parseRecord } from '../src/record-parser.ts';
import { Secret } from '../src/secret.ts';
import { credentialOf } from './support/records.ts';

const PLAIN = credentialOf({
  client: { ...credentialOf().client, clientSecret: new Secret('client-secret-1') },
});
const IN_KEYCHAIN: Kept = {
  ...{ place: 'keychain', slot: 'work 1', sealed: null, stowed: true },
  leftovers: [],
};
const APART: Credential = { ...PLAIN, kept: IN_KEYCHAIN };

describe('a record whose secrets are kept apart', () => {
  const text = serialiseRecord(APART, 'none');

  it('has none of them in its file, and is for readers that know where they are', () => {
    expect(text).not.toContain('refresh-1');
    expect(text).not.toContain('client-secret-1');
    expect(text).toContain('"access_token":"access-1"');
    expect(text).toContain('"reader":3,');
  });

  it('says what they are by their fingerprints, so that all that is decided by them stays the same', () => {
    const { record } = parsed(text);
    expect(isOpen(record)).toBe(false);
    expect(tokenHash(record.refreshToken)).toBe(tokenHash(PLAIN.refreshToken));
    expect(attemptKey(record)).toBe(attemptKey(PLAIN));
    expect(record.refreshToken?.equals(PLAIN.refreshToken)).toBe(true);
    expect(record.refreshToken?.equals(new Secret('refresh-2'))).toBe(false);
    expect(record.kept).toEqual(IN_KEYCHAIN);
    expect(() => record.refreshToken?.reveal()).toThrow('kept elsewhere');
  });

  it('is the same after a round trip, opened or not', () => {
    const { record } = parsed(text);
    expect(serialiseRecord(record, 'none')).toBe(text);
    expect(serialiseRecord(withSecrets(record, secretsOf(PLAIN)), 'none')).toBe(text);
  });

  it('that has them in its file for now is for every reader', () => {
    const here = serialiseRecord({ ...APART, kept: { ...IN_KEYCHAIN, stowed: false } }, 'none');
    expect(here).toContain('"refresh_token":"refresh-1"');
    expect(here).toContain(`"reader":${FORMAT},`);
    expect(parsed(here).record.refreshToken?.reveal()).toBe('refresh-1');
  });

  it.each([
    ['no slot', { in: 'keychain', slot: null, secrets: {}, leftovers: [] }],
    ['nothing sealed', { in: 'encrypted', slot: 'x', secrets: {}, leftovers: [] }],
    ['another place', { in: 'cloud', slot: 'x', secrets: null, leftovers: [] }],
    ['a value', { in: 'keychain', slot: 'x', secrets: { refresh_token: 'r' }, leftovers: [] }],
    ['another name', { in: 'keychain', slot: 'x', secrets: { toString: 'a'.repeat(64) } }],
    ['a list', []],
  ])('is damaged if it says where they are with %s', (_, kept) => {
    const damaged = JSON.stringify({ ...JSON.parse(text), kept });
    expect(parseRecord(damaged)).toMatchObject({ kind: 'corrupt' });
  });
});

it('a plain record is what it was before anything could be kept apart', () => {
  const text = serialiseRecord(PLAIN, 'none');
  expect(text).not.toContain('"kept"');
  expect(text).toContain(`"format":${FORMAT},\n"reader":${FORMAT},`);
});

function parsed(text: string): CompleteRecord {
  const record = parseRecord(text);
  if (record.kind !== 'record') {
    throw new Error(record.what);
  }
  return record;
}
