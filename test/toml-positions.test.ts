import fc from 'fast-check';
import { parse, stringify } from 'smol-toml';
import { describe, expect, it } from 'vitest';
import { TomlPositions } from '../src/toml-positions.ts';

const DOCUMENT = `# [not.a.table]
top = 1
"quoted key" = """
[not.a.table]
not_a_key = 1 \\"""
"""
list = [ # with ] in a comment
  "a]", [1, 2],
]
inline = { first = 1, second.part = { deep = '}' } }
a.b.c = '''x ''''

  [providers.acme]   # its own
  token_endpoint = "https://x/#y"
  when = 1979-05-27 07:32:00

[[providers.many]]
name = "one"
[[providers.many]]
[ providers . "with space" ]
'k' = 2
`;

const at = (line: number, column: number) => ({ line, column });

describe('the place of a key', () => {
  it.each([
    [['top'], at(2, 1)],
    [['quoted key'], at(3, 1)],
    [['list'], at(7, 1)],
    [['list', '0'], at(8, 3)],
    [['list', '1'], at(8, 9)],
    [['list', '1', '1'], at(8, 13)],
    [['list', '2'], at(7, 1)],
    [['inline'], at(10, 1)],
    [['inline', 'first'], at(10, 12)],
    [['inline', 'second'], at(10, 23)],
    [['inline', 'second', 'part'], at(10, 30)],
    [['inline', 'second', 'part', 'deep'], at(10, 39)],
    [['a', 'b', 'c'], at(11, 5)],
    [['providers'], at(13, 4)],
    [['providers', 'acme'], at(13, 14)],
    [['providers', 'acme', 'token_endpoint'], at(14, 3)],
    [['providers', 'acme', 'when'], at(15, 3)],
    [['providers', 'many', 'name'], at(18, 1)],
    [['providers', 'with space', 'k'], at(21, 1)],
  ])('%j is %j', (path, place) => {
    parse(DOCUMENT);
    expect(new TomlPositions(DOCUMENT).find(path)).toEqual(place);
  });

  it('of what is missing is the one above it', () => {
    const positions = new TomlPositions(DOCUMENT);
    expect(positions.find(['providers', 'acme', 'pkce'])).toEqual(at(13, 14));
    expect(positions.find(['nothing'])).toEqual(at(1, 1));
    expect(positions.find([])).toEqual(at(1, 1));
  });

  it('is not what a string or a comment says', () => {
    const positions = new TomlPositions(DOCUMENT);
    expect(positions.find(['not'])).toEqual(at(1, 1));
    expect(positions.find(['not_a_key'])).toEqual(at(1, 1));
  });
});

const keys = fc.oneof(
  fc.string({ minLength: 1, maxLength: 8, unit: fc.constantFrom(...'ab-_9') }),
  fc.string({ unit: 'grapheme', minLength: 0, maxLength: 6 }),
  fc.constantFrom('"', "'", 'a.b', '#', '[', '\\', '\n', '\u0001', ' '),
);
const { table } = fc.letrec<{ value: unknown; table: Record<string, unknown> }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.integer(),
    fc.boolean(),
    fc.string({ unit: 'grapheme' }),
    fc.constantFrom('"""', "'''", '#', ']', '}', '\\', 'a\nb = 1\n[c]', '""', "''''"),
    fc.array(fc.string({ maxLength: 5 }), { maxLength: 3 }),
    tie('table'),
  ),
  table: fc.dictionary(keys, tie('value'), { maxKeys: 5 }),
}));

it('is found for every item of a list on lines of their own', () => {
  const item = fc.oneof(
    fc.string({ unit: 'grapheme' }).filter((text) => !/[\p{Cc}]/u.test(text)),
    fc.constantFrom(']', ',', '#', '"', "'", '[', '\\'),
  );
  fc.assert(
    fc.property(fc.array(item, { maxLength: 6 }), (items) => {
      const text = `a = [ # ]\n${items.map((each) => `  ${JSON.stringify(each)},\n`).join('')}]\n`;
      const positions = new TomlPositions(text);
      for (const index of items.keys()) {
        expect(positions.find(['a', String(index)])).toEqual(at(index + 2, 3));
      }
    }),
  );
});

const paths = (value: unknown, path: readonly string[] = []): (readonly string[])[] =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? Object.entries(value).flatMap(([key, member]) => [
        [...path, key],
        ...paths(member, [...path, key]),
      ])
    : [];

it('is found for every key of every document, and that very key stands there', () => {
  fc.assert(
    fc.property(table, (document) => {
      const text = stringify(document);
      const read = parse(text);
      const lines = text.split('\n');
      const positions = new TomlPositions(text);
      for (const path of paths(read)) {
        const { line, column } = positions.find(path);
        const there = lines[line - 1]?.slice(column - 1) ?? '';
        const key = path.at(-1) ?? '';
        expect(there.startsWith(key) || /^["']/.test(there)).toBe(true);
        // Read as a document of its own, what stands there begins with that key.
        const [, written = ''] = /^("(?:[^"\\]|\\.)*"|'[^']*'|[\w-]+)/.exec(there) ?? [];
        expect(Object.keys(parse(`${written} = 1`))).toEqual([key]);
      }
    }),
    { numRuns: 300 },
  );
});

it('is looked for in anything without getting stuck', () => {
  const pieces = fc.constantFrom(...'[]{}"\'=.,#\\\n \ta1'.split(''), '"""', "'''", '[[', 'é');
  fc.assert(
    fc.property(fc.array(pieces, { maxLength: 60 }), (parts) => {
      expect(new TomlPositions(parts.join('')).find(['a']).line).toBeGreaterThan(0);
    }),
    { numRuns: 500 },
  );
});
