import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ownRefresh } from '../src/own-refresh.ts';
import { checkTokenSet, type TokenSet, takeTokenSet } from '../src/token-set.ts';
import { at, credentialOf, START } from './support/records.ts';

const check = (json: Record<string, unknown>) => checkTokenSet(json, START);
const TEN_YEARS_S = 10 * 365 * 86_400;
const START_S = START.epochMs / 1000;

const HUGE = 'x'.repeat(1024 * 1024);
const WRONG_TYPES = [7, true, {}, [], ['token'], () => 'token', Symbol('token')];

describe.each(['access_token', 'id_token'])('%s', (name) => {
  it.each(['x', '!~', 'a.b.c', 'a"b\\c', 'x'.repeat(65_536)])(
    'may be visible ASCII: %#',
    (token) => {
      const { accessToken, idToken } = check({ [name]: token });
      expect((name === 'access_token' ? accessToken : idToken)?.reveal()).toBe(token);
    },
  );

  it.each([
    ...['', ' ', 'a b', 'a\n', '\na', 'a\r\nX-Injected: 1', 'a\0', 'a\tb', 'a\u001b[0m', 'a\u007f'],
    ...['ä', 'a\u0080', 'a\u2028', '日本', '🙅', '\ud800', 'x'.repeat(65_537), HUGE],
  ])('may not break a header or a line: %#', (token) => {
    expectUsage({ [name]: token }, name);
  });

  it.each(WRONG_TYPES)('must be text: %#', (token) => {
    expectUsage({ [name]: token }, name);
  });
});

describe('refresh_token', () => {
  it.each(['r', 'with space', 'ünïcödé', '日本', '"\\', 'r'.repeat(65_536)])(
    'is taken leniently, for it travels form-encoded: %#',
    (token) => {
      expect(check({ refresh_token: token }).refreshToken?.reveal()).toBe(token);
    },
  );

  it.each(['', 'a\n', 'a\r', '\0', 'a\u001bb', '\u007f', 'r'.repeat(65_537), HUGE])(
    'may not be certain garbage: %#',
    (token) => {
      expectUsage({ refresh_token: token }, 'refresh_token');
    },
  );

  it.each(WRONG_TYPES)('must be text: %#', (token) => {
    expectUsage({ refresh_token: token }, 'refresh_token');
  });
});

describe('expires_in', () => {
  it.each([
    [3600, 3600],
    ['3600', 3600],
    [0.5, 0.5],
    ['0.5', 0.5],
    [0, 0],
    ['0', 0],
    [1e12, TEN_YEARS_S],
    ['99999999999999', TEN_YEARS_S],
    [Number.MAX_VALUE, TEN_YEARS_S],
    [null, null],
    [undefined, null],
  ])('%j is a life of %j seconds', (stated, lifetime) => {
    expect(check({ expires_in: stated }).lifetime).toBe(lifetime);
  });

  it.each<unknown>([
    ...[-1, -0.001, '-1', '', ' ', 'soon', '1h', '0x10', '1e3', ' 60', '60 ', '1,5', '١٠'],
    ...['Infinity', 'NaN', Number.NaN, Number.POSITIVE_INFINITY, 10n, '9'.repeat(400)],
    ...[true, {}, [3600], { valueOf: () => 3600 }, new Date()],
  ])('%# is no number of seconds', (stated) => {
    expectUsage({ expires_in: stated }, 'expires_in');
  });
});

describe('expires_at', () => {
  it.each([
    [START_S + 60, 60],
    [String(START_S + 60), 60],
    [`${START_S + 60}.5`, 60.5],
    ['2030-01-01T00:01:00Z', 60],
    ['2030-01-01t00:01:00z', 60],
    ['2030-01-01 00:01:00Z', 60],
    ['2030-01-01T00:01:00.250Z', 60.25],
    ['2030-01-01T01:01:00+01:00', 60],
    ['2029-12-31T19:01:00-05:00', 60],
    [START_S, 0],
    [START_S - 60, 0],
    [0, 0],
    ['2001-01-01T00:00:00Z', 0],
    ['9999-12-31T23:59:59Z', TEN_YEARS_S],
    [null, null],
  ])('%j is a life of %j seconds', (stated, lifetime) => {
    expect(check({ expires_at: stated }).lifetime).toBe(lifetime);
  });

  it('wins over expires_in, which may be from long ago', () => {
    expect(check({ expires_in: 3600, expires_at: START_S + 60 }).lifetime).toBe(60);
    expect(check({ expires_in: 3600, expires_at: null }).lifetime).toBe(3600);
  });

  it('counts from the moment that it is told', () => {
    expect(checkTokenSet({ expires_at: START_S + 60 }, at(50)).lifetime).toBe(10);
  });

  it('in milliseconds is refused: it would keep a dead token fresh for years', () => {
    expectUsage({ expires_at: START.epochMs + 60_000 }, 'expires_at');
    expectUsage({ expires_at: String(START.epochMs + 60_000) }, 'expires_at');
  });

  it.each<unknown>([
    ...[-1, '-1', '', ' ', 'tomorrow', '2030-01-01', '2030-01-01T00:00:00', '2030-13-01T00:00:00Z'],
    ...['2030-01-01T25:00:00Z', '2030-01-01T00:00:00+99:99', '01/01/2030', '20300101T000000Z'],
    ...['Tue, 01 Jan 2030 00:00:00 GMT', '2030-01-01T00:00:00Z\n', '1e9', '0x5f5e100'],
    ...[Number.NaN, Number.POSITIVE_INFINITY, 10n, true, {}, [START_S], new Date(START.epochMs)],
  ])('%# is no time', (stated) => {
    expectUsage({ expires_at: stated }, 'expires_at');
  });
});

describe('token_type and scope', () => {
  it('are taken as they are', () => {
    expect(check({ token_type: 'bearer', scope: 'read write' })).toMatchObject({
      tokenType: 'bearer',
      scope: 'read write',
    });
    expect(check({ scope: '' }).scope).toBe('');
  });

  it('may be absent', () => {
    expect(check({})).toEqual({
      accessToken: null,
      refreshToken: undefined,
      tokenType: 'Bearer',
      lifetime: null,
      scope: undefined,
      idToken: undefined,
    });
    expect(check({ token_type: null, scope: null })).toMatchObject({ tokenType: 'Bearer' });
  });

  it.each(['', 'Bearer x', 'Bearer\r\n', 'Bearer: x', 'b\u0000', 'x'.repeat(65), 'Ⓑ', 7, {}])(
    'a token_type may not break a header: %#',
    (type) => {
      expectUsage({ token_type: type }, 'token_type');
    },
  );

  it.each(['a\nb', 'a\u001b[0m', 'a\u009b0m', 'a\u2028b', 's'.repeat(65_537), 7, ['read']])(
    'a scope may not move a cursor: %#',
    (scope) => {
      expectUsage({ scope }, 'scope');
    },
  );
});

it('takes nothing from a prototype', () => {
  const json = JSON.parse(
    '{"__proto__":{"access_token":"a","expires_in":5},"constructor":{"scope":"x"}}',
  );
  expect(check(json)).toEqual(check({}));
});

it('throws usage naming a member and never its value, or gives what is well-formed', () => {
  const marked = fc.oneof(
    fc.string({ unit: 'binary' }).map((text) => `MARK${text}`),
    fc.string({ unit: 'binary' }).map((text) => `${text}MARK`),
    fc.jsonValue(),
    fc.anything(),
    fc.double(),
    fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  );
  const names = ['access_token', 'refresh_token', 'id_token', 'token_type', 'scope', 'expires_in'];
  // Entries, so that __proto__ is a member like any other.
  const json = fc
    .array(fc.tuple(fc.constantFrom(...names, 'expires_at', '__proto__'), marked), { maxLength: 5 })
    .map((entries) => Object.fromEntries(entries));
  fc.assert(
    fc.property(json, (members) => {
      try {
        const { lifetime, tokenType, accessToken } = check(members);
        expect(lifetime === null || (lifetime >= 0 && lifetime <= TEN_YEARS_S)).toBe(true);
        expect(tokenType).toMatch(/^[A-Za-z0-9._~-]+$/);
        expect(accessToken?.reveal() ?? 'x').toMatch(/^[\x21-\x7e]+$/);
      } catch (error) {
        expect(error).toMatchObject({ code: 'usage', message: expect.stringMatching(/^[a-z_]+ /) });
        expect(String(error)).not.toContain('MARK');
      }
    }),
    { numRuns: 10_000 },
  );
});

describe('what an own refresh function gave, whose refresh token is the only one from now on,', () => {
  it('is taken without complaint where it is well-formed', () => {
    const json = { access_token: 'a', refresh_token: 'r', expires_in: 60 };
    expect(takeTokenSet(json, START)).toEqual({ tokens: check(json), problems: [] });
  });

  it.each([
    ['scope', ['read', 'write']],
    ['scope', 'a\nb'],
    ['token_type', ''],
    ['id_token', 'a b'],
    ['expires_in', 'soon'],
    ['expires_in', -1],
    ['expires_at', START.epochMs],
    ['access_token', 'a b'],
  ])('keeps the refresh token although %s is %j', (name, value) => {
    const json = { access_token: 'a', refresh_token: 'new', [name]: value };
    const { tokens, problems } = takeTokenSet(json, START);
    expect(tokens.refreshToken?.reveal()).toBe('new');
    expect(tokens.accessToken?.reveal()).toBe(name === 'access_token' ? undefined : 'a');
    expect(problems).toEqual([expect.stringMatching(`^${name} .*; it was ignored$`)]);
  });

  it('is granted with it, whatever else the function passed on from its provider', async () => {
    const answer = { access_token: 'a', refresh_token: 'new', scope: ['read'], expires_in: 'soon' };
    const refresh = ownRefresh(async () => answer as unknown as TokenSet, 1_000);
    const outcome = await refresh(credentialOf(), {
      connectTimeoutMs: 1,
      answerTimeoutMs: 1,
      beforeSending: async () => true,
    });
    if (outcome.kind !== 'granted') {
      expect.fail(`it was ${outcome.kind}`);
    }
    expect(outcome.tokens.refreshToken?.reveal()).toBe('new');
    expect(await outcome.judge()).toMatchObject({
      accessTokenUsable: true,
      problems: [expect.stringMatching(/^expires_in/), expect.stringMatching(/^scope/)],
    });
  });

  it('never throws', () => {
    fc.assert(
      fc.property(
        fc.object({ key: fc.constantFrom('access_token', 'scope', 'expires_at') }),
        (json) => {
          takeTokenSet(json, START);
        },
      ),
    );
  });
});

function expectUsage(json: Record<string, unknown>, name: string): void {
  try {
    check(json);
  } catch (error) {
    expect(error).toMatchObject({ code: 'usage' });
    expect(error).not.toHaveProperty('cause');
    const message = (error as Error).message;
    expect(message).toMatch(new RegExp(`^${name} (is|must be) `));
    expect(message.length).toBeLessThan(200);
    expect(message).not.toMatch(/[\p{Cc}]/u);
    return;
  }
  expect.fail(`${name} was taken`);
}
