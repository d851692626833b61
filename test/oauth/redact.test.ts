import { expect, it } from 'vitest';
import { redactor } from '../../src/oauth/redact.ts';
import { Secret } from '../../src/secret.ts';
import { within } from '../support/within.ts';

it('takes out every secret, as it is and as it travelled', () => {
  const redact = redactor([new Secret('tok+en/1'), new Secret('client secret')]);
  expect(redact('got tok+en/1, tok%2Ben%2F1 and client+secret')).toBe(
    'got [redacted], [redacted] and [redacted]',
  );
});

it('does not search again what it put in', () => {
  const redact = redactor([new Secret('long-token'), new Secret('acted')]);
  expect(redact('long-token acted')).toBe('[redacted] [redacted]');
});

it('makes no holes into words for the sake of something that short', () => {
  expect(redactor([new Secret('r')])('getaddrinfo failed')).toBe('getaddrinfo failed');
});

it.each([65_536, 1_048_576])('takes out a secret of %i characters', (length) => {
  const secret = 'a-long-secret-'.repeat(length / 14 + 1).slice(0, length);
  const redact = redactor([new Secret(secret), new Secret('another')]);
  expect(redact(`another before ${secret} after`)).toBe('[redacted] before [redacted]…');
});

it('takes out what is left of a secret that was cut short, at either end', () => {
  const redact = redactor([new Secret('0123456789abcdef'), new Secret('p q/r+s=t u')]);
  expect(redact('0123456789… is old, …89abcdef as well')).toBe(
    '[redacted]… is old, …[redacted] as well',
  );
  expect(redact('(p+q%2Fr%2B')).toBe('([redacted]');
  expect(redact('only its 9abcdef')).toBe('only its 9abcdef');
});

it('takes out a secret that control characters hold apart, or that holds some', () => {
  const redact = redactor([new Secret('client secret'), new Secret('\u202eright\u202eto left')]);
  expect(redact('client\u0000secret, client\r\n\u001bsecret')).toBe('[redacted], [redacted]');
  expect(redact('x\u202eright\u202eto left y')).toBe('x [redacted] y');
});

const A = 'a'.repeat(300_000);
it.each([
  ['a hit nearly everywhere', `${A}${A}`, `${A}b${A}`],
  ['misses that come late', `${A}c`.repeat(3), `${A}`],
  [
    'a pattern that nearly repeats',
    'ab'.repeat(300_000),
    `${'ab'.repeat(9999)}c${'ab'.repeat(9999)}`,
  ],
])('is not made to search for minutes: %s', (_what, text, secret) => {
  expect(within(20_000, () => redactor([new Secret(secret)])(text))).toMatch(/^\[redacted\]…?$/);
});

it('leaves nothing of a secret that another one is part of', () => {
  const redact = redactor([new Secret('inner'), new Secret('outer-inner-outer')]);
  expect(redact('an outer-inner-outer and an inner')).toBe('an [redacted] and an [redacted]');
  expect(redactor([new Secret('ab[redacted]cd')])('ab[redacted]cd')).toBe('[redacted]');
});
