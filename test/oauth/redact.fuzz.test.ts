import fc from 'fast-check';
import { expect, it } from 'vitest';
import { redactor } from '../../src/oauth/redact.ts';
import { Secret } from '../../src/secret.ts';
import { inputs } from '../support/fuzz.ts';

const secret = fc.oneof(
  fc.stringMatching(/^[\x21-\x7e]{8,60}$/),
  fc.string({ unit: 'binary', minLength: 8, maxLength: 30 }),
  fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 8, maxLength: 40 }),
);

it('no eight characters of a secret in a row are left, as it is or as it travelled', () => {
  const told = fc.array(secret, { minLength: 1, maxLength: 3 }).chain((secrets) => {
    const forms = secrets.flatMap((value) => [
      value,
      travelled(value),
      value.slice(0, 9),
      value.slice(2),
    ]);
    const noise = fc.string({ unit: 'binary', maxLength: 6 });
    return fc.tuple(
      fc.constant(secrets),
      fc.array(fc.oneof(fc.constantFrom(...forms), noise), { maxLength: 8 }),
      fc.constantFrom('', ' ', '\u0000', '[redacted]'),
    );
  });
  fc.assert(
    fc.property(told, fc.constantFrom(40, 200, undefined), ([secrets, parts, between], length) => {
      const redacted = redactor(secrets.map((value) => new Secret(value)))(
        parts.join(between),
        length,
      );
      expect(redacted.length).toBeLessThanOrEqual((length ?? 200) + 1);
      expect(redacted).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u);
      const left = redacted.split(/\[redacted\]|…/);
      for (const form of secrets.flatMap((value) => [value, travelled(value)])) {
        for (let at = 0; at + 8 <= form.length; at += 1) {
          const part = form.slice(at, at + 8);
          expect(left.some((piece) => piece.includes(part))).toBe(false);
        }
      }
    }),
    inputs('redaction'),
  );
});

function travelled(value: string): string {
  return new URLSearchParams({ s: value }).toString().slice(2);
}
