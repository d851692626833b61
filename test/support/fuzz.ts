import { inspect } from 'node:util';
import fc from 'fast-check';
import { expect } from 'vitest';
import { rounds } from './login.ts';

/** Generated inputs for each target: in daily work, and where everything is asked for (.ci/run). */
const INPUTS = {
  record: [1500, 30_000],
  'damaged record': [500, 10_000],
  import: [1500, 20_000],
  'token set': [1000, 10_000],
  'token response': [1500, 25_000],
  'granted tokens': [300, 4000],
  redaction: [500, 10_000],
  'retry-after': [1000, 10_000],
  endpoint: [1000, 10_000],
  duration: [1000, 5000],
  name: [1000, 10_000],
  host: [2000, 30_000],
  protocol: [1000, 15_000],
  'lock directory': [300, 3000],
  configuration: [400, 5000],
} as const satisfies Record<string, readonly [few: number, all: number]>;

export const inputs = (target: keyof typeof INPUTS): { numRuns: number } => {
  const [few, all] = INPUTS[target];
  return { numRuns: rounds(few, all) };
};

export const ALL_INPUTS = Object.values(INPUTS).reduce((sum, [, all]) => sum + all, 0);

/** Planted wherever a secret could be; no text of ours has eight of its characters in a row. */
export const PLANTED = 'Zq9xSECRET71mKpLw83VbNc02RtYuE55HgJdXa4Zq';
/** The same with characters that change on the way. */
export const PLANTED_ODD = 'Yk8/SECRET+2w Q%3D&éø"\\Vb';

/** Everything of a value that a log, a crash report or `--json` could show: it holds no part of a secret. */
export const expectNoSecret = (value: unknown): void => {
  const shown = `${inspect(value, { depth: 20, showHidden: true, maxStringLength: null })}${JSON.stringify(value)}`;
  for (const secret of [PLANTED, PLANTED_ODD]) {
    for (const part of [secret.slice(0, 8), secret.slice(-8), secret.slice(4, 12)]) {
      expect(shown).not.toContain(part);
    }
  }
};

/** Text as an attacker or a broken program would have it, often with a secret in it. */
export const hostileText: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.constantFrom(PLANTED, PLANTED_ODD),
  fc.constantFrom(
    ...['', ' ', '__proto__', 'constructor', 'toString', 'hasOwnProperty', 'null', 'NaN', '-0'],
    ...['1e999', '-1', '0x10', '9'.repeat(400), '../../etc/passwd', 'file:///etc/passwd'],
    ...['https://id.example.com/token', 'http://127.0.0.1/x', 'http://evil.example.com/x'],
    ...['\u0000', '\r\nX: y', '\u001b[2J', '\u2028', '\u202e', '\ud800', '\ufeff', '拒否'],
  ),
  fc
    .array(fc.oneof(fc.string({ unit: 'binary', maxLength: 8 }), fc.constant(PLANTED)), {
      maxLength: 4,
    })
    .map((parts) => parts.join('')),
);

/** What JSON can say, and what it cannot: as a program that uses the library may hand it over. */
export const hostileValue: fc.Arbitrary<unknown> = fc.oneof(
  { weight: 4, arbitrary: hostileText },
  {
    weight: 2,
    arbitrary: fc.constantFrom<unknown>(
      ...[null, undefined, true, 0, -0, -1, 1.5, 2 ** 53, 1e308, -1e308, 5e-324],
      ...[Number.NaN, Number.POSITIVE_INFINITY, [], {}, [[[[]]]], { toString: 1 }, [PLANTED]],
      ...[{ [PLANTED]: PLANTED }, { toString: () => PLANTED }, 10n, Symbol('s'), () => PLANTED],
    ),
  },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
);

/** Members in any number and order; names that JavaScript treats specially are names like any other. */
export const hostileMembers = (names: readonly string[]): fc.Arbitrary<Record<string, unknown>> =>
  fc
    .array(fc.tuple(fc.constantFrom(...names, '__proto__', 'constructor', 'x'), hostileValue), {
      maxLength: 6,
    })
    .map((entries) => Object.fromEntries(entries));

/** A text with something done to it that a disk, an editor or an attacker does. */
export const mutated = (text: string): fc.Arbitrary<string> => {
  const place = fc.nat(text.length);
  const lines = text.split('\n');
  return fc.oneof(
    place.map((end) => text.slice(0, end)),
    place.map((start) => text.slice(start)),
    fc.tuple(place, hostileText).map(([at, put]) => text.slice(0, at) + put + text.slice(at)),
    fc.tuple(place, place).map(([from, to]) => text.slice(0, from) + text.slice(to)),
    fc
      .tuple(place, fc.nat(0xffff))
      .map(([at, code]) => text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1)),
    // A member twice, the second with another one's value or with an absurd one.
    fc
      .tuple(fc.nat(lines.length - 1), fc.nat(lines.length - 1))
      .map(([from, to]) => lines.toSpliced(to, 0, lines[from] ?? '').join('\n')),
    fc
      .tuple(fc.nat(lines.length - 1), hostileValue.map(asJson))
      .map(([at, value]) =>
        lines.toSpliced(at, 1, (lines[at] ?? '').replace(/:.*?(,?)$/, `:${value}$1`)).join('\n'),
      ),
    fc
      .tuple(fc.constantFrom('1e999', '-1', '0.1', '9'.repeat(30), '1e308', '2e15'), fc.nat(40))
      .map(([number, nth]) => {
        let seen = 0;
        return text.replace(/(?<=[:,])\d+/g, (digits) => {
          seen += 1;
          return seen === nth ? number : digits;
        });
      }),
  );
};

const asJson = (value: unknown): string => {
  try {
    return JSON.stringify(value) ?? 'undefined';
  } catch {
    return 'undefined';
  }
};

/** Large, and each built to make some parser or pattern take ever so long. */
export const pathological = (length: number): Readonly<Record<string, string>> => {
  const fill = (unit: string) => unit.repeat(Math.ceil(length / unit.length)).slice(0, length);
  const half = Math.floor(length / 2);
  return {
    spaces: fill(' '),
    'lines without end': fill('\n'),
    'byte order marks': fill('\ufeff'),
    digits: fill('1'),
    dots: fill('1.'),
    letters: fill('a'),
    escapes: `"${fill('\\u0000')}`,
    'one string': JSON.stringify(fill('a')),
    'open brackets': fill('['),
    'open objects': fill('{"a":'),
    'deep lists': '['.repeat(half) + ']'.repeat(half),
    'many empty lists': `[${fill('[],')}[]]`,
    'one member again and again': `{${fill('"a":1,')}"a":1}`,
    'many members': `{${Array.from({ length: length / 12 }, (_, at) => `"k${at}":1`).join(',')}}`,
    'an end that does not come': fill('"checksum":"'),
    'ends that are none': fill(`"checksum":"${'a'.repeat(64)}"} \n`),
    slashes: `https://${fill('/../')}`,
    'a long host': `https://${fill('a.')}`,
    escaped: `https://id.example.com/${fill('%2')}`,
    days: `Sun, ${fill('06 Nov ')}`,
  };
};
