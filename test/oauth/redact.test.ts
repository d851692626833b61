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
