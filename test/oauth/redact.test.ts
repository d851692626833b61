import { expect, it } from 'vitest';
import { redactor } from '../../src/oauth/redact.ts';
import { Secret } from '../../src/secret.ts';

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

it.each([65_536, 1_048_576])(
  'takes out a secret of %i characters, for which no regular expression is made',
  (length) => {
    const secret = 'a-long-secret-'.repeat(length / 14 + 1).slice(0, length);
    const redact = redactor([new Secret(secret), new Secret('another')]);
    expect(redact(`before ${secret} after another`)).toBe('before [redacted] after [redacted]');
  },
);

it('leaves nothing of a secret that another one is part of', () => {
  const redact = redactor([new Secret('inner'), new Secret('outer-inner-outer')]);
  expect(redact('an outer-inner-outer and an inner')).toBe('an [redacted] and an [redacted]');
  expect(redactor([new Secret('ab[redacted]cd')])('ab[redacted]cd')).toBe('[redacted]');
});
