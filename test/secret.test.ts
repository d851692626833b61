import { Console } from 'node:console';
import { Writable } from 'node:stream';
import { format, inspect } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenctlError } from '../src/errors.ts';
import { Secret, shortFingerprint } from '../src/secret.ts';

const VALUE = 'gho_the-value-itself';
const secret = new Secret(VALUE);

/** Every way in which a value finds its way into text without anybody asking for it. */
const LEAKS: Readonly<Record<string, (value: unknown) => unknown>> = {
  'String()': String,
  'a template literal': (value) => `${value}`,
  'string concatenation': (value) => `x${value as string}`,
  'Array.join': (value) => [value, value].join(' '),
  'toLocaleString()': (value) => Object(value).toLocaleString(),
  'JSON.stringify': (value) => JSON.stringify({ value, list: [value], map: { value } }),
  'util.inspect': (value) => inspect({ value, list: [value] }, { depth: null }),
  'util.inspect of everything hidden': (value) =>
    inspect(value, { showHidden: true, customInspect: false, getters: true, depth: null }),
  'util.format': (value) => format('%s %o %O %j %d', value, value, value, value, value),
  'console.log': (value) => throughConsole((console) => console.log(value, { value })),
  'console.error': (value) => throughConsole((console) => console.error('x', value)),
  'console.dir': (value) => throughConsole((console) => console.dir(value, { showHidden: true })),
  'console.table': (value) => throughConsole((console) => console.table([{ value }])),
  'an error message': (value) => everythingOf(new Error(`failed with ${value}`)),
  "an error's cause": (value) => everythingOf(new Error('failed', { cause: { value } })),
  'a TokenctlError': (value) =>
    everythingOf(new TokenctlError('refused', `failed with ${value}`, { cause: value })),
  structuredClone: (value) => inspect(structuredClone(value), { showHidden: true }),
  'v8.serialize': (value) => inspect(deserialize(serialize(value))) + serialize(value).toString(),
  'Object.entries': (value) => JSON.stringify(Object.entries(value as object)),
  'Object.getOwnPropertyDescriptors': (value) =>
    inspect(Object.getOwnPropertyDescriptors(value), { customInspect: false }),
  'Reflect.ownKeys': (value) => Reflect.ownKeys(value as object).join(),
  'a spread': (value) => inspect({ ...(value as object) }, { customInspect: false }),
  'Object.assign': (value) => JSON.stringify(Object.assign({}, value)),
  'URLSearchParams and encodeURIComponent': (value) =>
    new URLSearchParams({ value: value as string }).toString() +
    encodeURIComponent(value as string),
  'a number': (value) => String(Number(value)),
};

describe('a secret is not printed by', () => {
  it.each(Object.entries(LEAKS))('%s', (_how, leak) => {
    expect(String(leak(secret))).not.toContain(VALUE);
  });
});

it('prints as [redacted]', () => {
  expect([`${secret}`, JSON.stringify(secret), inspect(secret)]).toEqual([
    '[redacted]',
    '"[redacted]"',
    '[redacted]',
  ]);
});

it('is given away by reveal alone', () => {
  expect(secret.reveal()).toBe(VALUE);
});

it('equals a secret of the same value, and nothing else', () => {
  expect(secret.equals(new Secret(VALUE))).toBe(true);
  expect(secret.equals(new Secret(`${VALUE} `))).toBe(false);
  expect(secret.equals(null)).toBe(false);
  expect(secret.equals(undefined)).toBe(false);
});

it('has a fingerprint that tells values apart and holds no part of them', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 8 }), fc.string({ minLength: 8 }), (a, b) => {
      const [one, other] = [new Secret(a), new Secret(b)];
      expect(one.fingerprint() === other.fingerprint()).toBe(one.equals(other));
      expect(one.fingerprint()).toMatch(/^[0-9a-f]{64}$/);
      expect(shortFingerprint(one)).toBe(one.fingerprint().slice(0, 12));
    }),
  );
  expect(shortFingerprint(null)).toBeNull();
});

/** All that a crash report or a log could show of an error. */
function everythingOf(error: Error): string {
  return [
    String(error),
    error.stack,
    JSON.stringify(error),
    JSON.stringify({ ...error, message: error.message, cause: error.cause }),
    inspect(error, { showHidden: true, depth: null }),
  ].join('\n');
}

function throughConsole(talk: (console: Console) => void): string {
  let text = '';
  const stream = new Writable({
    write: (chunk, _encoding, done) => {
      text += chunk;
      done();
    },
  });
  talk(new Console(stream));
  return text;
}
