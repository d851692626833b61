import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { failedAttempt } from '../src/attempt.ts';
import { type Credential, expiresAtMs, mergeTokens, tokenHash } from '../src/credential.ts';
import { decide } from '../src/decide.ts';
import { TokenctlError } from '../src/errors.ts';
import { MAX_RECORD_BYTES, serialiseRecord } from '../src/record-format.ts';
import { parseRecord, requireRecord, withoutRemainder } from '../src/record-parser.ts';
import { Secret } from '../src/secret.ts';
import { tokenOf } from '../src/token.ts';
import {
  ALL_INPUTS,
  expectNoSecret,
  hostileMembers,
  hostileText,
  inputs,
  mutated,
  PLANTED,
  PLANTED_ODD,
  pathological,
} from './support/fuzz.ts';
import { rounds } from './support/login.ts';
import { afterAttempt, at, credentialOf, START } from './support/records.ts';
import { within } from './support/within.ts';

const FULL = afterAttempt(
  credentialOf({
    accessToken: new Secret(PLANTED),
    refreshToken: new Secret(PLANTED_ODD),
    idToken: new Secret(PLANTED),
    idTokenExpiresAt: 1_900_000_000,
    client: { ...credentialOf().client, clientSecret: new Secret(PLANTED_ODD) },
    state: { kind: 'active', reason: 'resumed', at: at(7) },
    unknown: { 'x-later': { nested: [PLANTED, 1, null, true] } },
  }),
);
const TEXT = serialiseRecord(FULL, 'none');
const NAMES = Object.keys(JSON.parse(TEXT));

it('all fuzzing together has a hundred thousand inputs and more', () => {
  expect(ALL_INPUTS).toBeGreaterThan(100_000);
});

describe('parseRecord', () => {
  it('makes a record that is good for everything, or says what is wrong, of any text', () => {
    const text = fc.oneof(
      { weight: 6, arbitrary: mutated(TEXT) },
      { weight: 2, arbitrary: mutated(TEXT).chain(mutated) },
      {
        weight: 3,
        arbitrary: hostileMembers(NAMES).map((members) => {
          const json = Object.fromEntries([
            ...Object.entries(JSON.parse(TEXT)),
            ...jsonOnly(members),
          ]);
          return JSON.stringify(json);
        }),
      },
      { weight: 1, arbitrary: hostileText },
      { weight: 1, arbitrary: fc.json() },
    );
    let read = 0;
    fc.assert(
      fc.property(text, (given) => {
        const parsed = parseRecord(given);
        if (parsed.kind !== 'record') {
          expectNoSecret(parsed);
          return;
        }
        read += 1;
        expectUsable(parsed.record);
      }),
      inputs('record'),
    );
    // Otherwise this has only tested the first check.
    expect(read).toBeGreaterThan(inputs('record').numRuns / 20);
  });

  it('does so wherever the text ends, and whatever was there before', () => {
    const bytes = Buffer.from(TEXT);
    for (let length = 0; length < bytes.length; length += 1) {
      for (const rest of ['', 'A'.repeat(40), '\0\0\0']) {
        const text = bytes.subarray(0, length).toString('utf8') + rest;
        const parsed = parseRecord(withoutRemainder(text));
        expect(parsed.kind === 'record' && parsed.complete).toBe(false);
        if (parsed.kind !== 'record') {
          expectNoSecret(parsed);
        }
      }
    }
  });

  it.each(Object.entries(pathological(rounds(MAX_RECORD_BYTES / 8, MAX_RECORD_BYTES))))(
    'comes to an end, given megabytes of this: %s',
    (_what, text) => {
      const deep = `${TEXT.slice(0, TEXT.indexOf('"parent"'))}"deep":${text},\n"parent":"p","checksum":""}`;
      for (const given of [text, deep, TEXT + text]) {
        within(20_000, () => withoutRemainder(given));
        const parsed = within(20_000, () => parseRecord(given));
        expect(parsed.kind === 'record' && parsed.complete).toBe(false);
        if (parsed.kind === 'record') {
          within(20_000, () => expectUsable(parsed.record));
        }
      }
    },
  );
});

it('requireRecord refuses in one line that holds no secret, and has no cause', () => {
  fc.assert(
    fc.property(mutated(TEXT), (text) => {
      try {
        requireRecord(text, 'work');
      } catch (error) {
        expect(error).toBeInstanceOf(TokenctlError);
        expect(error).toMatchObject({ code: 'refused', login: 'work', hint: expect.any(String) });
        expect(error).not.toHaveProperty('cause');
        expect((error as TokenctlError).message).not.toMatch(/[\r\n]/);
        expectNoSecret(error);
      }
    }),
    inputs('damaged record'),
  );
});

/** Whatever could be read can be judged, shown, renewed, and saved so that it can be read again. */
function expectUsable(record: Credential): void {
  const ask = { asked: START, force: false, noRefresh: false, minTtlMs: 1, rejected: null };
  decide(record, ask, { now: START, renewable: true, foreign: null });
  const expiresAt = expiresAtMs(record);
  if (expiresAt !== null) {
    new Date(expiresAt).toISOString();
  }
  if (record.accessToken !== null) {
    const token = tokenOf('work', record, {});
    expect(token.issuedAt.getTime()).not.toBeNaN();
    expect(token.expiresAt?.getTime()).not.toBeNaN();
    expect(token.idTokenExpiresAt?.getTime()).not.toBeNaN();
    expect(() => JSON.stringify(token)).not.toThrow();
  }
  const attempt = { id: 'a', lease: 'l', sent: START, ended: START, unanswered: 0 };
  const rejected = { kind: 'rejected', verdict: 'dead', error: 'x', description: null } as const;
  const failed = { ...record, lastAttempt: failedAttempt(record, rejected, attempt) };
  const tokens = { accessToken: new Secret('new'), tokenType: 'Bearer', lifetime: 60 };
  for (const next of [record, failed, mergeTokens(record, tokens, START, null)]) {
    if (next.generation < Number.MAX_SAFE_INTEGER && failures(next) < Number.MAX_SAFE_INTEGER) {
      const text = serialiseRecord(next, tokenHash(record.refreshToken));
      expect(parseRecord(text)).toMatchObject({ kind: 'record', complete: true });
    }
  }
}

function failures({ lastAttempt }: Credential): number {
  return lastAttempt?.failures ?? 0;
}

function jsonOnly(members: Record<string, unknown>): [string, unknown][] {
  return Object.entries(members).filter(([, value]) => typeof value !== 'bigint');
}
