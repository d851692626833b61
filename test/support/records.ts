import fc from 'fast-check';
import {
  type Attempt,
  AUTH_METHODS,
  attemptKey,
  type Credential,
  type Origin,
  VERDICTS,
} from '../../src/credential.ts';
import { type Kept, PLACES } from '../../src/kept.ts';
import { later, type Moment } from '../../src/platform/clock.ts';
import { Secret } from '../../src/secret.ts';

export const BOOT = '11111111-2222-4333-8444-555555555555';
export const OTHER_BOOT = '99999999-8888-4777-8666-555555555555';

/** When the story of every test begins: some day, a while after the boot. */
export const START: Moment = {
  epochMs: Date.UTC(2030, 0, 1),
  uptimeMs: 5 * 86_400_000,
  bootId: BOOT,
};

/** This many seconds after {@link START}, on both clocks. */
export const at = (seconds: number): Moment => later(START, seconds * 1000);

/** An hour's token, just refreshed, with all that is needed to refresh it again. */
export const credentialOf = (members: Partial<Credential> = {}): Credential => ({
  recordId: 'record-1',
  generation: 1,
  accessToken: new Secret('access-1'),
  tokenType: 'Bearer',
  issued: START,
  lifetime: 3600,
  obtained: 'refresh',
  rejected: false,
  refreshAt: 0.75,
  scope: 'read write',
  idToken: null,
  idTokenExpiresAt: null,
  refreshToken: new Secret('refresh-1'),
  client: {
    tokenEndpoint: 'https://id.example.com/token',
    revocationEndpoint: null,
    issuer: null,
    clientId: 'cli',
    clientSecret: null,
    authMethod: 'none',
    quirks: [],
  },
  provider: null,
  hosts: [],
  state: { kind: 'active', reason: null, at: null },
  lastAttempt: null,
  origin: null,
  lifeboat: null,
  kept: null,
  unknown: {},
  ...members,
});

/** The record whose last attempt, with what it holds now, failed passingly at `ended`. */
export const afterAttempt = (record: Credential, members: Partial<Attempt> = {}): Credential => ({
  ...record,
  lastAttempt: {
    id: 'attempt-1',
    key: attemptKey(record),
    verdict: 'unavailable',
    error: 'http_503',
    description: null,
    sent: START,
    ended: START,
    backoffMs: 1_000,
    failures: 1,
    unanswered: 0,
    lease: 'lease-1',
    ...members,
  },
});

/** Printable ASCII without space, as in RFC 6749 appendix A.12; also what JSON must escape. */
export const accessTokens = fc
  .string({ unit: fc.integer({ min: 0x21, max: 0x7e }).map(fromCode), minLength: 1, maxLength: 60 })
  .map((value) => new Secret(value));

const anyText = fc.string({ unit: 'binary', maxLength: 40 });

export const refreshTokens = anyText
  .map((text) => text.replace(/[\x00-\x1f\x7f]/g, '') || 'r')
  .map((value) => new Secret(value));

const nullable = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });

/** Both clocks, on one of two boots or where boots have no name; days apart from {@link START}. */
export const moments: fc.Arbitrary<Moment> = fc
  .record({
    wall: fc.integer({ min: -40 * 86_400_000, max: 40 * 86_400_000 }),
    uptime: fc.integer({ min: 0, max: 100 * 86_400_000 }),
    bootId: fc.constantFrom(BOOT, BOOT, OTHER_BOOT, null),
  })
  .map(({ wall, uptime, bootId }) => ({
    epochMs: START.epochMs + wall,
    uptimeMs: bootId === null ? null : uptime,
    bootId,
  }));

export const lifetimes = nullable(
  fc.oneof(
    fc.constantFrom(0, 1, 2, 3600, 90 * 86_400, 10 * 365 * 86_400),
    fc.integer({ min: 0, max: 200_000 }),
    fc.double({ min: 0, max: 5_000, noNaN: true }),
  ),
);

const attempts: fc.Arbitrary<Attempt> = fc.record({
  id: anyText,
  key: fc.string({ maxLength: 8 }),
  verdict: fc.constantFrom(...VERDICTS),
  error: nullable(anyText),
  description: nullable(anyText),
  sent: moments,
  ended: moments,
  backoffMs: fc.integer({ min: 0, max: 3_600_000 }),
  failures: fc.nat(100),
  unanswered: fc.nat(3),
  lease: anyText,
});

const origins: fc.Arbitrary<Origin> = fc.record({
  anchor: anyText,
  machine: anyText,
  directory: anyText,
  file: anyText,
});

/** Of a record whose secrets are in its file, for now or from now on. */
const unstowed: fc.Arbitrary<Kept> = fc.record({
  place: fc.constantFrom(...PLACES),
  slot: nullable(anyText),
  sealed: fc.constant(null),
  stowed: fc.constant(false),
  leftovers: fc.array(anyText, { maxLength: 2 }),
});

/** Members of a later version. Names that JavaScript treats specially are members like any other. */
const unknownMembers = fc
  .array(
    fc.tuple(
      fc.oneof(
        fc.string({ unit: 'binary', maxLength: 12 }).map((name) => `x-${name}`),
        fc.constantFrom('__proto__', 'constructor', 'toString', '7', '10', ''),
      ),
      fc.jsonValue({ maxDepth: 2 }),
    ),
    { maxLength: 3 },
  )
  // As a file would hold them: JSON knows no -0.
  .map((entries) => JSON.parse(JSON.stringify(Object.fromEntries(entries))));

/** Any record that this version could have to do with. */
export const credentials: fc.Arbitrary<Credential> = fc
  .record({
    recordId: anyText,
    generation: fc.nat(),
    accessToken: nullable(accessTokens),
    tokenType: fc.constantFrom('Bearer', 'bearer', 'DPoP', 'N_A'),
    issued: moments,
    lifetime: lifetimes,
    obtained: fc.constantFrom('import', 'refresh'),
    rejected: fc.boolean(),
    refreshAt: fc.oneof(fc.constant(0.75), fc.double({ min: 0.01, max: 1, noNaN: true })),
    scope: nullable(anyText),
    idToken: nullable(accessTokens),
    idTokenExpiresAt: nullable(fc.integer({ min: 0, max: 2 ** 40 })),
    refreshToken: nullable(refreshTokens),
    client: fc.record({
      tokenEndpoint: nullable(fc.webUrl()),
      revocationEndpoint: nullable(fc.webUrl()),
      issuer: nullable(fc.webUrl()),
      clientId: nullable(anyText),
      clientSecret: nullable(refreshTokens),
      authMethod: fc.constantFrom(...AUTH_METHODS),
      quirks: fc.subarray(['refresh-revokes-access-token', 'another']),
    }),
    provider: nullable(anyText),
    hosts: fc.array(fc.domain(), { maxLength: 3 }),
    state: fc.record({
      kind: fc.constantFrom('active', 'active', 'active', 'dead', 'paused'),
      reason: nullable(anyText),
      at: nullable(moments),
    }),
    lastAttempt: nullable(attempts),
    origin: nullable(origins),
    lifeboat: fc.constantFrom(null, null, null, '/run/user/1000/tokenctl-lifeboat.json'),
    kept: nullable(unstowed),
    unknown: unknownMembers,
  })
  .chain((record) =>
    // A key out of nowhere would make every failure somebody else's.
    fc
      .boolean()
      .map((own) =>
        own && record.lastAttempt !== null
          ? { ...record, lastAttempt: { ...record.lastAttempt, key: attemptKey(record) } }
          : record,
      ),
  );

function fromCode(code: number): string {
  return String.fromCharCode(code);
}
