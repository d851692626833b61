import fc from 'fast-check';
import { expect, it } from 'vitest';
import { TokenctlError } from '../src/errors.ts';
import { type CheckedTokens, checkTokenSet, takeTokenSet } from '../src/token-set.ts';
import { expectNoSecret, hostileMembers, inputs, PLANTED, pathological } from './support/fuzz.ts';
import { rounds } from './support/login.ts';
import { START } from './support/records.ts';
import { within } from './support/within.ts';

const MEMBERS = [
  ...[
    'access_token',
    'refresh_token',
    'id_token',
    'token_type',
    'expires_in',
    'expires_at',
    'scope',
  ],
];

it('is checked or refused, and what is wrong never costs the refresh token beside it', () => {
  let checked = 0;
  fc.assert(
    fc.property(hostileMembers(MEMBERS), (members) => {
      try {
        expectSound(checkTokenSet(members, START));
        checked += 1;
      } catch (error) {
        expectUsage(error);
      }
      const { tokens, problems } = takeTokenSet({ ...members, refresh_token: PLANTED }, START);
      expect(tokens.refreshToken?.reveal()).toBe(PLANTED);
      expectSound(tokens);
      expectNoSecret(problems);
    }),
    inputs('token set'),
  );
  expect(checked).toBeGreaterThan(inputs('token set').numRuns / 20);
});

it.each(Object.entries(pathological(rounds(2 ** 18, 2 ** 21))))(
  'comes to an end, given megabytes of this in any member: %s',
  (_what, text) => {
    for (const name of MEMBERS) {
      const { problems } = within(20_000, () => takeTokenSet({ [name]: text }, START));
      expect(problems.join().length).toBeLessThan(300);
    }
  },
);

/** What breaks no header and no line protocol, and is a date. */
function expectSound({ accessToken, idToken, tokenType, scope, lifetime }: CheckedTokens): void {
  for (const token of [accessToken?.reveal(), idToken?.reveal()]) {
    expect(token ?? 'none').toMatch(/^[\x21-\x7e]{1,65536}$/);
  }
  expect(tokenType).toMatch(/^[\w.~-]{1,64}$/);
  expect(scope ?? '').not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}]/u);
  expect(lifetime ?? 0).toBeGreaterThanOrEqual(0);
  expect(() => new Date(START.epochMs + (lifetime ?? 0) * 1000).toISOString()).not.toThrow();
}

function expectUsage(error: unknown): void {
  expect(error).toBeInstanceOf(TokenctlError);
  expect(error).toMatchObject({ code: 'usage' });
  expect(error).not.toHaveProperty('cause');
  expectNoSecret(error);
}
