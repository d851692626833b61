import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { classifyTokenResponse, type TokenAnswer } from '../../src/oauth/classify.ts';
import { Secret } from '../../src/secret.ts';
import { inputs, pathological } from '../support/fuzz.ts';
import { rounds } from '../support/login.ts';
import { within } from '../support/within.ts';
import { everythingIn, verdictIn } from './answers.ts';

const token = fc.stringMatching(/^[\x21-\x7e]{16,80}$/);
const status = fc.oneof(
  fc.constantFrom(200, 200, 400, 401, 403, 429, 503),
  fc.integer({ min: -1, max: 1000 }),
);
/** Values with the sent token in them, as a server could echo it. */
const echoing = (sent: string) => {
  const text = fc
    .array(
      fc.oneof(
        fc.string(),
        fc.constantFrom(sent, sent.slice(3), sent.slice(0, 12), '\u0000', '\n', 'invalid_grant'),
      ),
      { maxLength: 8 },
    )
    .map((parts) => parts.join(''));
  const value = fc.oneof(text, fc.jsonValue({ stringUnit: 'grapheme' }));
  const member = fc.constantFrom(
    ...['error', 'error_description', 'error_codes', 'error_code', 'code', 'message', 'msg', 'ok'],
    ...['access_token', 'refresh_token', 'id_token', 'token_type', 'expires_in', 'scope'],
    ...['__proto__', 'constructor'],
  );
  const object = fc.dictionary(member, fc.oneof(value, fc.dictionary(member, value)));
  return fc.oneof(
    { weight: 4, arbitrary: object.map((members) => JSON.stringify(members)) },
    { weight: 1, arbitrary: text },
    { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
    {
      weight: 1,
      arbitrary: fc.tuple(object, fc.nat()).map(([members, length]) => {
        const json = JSON.stringify(members);
        return json.slice(0, length % (json.length + 1));
      }),
    },
    {
      weight: 1,
      arbitrary: fc
        .dictionary(member, text)
        .map((members) => new URLSearchParams(members).toString()),
    },
  );
};
const headers = fc.record(
  {
    'content-type': fc.oneof(
      fc.constantFrom('application/json', 'application/x-www-form-urlencoded', 'text/html'),
      fc.string(),
    ),
    'retry-after': fc.oneof(fc.string(), fc.nat().map(String), fc.date().map(String)),
  },
  { requiredKeys: [] },
);
const answer: fc.Arbitrary<[string, TokenAnswer]> = token.chain((sent) =>
  fc
    .record({
      status,
      headers: headers as fc.Arbitrary<Record<string, string>>,
      body: echoing(sent),
      truncated: fc.boolean(),
      now: fc.nat(),
      sent: fc.constant([new Secret(sent)]),
    })
    .map((value): [string, TokenAnswer] => [sent, value]),
);

describe('classifyTokenResponse, given anything at all', () => {
  it('never throws, never leaks the refresh token, and says little', () => {
    fc.assert(
      fc.property(answer, ([sent, value]) => {
        const result = classifyTokenResponse(value);
        const { tokens: _, ...said } = { tokens: null, ...result };
        expect(everythingIn(said)).not.toContain(sent);
        expect(everythingIn(said)).not.toContain(sent.slice(0, 8));
        expect(everythingIn(said).length).toBeLessThan(3000);
        if (result.kind !== 'granted') {
          const text = `${result.error}${result.description}`;
          expect(text).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/);
          expect(result.error).not.toBe('');
          expect(text.length).toBeLessThan(300);
        }
        if (result.kind === 'unavailable' && result.retryAfterMs !== null) {
          expect(result.retryAfterMs).toBeGreaterThanOrEqual(0);
          expect(result.retryAfterMs).toBeLessThanOrEqual(3_600_000);
        }
      }),
      inputs('token response'),
    );
  });

  it.each(Object.entries(pathological(rounds(2 ** 17, 2 ** 20))))(
    'comes to an end, given up to a megabyte of this: %s',
    (_what, text) => {
      const members = {
        error: text,
        error_description: text,
        access_token: text.slice(0, text.length / 2),
      };
      for (const body of [text, JSON.stringify(members), `{"error_codes":${text}}`]) {
        for (const code of [200, 400]) {
          const result = within(20_000, () =>
            classifyTokenResponse({
              status: code,
              headers: { 'content-type': 'application/x-www-form-urlencoded' },
              body,
              truncated: false,
              now: 0,
              sent: [new Secret(text)],
            }),
          );
          const { tokens: _, ...said } = { tokens: null, ...result };
          expect(everythingIn(said).length).toBeLessThan(3000);
        }
      }
    },
  );

  it('never kills a token by a status with which no authorization server refuses', () => {
    fc.assert(
      fc.property(answer, ([, value]) => {
        const speaks =
          [400, 401, 403].includes(value.status) || Math.floor(value.status / 100) === 2;
        const verdict = verdictIn(classifyTokenResponse(value));
        expect(speaks || verdict === 'answered').toBe(true);
        expect(value.truncated && ['dead', 'granted'].includes(verdict)).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });

  it('finds a new refresh token in every 2xx object, whatever surrounds it', () => {
    const surroundings = fc.dictionary(
      fc.constantFrom(
        'access_token',
        'token_type',
        'expires_in',
        'scope',
        'id_token',
        'error',
        'ok',
      ),
      fc.jsonValue(),
    );
    fc.assert(
      fc.property(token, surroundings, fc.integer({ min: 200, max: 299 }), (fresh, rest, code) => {
        const result = classifyTokenResponse({
          status: code,
          headers: {},
          body: JSON.stringify({ ...rest, refresh_token: fresh }),
          truncated: false,
          now: 0,
          sent: [new Secret('another refresh token')],
        });
        expect(result.kind === 'granted' && result.tokens.refreshToken?.reveal()).toBe(fresh);
      }),
      { numRuns: 1000 },
    );
  });
});
