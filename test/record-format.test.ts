import { inspect } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Credential, freshness, proactiveMs, tokenHash } from '../src/credential.ts';
import { decide } from '../src/decide.ts';
import { TokenctlError } from '../src/errors.ts';
import { freshUntilMs } from '../src/fresh-line.ts';
import { later, type Moment } from '../src/platform/clock.ts';
import type { ClientExtras, SignIn } from '../src/record-extras.ts';
import { FORMAT, MAX_RECORD_BYTES, READER, sealed, serialiseRecord } from '../src/record-format.ts';
import {
  type CompleteRecord,
  parseRecord,
  requireRecord,
  withoutRemainder,
} from '../src/record-parser.ts';
import { Secret } from '../src/secret.ts';
import {
  afterAttempt,
  at,
  BOOT,
  credentialOf,
  credentials,
  moments,
  START,
} from './support/records.ts';

/** The order of the lines is a contract: a later version may add to it, and never moves anything. */
const LINES = [
  ...['fresh', 'access_token', 'fresh_until', 'hosts', 'format', 'reader', 'token_type'],
  ...['expires_in', 'issued', 'obtained', 'rejected', 'refresh_at', 'scope'],
  ...['id_token', 'id_token_expires_at', 'record_id', 'generation', 'refresh_token'],
  ...['provider', 'issuer', 'token_endpoint', 'revocation_endpoint'],
  ...['client_id', 'client_secret', 'token_endpoint_auth_method', 'quirks'],
  ...['state', 'last_attempt', 'origin', 'lifeboat', 'parent', 'checksum'],
];

const PARENT = tokenHash(new Secret('refresh-0'));

/** Everything that a record can hold is there, and each secret is a word of its own. */
const FULL = afterAttempt(
  credentialOf({
    accessToken: new Secret('SECRET-access'),
    refreshToken: new Secret('SECRET-refresh'),
    idToken: new Secret('SECRET-id'),
    idTokenExpiresAt: 1_900_000_000,
    provider: 'work',
    hosts: ['api.example.com', 'www.example.com:8443'],
    client: {
      tokenEndpoint: 'https://id.example.com/token',
      revocationEndpoint: 'https://id.example.com/revoke',
      issuer: 'https://id.example.com',
      clientId: 'cli',
      clientSecret: new Secret('SECRET-client'),
      authMethod: 'client_secret_basic',
      quirks: ['refresh-revokes-access-token'],
    },
    state: { kind: 'active', reason: 'resumed', at: at(7) },
    unknown: { 'x-later': { nested: ['a', 1, null, true] } },
  }),
);
const TEXT = serialiseRecord(FULL, PARENT);

describe('the text of a record', () => {
  it('has one member per line, in a fixed order, freshness first', () => {
    const lines = TEXT.split('\n');
    expect(lines.pop()).toBe('');
    const names = lines.map((line) => /^\{?"([^"]+)":/.exec(line)?.[1]);
    expect(names).toEqual([...LINES.slice(0, -2), 'x-later', ...LINES.slice(-2)]);
    for (const line of lines.slice(0, -1)) {
      expect(JSON.parse(`{${line.replace(/^\{/, '').replace(/,$/, '')}}`)).toBeTypeOf('object');
    }
  });

  it('is this text, to the byte', () => {
    expect(serialiseRecord(credentialOf(), PARENT)).toMatchInlineSnapshot(`
      "{"fresh":"2 434700 8",
      "access_token":"access-1",
      "fresh_until":1893458700,
      "hosts":[],
      "format":2,
      "reader":2,
      "token_type":"Bearer",
      "expires_in":3600,
      "issued":{"epoch_ms":1893456000000,"uptime_ms":432000000,"boot_id":"11111111-2222-4333-8444-555555555555"},
      "obtained":"refresh",
      "rejected":false,
      "refresh_at":0.75,
      "scope":"read write",
      "id_token":null,
      "id_token_expires_at":null,
      "record_id":"record-1",
      "generation":1,
      "refresh_token":"refresh-1",
      "provider":null,
      "issuer":null,
      "token_endpoint":"https://id.example.com/token",
      "revocation_endpoint":null,
      "client_id":"cli",
      "client_secret":null,
      "token_endpoint_auth_method":"none",
      "quirks":[],
      "state":{"kind":"active","reason":null,"at":null},
      "last_attempt":null,
      "origin":null,
      "lifeboat":null,
      "parent":"47a07fe72c52e0361b80d253f57f3a288b37c67c516a51a6a3adcda2bbad5b2e",
      "checksum":"3f02b3162f3c0ec230b68af207cd7477b93788192c4da668282e7b2992563e00"}
      "
    `);
  });

  it('keeps to one line whatever a member holds', () => {
    fc.assert(
      fc.property(credentials, (record) => {
        const lines = serialiseRecord(record, PARENT).split('\n');
        const more = Object.keys(record.unknown).length + (record.kept === null ? 0 : 1);
        expect(lines).toHaveLength(LINES.length + more + 1);
        expect(lines[0]).toMatch(/^\{"fresh":/);
        expect(lines[1]).toMatch(/^"access_token":/);
        expect(lines[2]).toMatch(/^"fresh_until":/);
      }),
    );
  });

  it('is the same after a round trip', () => {
    fc.assert(
      fc.property(credentials, (record) => {
        const text = serialiseRecord(record, PARENT);
        const parsed = parsedRecord(text);
        expect(parsed).toMatchObject({ parent: PARENT, complete: true });
        expect(serialiseRecord(parsed.record, parsed.parent)).toBe(text);
        expect(parsed.record).toEqual(record);
        expect(revealed(parsed.record)).toEqual(revealed(record));
      }),
      { numRuns: 1000 },
    );
  });

  it('survives the disk, which knows only bytes', () => {
    fc.assert(
      fc.property(credentials, (record) => {
        const text = serialiseRecord(record, PARENT);
        expect(Buffer.from(text).toString('utf8')).toBe(text);
      }),
    );
  });

  it('keeps members that this version does not know, whatever they are called', () => {
    const unknown = JSON.parse('{"__proto__":{"a":1},"constructor":2,"9":3,"":4,"x":"5"}');
    const text = serialiseRecord(credentialOf({ unknown }), PARENT);
    const { record } = parsedRecord(text);
    expect(Object.entries(record.unknown)).toEqual(Object.entries(unknown));
    expect(Object.getPrototypeOf(record.unknown)).toBe(Object.prototype);
    expect(serialiseRecord({ ...record, generation: 2 }, PARENT)).toContain('"__proto__":{"a":1}');
  });

  it('stays readable at its largest, as far as tokens and addresses may be long', () => {
    // JSON writes a quotation mark as two characters, and half a surrogate pair as six.
    const [token, text, line] = [
      '"'.repeat(65_536),
      '\ud800'.repeat(65_536),
      '\ud800'.repeat(4096),
    ];
    const largest = afterAttempt(
      {
        ...FULL,
        accessToken: new Secret(token),
        idToken: new Secret(token),
        refreshToken: new Secret(text),
        scope: text,
        provider: line,
        client: {
          ...FULL.client,
          tokenEndpoint: line,
          revocationEndpoint: line,
          issuer: line,
          clientId: line,
          clientSecret: new Secret(line),
        },
        hosts: Array(100).fill(`${'a'.repeat(253)}:65535`),
        state: { kind: 'dead', reason: text.slice(0, 1000), at: START },
      },
      { description: text.slice(0, 1000) },
    );
    expect(Buffer.byteLength(serialiseRecord(largest, PARENT))).toBeLessThan(MAX_RECORD_BYTES);
  });
});

describe('the lines that a launcher reads', () => {
  it('never say more than this code does', () => {
    fc.assert(
      fc.property(credentials, nearbyMoments(), (record, nowAfter) => {
        const now = nowAfter(record);
        const token = launch(record, now);
        if (token !== null) {
          expect(token).toBe(record.accessToken?.reveal());
          expect(freshness(record, now)).toBe('fresh');
          expect(decidePlainly(record, now)).toEqual({ kind: 'serve', warning: null });
          expect(record.tokenType.toLowerCase()).toBe('bearer');
        }
      }),
      { numRuns: 5000 },
    );
  });

  it('say as much as this code does on the boot that they were written on', () => {
    fc.assert(
      fc.property(credentials, fc.integer({ min: 1, max: 400_000_000 }), (any, ms) => {
        const record: Credential = {
          ...any,
          issued: START,
          rejected: false,
          tokenType: 'bearer',
          accessToken: new Secret('plain'),
          state: { kind: 'active', reason: null, at: null },
          lifeboat: null,
        };
        const now = later(START, ms);
        // A launcher counts whole seconds.
        const closeToTheEnd = Math.abs(proactiveMs(record) - ms) <= 1000;
        expect(launch(record, now) !== null || closeToTheEnd).toBe(
          freshness(record, now) === 'fresh' || closeToTheEnd,
        );
      }),
      { numRuns: 2000 },
    );
  });

  it('are whole numbers, also of a clock that counts fractions', () => {
    const issued = { epochMs: START.epochMs + 0.4, uptimeMs: 1.7, bootId: BOOT };
    const lines = serialiseRecord(credentialOf({ issued, lifetime: 0.123_456 }), PARENT).split(
      '\n',
    );
    expect(lines[0]).toBe(`{"fresh":"${FORMAT} 0 8",`);
    expect(lines[2]).toMatch(/^"fresh_until":\d+,$/);
  });

  it('are digits and nothing else, however long a token lives', () => {
    for (const lifetime of [null, 0, 1e11, 5e12]) {
      const lines = serialiseRecord(credentialOf({ lifetime }), PARENT).split('\n');
      expect(lines[0]).toMatch(/^\{"fresh":"\d+ \d+ \d+",$/);
      expect(lines[2]).toMatch(/^"fresh_until":\d+,$/);
    }
  });

  it.each<[string, Partial<Credential>]>([
    ['there is none', { accessToken: null }],
    ['the login is dead', { state: { kind: 'dead', reason: null, at: null } }],
    ['the login is paused', { state: { kind: 'paused', reason: null, at: null } }],
    ['it was rejected', { rejected: true }],
    ['a header alone does not present it', { tokenType: 'DPoP' }],
    ['it holds a quotation mark, which JSON escapes', { accessToken: new Secret('a"b') }],
    ['it holds a backslash, which JSON escapes', { accessToken: new Secret('a\\b') }],
    ['it holds what JSON escapes', { accessToken: new Secret('a\nb') }],
    ['it holds what is more than one byte', { accessToken: new Secret('a\u00e9b') }],
    ['it holds what a shell might not take as it is', { accessToken: new Secret('a$b') }],
    ['it is empty', { accessToken: new Secret('') }],
    ['it is in a lifeboat, which must be brought home', { lifeboat: '/tmp/lifeboat' }],
  ])('offer no token if %s', (_why, members) => {
    const record = credentialOf(members);
    const lines = serialiseRecord(record, PARENT).split('\n');
    expect(lines[0]).toBe('{"fresh":null,');
    expect(lines[2]).toBe('"fresh_until":null,');
    expect(freshUntilMs(record)).toBeNull();
    expect(launch(record, later(START, 1000))).toBeNull();
  });
});

describe('a text that is not whole', () => {
  it('is never complete, wherever it was cut', () => {
    const bytes = Buffer.from(TEXT);
    for (let length = 0; length < bytes.length; length += 1) {
      expect(isComplete(bytes.subarray(0, length).toString('utf8'))).toBe(false);
    }
    expect(isComplete(TEXT)).toBe(true);
  });

  it('is never complete with something else written over its beginning or behind it', () => {
    for (const other of [serialiseRecord({ ...FULL, generation: 2 }, PARENT), '{', ' ', '\n']) {
      expect(isComplete(other + TEXT)).toBe(false);
      expect(isComplete(TEXT + other)).toBe(false);
      if (other.length > 1) {
        expect(isComplete(other.slice(0, -200) + TEXT.slice(-200))).toBe(false);
      }
    }
  });

  it('is never complete with any one character changed, lost or added', () => {
    const replacements = ['0', '"', ' ', 'x', '\n', '\u0000', '}'];
    for (let index = 0; index < TEXT.length; index += 1) {
      const [before, after] = [TEXT.slice(0, index), TEXT.slice(index + 1)];
      const changed = replacements
        .filter((character) => character !== TEXT[index])
        .map((character) => before + character + after);
      const texts = [before + after, `${before}0${TEXT.slice(index)}`, ...changed];
      expect(texts.filter(isComplete)).toEqual([]);
    }
    expect(isComplete(`${TEXT}0`)).toBe(false);
  });

  it('is complete without the rest of the reservation behind it', () => {
    expect(withoutRemainder(`${TEXT}base64base64\nbase64\n`)).toBe(TEXT);
    expect(withoutRemainder(TEXT)).toBe(TEXT);
    expect(withoutRemainder('')).toBe('');
    for (let length = 0; length < TEXT.length; length += 1) {
      expect(isComplete(withoutRemainder(`${TEXT.slice(0, length)}base64base64\n`))).toBe(false);
    }
  });
});

describe('a text that is no record', () => {
  it.each([
    ['', 'it is empty'],
    [' \n\t', 'it is empty'],
    ['null', 'not a JSON object'],
    ['[]', 'not a JSON object'],
    ['7', 'not a JSON object'],
    ['"text"', 'not a JSON object'],
    ['{', 'not a JSON object'],
    ['\ufeff{}', 'not a JSON object'],
    ['{}', 'reader is not a number'],
    ['['.repeat(100_000), 'not a JSON object'],
    [`${'['.repeat(100_000)}${']'.repeat(100_000)}`, 'not a JSON object'],
  ])('is corrupt: %#', (text, what) => {
    expect(parseRecord(text)).toEqual({ kind: 'corrupt', what });
  });

  it('never throws, whatever it is', () => {
    const garbage = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.json(),
      fc
        .dictionary(fc.constantFrom(...LINES, 'x'), fc.jsonValue())
        .map((json) => JSON.stringify(json)),
      fc
        .tuple(fc.nat(TEXT.length), fc.string({ unit: 'binary' }))
        .map(([index, noise]) => [TEXT.slice(0, index), noise, TEXT.slice(index)].join('')),
      damagedMembers(),
    );
    fc.assert(
      fc.property(garbage, (text) => {
        const parsed = parseRecord(text);
        expect(['record', 'newer', 'corrupt']).toContain(parsed.kind);
        if (parsed.kind === 'record') {
          // Whatever was read can be written, and be dated.
          expect(parsedRecord(serialiseRecord(parsed.record, parsed.parent)).complete).toBe(true);
          expect(() => new Date(parsed.record.issued.epochMs).toISOString()).not.toThrow();
        }
      }),
      { numRuns: 5000 },
    );
  });

  it.each(LINES.filter((name) => !['fresh', 'fresh_until', 'checksum'].includes(name)))(
    'names the member that is wrong: %s',
    (name) => {
      const parsed = parseRecord(JSON.stringify({ ...JSON.parse(TEXT), [name]: { a: [] } }));
      expect(parsed).toEqual({ kind: 'corrupt', what: expect.stringMatching(/^[a-z_.]+ is /) });
    },
  );

  it.each<[string, unknown]>([
    ['expires_in', -1],
    ['expires_in', 1e300],
    ['refresh_at', 0],
    ['refresh_at', 1.5],
    ['generation', -1],
    ['generation', 1.5],
    ['generation', 2 ** 60],
    ['issued', { epoch_ms: 1e300, uptime_ms: null, boot_id: null }],
    ['issued', { epoch_ms: null, uptime_ms: null, boot_id: null }],
    ['issued', null],
    ['obtained', 'found'],
    ['state', { kind: 'alive', reason: null, at: null }],
    ['state', null],
    ['last_attempt', { id: 'x' }],
    ['quirks', 'refresh-revokes-access-token'],
    ['hosts', [7]],
    ['token_endpoint_auth_method', 'client_secret_jwt'],
    ['rejected', 'false'],
  ])('is corrupt with %s: %j', (name, value) => {
    expect(parseRecord(JSON.stringify({ ...JSON.parse(TEXT), [name]: value })).kind).toBe(
      'corrupt',
    );
  });

  it('is refused with what mends it', () => {
    expect(errorOf(() => requireRecord('{', 'work'))).toMatchObject({
      code: 'refused',
      login: 'work',
      message: 'the credential file is damaged (not a JSON object)',
      hint: expect.stringContaining('tokenctl remove work'),
    });
  });

  it('never quotes a token when it complains', () => {
    fc.assert(
      fc.property(damagedMembers(), (text) => {
        const error = errorOf(() => requireRecord(text, 'work'));
        expect(inspect(error, { depth: null, showHidden: true })).not.toContain('SECRET');
        expect(JSON.stringify(error) ?? '').not.toContain('SECRET');
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a record of another version', () => {
  const withMembers = (members: object) => JSON.stringify({ ...JSON.parse(TEXT), ...members });

  it('that asks for a newer reader is refused and left alone, whatever else is in it', () => {
    for (const text of [
      withMembers({ format: FORMAT + 1, reader: READER + 1 }),
      JSON.stringify({ reader: READER + 1, access_token: { kept: 'elsewhere' } }),
    ]) {
      expect(parseRecord(text)).toEqual({ kind: 'newer', what: 'was written by a newer tokenctl' });
      expect(errorOf(() => requireRecord(text, 'work'))).toMatchObject({
        code: 'refused',
        hint: expect.stringContaining('upgrade tokenctl'),
      });
    }
  });

  it('is what keys and other grants make of it, and only they', () => {
    const { reader } = JSON.parse(TEXT);
    const extras: ClientExtras = {
      grant: 'client_credentials',
      parameters: [['resource', 'https://api.example.com/']],
      clientKey: new Secret('{"kty":"EC"}'),
      assertion: { key: new Secret('{"kty":"RSA"}'), claims: [['sub', 'alice']] },
      tls: { certificate: 'PEM', key: new Secret('KEY') },
      dpopKey: new Secret('{"kty":"EC","d":"x"}'),
    };
    const signIn: SignIn = {
      flow: 'code',
      authorizationEndpoint: 'https://id.example.com/authorize',
      deviceAuthorizationEndpoint: null,
      scope: 'openid',
      parameters: [['audience', 'x']],
      redirectUri: null,
    };
    const record = { ...FULL, client: { ...FULL.client, extras }, signIn };
    const text = serialiseRecord(record, PARENT);
    expect(JSON.parse(text).reader).toBe(reader + 1);
    expect(parsedRecord(text).record).toEqual(record);
    // How it was signed in to does not matter to who only renews it.
    expect(JSON.parse(serialiseRecord({ ...FULL, signIn }, PARENT)).reader).toBe(reader);
  });

  it('that a reader of this version understands is read, and what it adds is kept', () => {
    const { record } = parsedRecord(withMembers({ format: FORMAT + 1, 'x-new': [1] }));
    expect(record.unknown).toEqual({ 'x-later': FULL.unknown['x-later'], 'x-new': [1] });
  });

  it('that is older is read, becomes one of this version when it is written, and loses nothing', () => {
    // As version 1 wrote it.
    const [, token, , hosts, , , ...rest] = TEXT.slice(0, TEXT.lastIndexOf('"checksum":')).split(
      '\n',
    );
    const freshness = '"freshness":{"until_ms":1,"uptime_ms":1,"boot_id":null},';
    const old = sealed(
      ['{"format":1,', '"reader":1,', freshness, token, hosts, ...rest]
        .join('\n')
        .replace(/^"(origin|lifeboat)":.*\n/gm, ''),
    );
    expect(old).toMatch(/^\{"format":1,\n"reader":1,\n"freshness":/);
    const parsed = parsedRecord(old);
    expect(parsed.complete).toBe(true);
    expect(serialiseRecord(parsed.record, PARENT)).toBe(TEXT);
  });

  it('that leaves out what has a default is read', () => {
    const { quirks: _quirks, hosts: _hosts, refresh_at: _at, ...rest } = JSON.parse(TEXT);
    expect(parsedRecord(JSON.stringify(rest)).record).toMatchObject({
      hosts: [],
      refreshAt: 0.75,
      client: { quirks: [] },
    });
  });
});

/**
 * What `bin/tokenctl` does without a JSON parser: reads lines by their place, and gives the token if
 * the file's time lies ahead, the anchor's does not, and the boot clock has not come to its second
 * (where there is none, the third line must agree); else null, and Node.js decides.
 */
function launch(record: Credential, now: Moment): string | null {
  const lines = serialiseRecord(record, PARENT).split('\n');
  const [, uptime, length] = /^\{"fresh":"2 (\d+) (\d+)",$/.exec(lines[0] ?? '') ?? [];
  const [, token] = /^"access_token":"([^"\\]+)",$/.exec(lines[1] ?? '') ?? [];
  const [, until] = /^"fresh_until":(\d+),$/.exec(lines[2] ?? '') ?? [];
  const second = (ms: number) => Math.floor(ms / 1000);
  const byWall =
    now.epochMs < (freshUntilMs(record) ?? 0) && now.epochMs > record.issued.epochMs - 30_000;
  const bySecond =
    now.uptimeMs === null
      ? Number(until) > second(now.epochMs)
      : Number(uptime) > second(now.uptimeMs);
  return token?.length === Number(length) && byWall && bySecond ? token : null;
}

/** Some moment, or one in the life of the record; a boot clock never goes back. */
function nearbyMoments(): fc.Arbitrary<(record: Credential) => Moment> {
  const steppedWall = fc.oneof(fc.constant(0), fc.integer({ min: -1e10, max: 1e10 }));
  return fc.oneof(
    moments.map((moment) => ({ issued }: Credential) => ({
      ...moment,
      uptimeMs:
        moment.uptimeMs !== null && moment.bootId === issued.bootId
          ? Math.max(moment.uptimeMs, issued.uptimeMs ?? 0)
          : moment.uptimeMs,
    })),
    fc
      .tuple(fc.double({ min: 0, max: 1.2, noNaN: true }), steppedWall)
      .map(([part, wallMs]) => (record: Credential) => {
        const ms = Math.floor((record.lifetime ?? 1e6) * 1000 * part);
        const now = later(record.issued, ms);
        return { ...now, epochMs: now.epochMs + wallMs };
      }),
  );
}

/** A record in which one member holds something else, and what it held. */
function damagedMembers(): fc.Arbitrary<string> {
  const names = Object.keys(JSON.parse(TEXT));
  return fc
    .tuple(
      fc.constantFrom(...names),
      fc.constantFrom<(value: unknown) => unknown>(
        (value) => [value],
        (value) => ({ value, SECRET: 'SECRET-x' }),
        () => 'SECRET-x',
        () => ({ kind: 'SECRET-x', verdict: 'SECRET-x', epoch_ms: 'SECRET-x' }),
        () => null,
        () => -1.5,
        () => 1e308,
        () => true,
        () => undefined,
      ),
    )
    .map(([name, damage]) => {
      const json = JSON.parse(TEXT);
      return JSON.stringify({ ...json, [name]: damage(json[name]) });
    });
}

function decidePlainly(record: Credential, now: Moment) {
  const ask = { asked: now, force: false, noRefresh: false, minTtlMs: 0, rejected: null };
  return decide(record, ask, { now, renewable: true, foreign: null });
}

function parsedRecord(text: string): CompleteRecord {
  const parsed = parseRecord(text);
  if (parsed.kind !== 'record') {
    throw new Error(`not a record: ${parsed.what}`);
  }
  return parsed;
}

function isComplete(text: string): boolean {
  const parsed = parseRecord(text);
  return parsed.kind === 'record' && parsed.complete;
}

function revealed({ accessToken, refreshToken, idToken, client }: Credential) {
  return [accessToken, refreshToken, idToken, client.clientSecret].map((secret) =>
    secret?.reveal(),
  );
}

function errorOf(run: () => unknown): TokenctlError | null {
  try {
    run();
    return null;
  } catch (error) {
    expect(error).toBeInstanceOf(TokenctlError);
    return error as TokenctlError;
  }
}
