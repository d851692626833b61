import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  attemptKey,
  type Credential,
  expiresAtMs,
  freshness,
  LOGIN_NAME,
  mergeTokens,
  proactiveMs,
  remainingMs,
  type TokenResponse,
  tokenHash,
} from '../src/credential.ts';
import { later, type Moment } from '../src/platform/clock.ts';
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

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const REVOKES = { ...credentialOf().client, quirks: ['refresh-revokes-access-token'] };

describe('freshness', () => {
  // seconds of life stated | proactive point | deadline: expiry minus skew
  const LIVES: readonly [string, number, number, number][] = [
    ['2 seconds', 2, 1.5, 1.8],
    ['30 seconds', 30, 22.5, 27],
    ['a minute', 60, 45, 54],
    ['an hour', 3600, 2700, 3570],
    ['90 days', 90 * 86_400, 67.5 * 86_400, 90 * 86_400 - 30],
  ];

  it.each(LIVES)('of a life of %s is sane', (_life, lifetime, proactive, deadline) => {
    const record = credentialOf({ lifetime });
    expect(freshness(record, at(0))).toBe('fresh');
    expect(freshness(record, at(proactive - 0.001))).toBe('fresh');
    expect(freshness(record, at(proactive))).toBe('window');
    expect(freshness(record, at(deadline - 0.001))).toBe('window');
    expect(freshness(record, at(deadline))).toBe('expired');
    expect(freshness(record, at(lifetime + 1_000_000))).toBe('expired');
  });

  it.each(LIVES)(
    'of a life of %s has no window where a refresh kills the old access token',
    (_life, lifetime, _proactive, deadline) => {
      const record = credentialOf({ lifetime, client: REVOKES });
      expect(freshness(record, at(deadline - 0.001))).toBe('fresh');
      expect(freshness(record, at(deadline))).toBe('expired');
    },
  );

  it('has no window if the record asks for renewal at the very end', () => {
    const record = credentialOf({ refreshAt: 1 });
    expect(freshness(record, at(3569.999))).toBe('fresh');
    expect(freshness(record, at(3570))).toBe('expired');
  });

  it('of no stated lifetime lasts until the token is rejected', () => {
    const record = credentialOf({ lifetime: null });
    expect(freshness(record, at(10 * 365 * 86_400))).toBe('fresh');
    expect(freshness(record, at(-86_400))).toBe('fresh');
    expect(remainingMs(record, START)).toBeNull();
    expect(expiresAtMs(record)).toBeNull();
  });

  it('of no access token is expired', () => {
    expect(freshness(credentialOf({ accessToken: null, lifetime: null }), START)).toBe('expired');
  });

  it.each([
    ['now', START],
    ['a moment ago, by a clock that was corrected', later(START, -1)],
    ['by a wall clock alone, corrected by 50 s', wallOnly(later(START, -50_000))],
    ['by a wall clock alone, stepped back for a year', wallOnly(later(START, -365 * DAY_MS))],
  ])('of a token that had expired when it came is expired: %s', (_when, now) => {
    const issued = now.bootId === null ? wallOnly(START) : START;
    expect(freshness(credentialOf({ lifetime: 0, issued }), now)).toBe('expired');
  });

  it('gets worse as time passes and never better', () => {
    const order = ['fresh', 'window', 'expired'];
    fc.assert(
      fc.property(
        credentials,
        fc.double({ min: 0, max: 400_000, noNaN: true }),
        fc.double({ min: 0, max: 400_000, noNaN: true }),
        (record, seconds, more) => {
          const now = later(record.issued, seconds * 1000);
          const before = order.indexOf(freshness(record, now));
          const after = order.indexOf(freshness(record, later(now, more * 1000)));
          expect(after).toBeGreaterThanOrEqual(before);
        },
      ),
    );
  });

  it('leaves at least nine tenths of any life usable, and ends before the expiry', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.1, max: 1e8, noNaN: true }), (lifetime) => {
        const record = credentialOf({ lifetime });
        expect(freshness(record, at(lifetime * 0.899))).not.toBe('expired');
        expect(freshness(record, at(lifetime))).toBe('expired');
        expect(proactiveMs(record)).toBeLessThanOrEqual(lifetime * 1000);
      }),
    );
  });

  it('never says more than the life that is left', () => {
    fc.assert(
      fc.property(credentials, moments, (record, now) => {
        const remaining = remainingMs(record, now);
        if (remaining !== null) {
          expect(remaining).toBeLessThanOrEqual((record.lifetime ?? 0) * 1000);
        }
      }),
    );
  });
});

describe('a stepped clock (INCIDENTS 18)', () => {
  const record = credentialOf();

  it.each([
    ['an hour', -HOUR_MS],
    ['a day', -DAY_MS],
    ['a year', -365 * DAY_MS],
  ])('back by %s on the same boot changes nothing: the boot clock goes on', (_by, ms) => {
    const stepped = (seconds: number): Moment => wallBy(at(seconds), ms);
    expect(freshness(record, stepped(10))).toBe('fresh');
    expect(freshness(record, stepped(2700))).toBe('window');
    expect(freshness(record, stepped(3570))).toBe('expired');
  });

  it.each([
    ['an hour', -HOUR_MS],
    ['a day', -DAY_MS],
    ['a year', -365 * DAY_MS],
  ])('back by %s on another boot makes the token due at once', (_by, ms) => {
    expect(freshness(record, { ...wallBy(at(10), ms), uptimeMs: 5_000, bootId: 'other' })).toBe(
      'window',
    );
    expect(freshness(record, wallOnly(wallBy(at(10), ms)))).toBe('window');
  });

  it('is forgiven within what clock drift explains', () => {
    expect(freshness(record, wallOnly(at(-59)))).toBe('fresh');
  });

  it('forward makes the token due, for a suspended machine may be why', () => {
    expect(freshness(record, wallBy(at(10), HOUR_MS))).toBe('expired');
  });

  it.each([
    ['the boot has a name', false],
    ['boots have no name', true],
  ])('costs at most one early refresh, and never a loop, where %s', (_where, nameless) => {
    const step = fc.record({
      afterS: fc.integer({ min: 0, max: 5_000 }),
      byMs: fc.oneof(
        fc.constantFrom(-DAY_MS, -HOUR_MS, HOUR_MS, DAY_MS, -30 * DAY_MS, 30 * DAY_MS),
        fc.integer({ min: -40 * DAY_MS, max: 40 * DAY_MS }),
      ),
      reboot: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 5 }),
        fc.integer({ min: 2, max: 7200 }),
        (steps, lifetime) => {
          const early = earlyRefreshes(steps, lifetime, nameless);
          expect(early).toBeLessThanOrEqual(steps.length);
        },
      ),
    );
  });
});

describe('the rotation merge', () => {
  const old = credentialOf({
    idToken: new Secret('id-1'),
    idTokenExpiresAt: 1_900_000_000,
    rejected: true,
    obtained: 'import',
    state: { kind: 'dead', reason: 'invalid_grant', at: START },
    unknown: { 'x-later': 1 },
    hosts: ['api.example.com'],
  });
  const response: TokenResponse = {
    accessToken: new Secret('access-2'),
    tokenType: 'bearer',
    lifetime: 60,
  };

  it('keeps what the response does not mention', () => {
    const merged = mergeTokens(old, response, at(5), null);
    expect(merged).toEqual({
      ...old,
      generation: 2,
      accessToken: response.accessToken,
      tokenType: 'bearer',
      issued: at(5),
      lifetime: 60,
      obtained: 'refresh',
      rejected: false,
      state: { kind: 'active', reason: null, at: null },
      lastAttempt: null,
    });
    expect(merged.refreshToken?.reveal()).toBe('refresh-1');
  });

  it('lets no undefined overwrite anything', () => {
    const mentioned = {
      ...response,
      refreshToken: undefined,
      scope: undefined,
      idToken: undefined,
      idTokenExpiresAt: undefined,
    };
    expect(mergeTokens(old, mentioned, at(5), null)).toEqual(
      mergeTokens(old, response, at(5), null),
    );
    expect(Object.values(mergeTokens(old, mentioned, at(5), null))).not.toContain(undefined);
  });

  it('replaces a refresh token that was rotated', () => {
    const merged = mergeTokens(
      old,
      { ...response, refreshToken: new Secret('refresh-2') },
      at(5),
      null,
    );
    expect(merged.refreshToken?.reveal()).toBe('refresh-2');
    expect(tokenHash(merged.refreshToken)).not.toBe(tokenHash(old.refreshToken));
  });

  it('takes an empty scope as a scope', () => {
    expect(mergeTokens(old, { ...response, scope: '' }, at(5), null).scope).toBe('');
  });

  it("never keeps the old id token's expiry for a new id token", () => {
    const merged = mergeTokens(old, { ...response, idToken: new Secret('id-2') }, at(5), null);
    expect(merged).toMatchObject({ idTokenExpiresAt: null });
    expect(merged.idToken?.reveal()).toBe('id-2');
  });

  it('never loses a refresh token, whatever is merged', () => {
    fc.assert(
      fc.property(credentials, moments, (record, issued) => {
        const merged = mergeTokens(record, response, issued, null);
        expect(merged.refreshToken).toBe(record.refreshToken);
        expect(merged.generation).toBe(record.generation + 1);
        expect(merged.recordId).toBe(record.recordId);
        expect(merged.unknown).toBe(record.unknown);
      }),
    );
  });
});

describe('the key of an attempt', () => {
  const record = credentialOf();
  const { client } = record;

  it.each<[string, Partial<Credential>]>([
    ['the refresh token', { refreshToken: new Secret('refresh-2') }],
    ['its absence', { refreshToken: null }],
    ['the token endpoint', { client: { ...client, tokenEndpoint: 'https://id.example.com/2' } }],
    ['the client id', { client: { ...client, clientId: 'other' } }],
    ['the client secret', { client: { ...client, clientSecret: new Secret('s') } }],
    ['the authentication method', { client: { ...client, authMethod: 'client_secret_post' } }],
  ])('changes with %s', (_what, change) => {
    expect(attemptKey({ ...record, ...change })).not.toBe(attemptKey(record));
  });

  it('does not change with anything else, and gives no token away', () => {
    const other = afterAttempt({ ...record, generation: 9, scope: null, accessToken: null });
    expect(attemptKey(other)).toBe(attemptKey(record));
    expect(attemptKey(record)).toMatch(/^[0-9a-f]{64}$/);
  });
});

describe('a name of a login', () => {
  it.each(['github', 'work-gitlab', 'alice.github', 'A', '0', 'a@b_c-d.e', 'x'.repeat(64)])(
    'may be %s',
    (name) => {
      expect(LOGIN_NAME.test(name)).toBe(true);
    },
  );

  it.each([
    ...['', '.', '..', '-x', '--help', '_x', '@x', '.json', 'a/b', 'a\\b', 'a b', 'a\n', '\na'],
    ...['a\0', 'ä', 'a~b', 'a:b', 'a*', 'x'.repeat(65), 'a\u202eb', '../a', 'a/../b'],
  ])('may not be %j', (name) => {
    expect(LOGIN_NAME.test(name)).toBe(false);
  });
});

interface Step {
  readonly afterS: number;
  readonly byMs: number;
  readonly reboot: boolean;
}

/**
 * Lives through the steps, refreshing whenever the token is not fresh, as often as somebody looks.
 * Gives how many refreshes there were beyond those that a steady clock needs.
 */
function earlyRefreshes(steps: readonly Step[], lifetime: number, nameless: boolean): number {
  let wallOffsetMs = 0;
  let boots = 0;
  let trueMs = 0;
  let bootedMs = -DAY_MS;
  const now = (): Moment => {
    const moment = {
      epochMs: START.epochMs + trueMs + wallOffsetMs,
      uptimeMs: trueMs - bootedMs,
      bootId: `${BOOT}-${boots}`,
    };
    return nameless ? wallOnly(moment) : moment;
  };
  let record = credentialOf({ lifetime, issued: now() });
  let issuedMs = 0;
  let early = 0;
  const look = () => {
    if (freshness(record, now()) !== 'fresh') {
      early += trueMs - issuedMs < proactiveMs(record) ? 1 : 0;
      record = { ...record, issued: now() };
      issuedMs = trueMs;
      // A loop would be seen here: what has just been issued is fresh at once.
      expect(freshness(record, now())).toBe('fresh');
    }
  };
  const endMs = (steps.reduce((sum, { afterS }) => sum + afterS, 0) + 2 * lifetime) * 1000;
  const pending = [...steps];
  let nextMs = (pending[0]?.afterS ?? 0) * 1000;
  const tickMs = Math.max(500, lifetime * 20);
  for (; trueMs <= endMs; trueMs += tickMs) {
    const [step] = pending;
    if (step !== undefined && trueMs >= nextMs) {
      pending.shift();
      nextMs = trueMs + (pending[0]?.afterS ?? 0) * 1000;
      wallOffsetMs += step.byMs;
      if (step.reboot) {
        boots += 1;
        bootedMs = trueMs;
      }
    }
    look();
    look();
  }
  return early;
}

function wallBy(moment: Moment, ms: number): Moment {
  return { ...moment, epochMs: moment.epochMs + ms };
}

function wallOnly(moment: Moment): Moment {
  return { ...moment, uptimeMs: null, bootId: null };
}
