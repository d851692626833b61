import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TokenctlError } from '../../src/errors.ts';
import { type Entry, type Rewired, type Rewiring, rewire } from '../../src/setup/wire.ts';
import { inputs } from '../support/fuzz.ts';
import { KINDS, type Kind } from './configurations.ts';

const entry = (want: Entry['want']): Omit<Entry, 'edit'> => ({
  ...{ tool: 'x', file: 'y', hosts: [want.slot], want },
});

const rewired = (
  { format }: Kind,
  text: string,
  { entries = [], dropped = [], added = [] }: Partial<Rewiring>,
): Extract<Rewired, { kind: 'rewired' }> | null => {
  const result = rewire(format, text, { entries, dropped, added });
  return result.kind === 'rewired' ? result : null;
};

/** As it is read from a file: git's is bytes. */
const asRead = ({ format }: Kind, text: string): string =>
  format.encoding === 'latin1' ? Buffer.from(text).toString('latin1') : text;

/** A context can be given a user only where there is one. */
const wantsFor = ({ format, wants }: Kind, text: string): Entry['want'][] => {
  const data = format.parse(text);
  return wants.filter(
    (want) =>
      !format.isDone(data, want) && (!want.slot.startsWith('context') || text.includes('ours')),
  );
};

describe.each(Object.entries(KINDS))(
  'a configuration of %s, however it is written,',
  (name, kind) => {
    const { format } = kind;
    const runs = { numRuns: Math.ceil(inputs('configuration').numRuns / (name === 'git' ? 8 : 1)) };
    const files = kind.text.map((text) => asRead(kind, text));

    test('gets what is wanted and keeps all else, and the undo gives every byte back', () => {
      let written = 0;
      let byHand = 0;
      fc.assert(
        fc.property(files, fc.nat(2), (text, one) => {
          const wants = wantsFor(kind, text);
          const result = rewired(kind, text, { added: wants.map(entry) });
          if (result === null) {
            byHand += 1;
            return;
          }
          written += 1;
          const data = format.parse(result.text);
          expect(wants.every((want) => format.isDone(data, want))).toBe(true);
          const expected = wants.reduce(
            (before, want) => format.apply(before, want),
            format.parse(text),
          );
          expect(format.same(data, expected)).toBe(true);
          const { entries } = result;
          const all = rewired(kind, result.text, { entries, dropped: entries });
          expect([all?.text, all?.stuck, all?.entries]).toEqual([text, [], []]);
          // One of them, and then the rest.
          const dropped = entries.slice(one, one + 1);
          const partly = rewired(kind, result.text, { entries, dropped });
          const rest = partly?.entries ?? [];
          expect(rest).toHaveLength(entries.length - dropped.length);
          const none = rewired(kind, partly?.text ?? '', { entries: rest, dropped: rest });
          expect(none?.text).toBe(text);
        }),
        runs,
      );
      // Nothing is left to a person but what could not be told apart.
      expect([byHand, written > 0]).toEqual([0, true]);
    });

    test('keeps what a person adds meanwhile', () => {
      fc.assert(
        fc.property(files, (before) => {
          const text = before === '' || before.endsWith('\n') ? before : `${before}\n`;
          const wants = wantsFor(kind, text);
          const result = rewired(kind, text, { added: wants.map(entry) });
          const { entries = [] } = result ?? {};
          const addition = kind.addition;
          const now = (result?.text ?? text) + addition;
          const undone = rewired(kind, now, { entries, dropped: entries });
          expect([undone?.text, undone?.stuck]).toEqual([text + addition, []]);
        }),
        runs,
      );
    });

    test.each(kind.tangled)(
      'is left to a person where something else would change too: %j',
      (text) => {
        const [first, second] = kind.wants;
        for (const want of name === 'kubectl' ? [first, second] : [first]) {
          const added = want === undefined ? [] : [entry(want)];
          const result = rewire(format, text, { entries: [], dropped: [], added });
          if (result.kind === 'by-hand') {
            expect(result.lines).toMatch(/tokenctl[\s\S]*\n$/);
            return;
          }
        }
        expect.unreachable('it was written');
      },
    );

    test.each(kind.garbage)('is refused if it is none, with nothing of it: %j', (text) => {
      const attempt = () => rewired(kind, text, { added: kind.wants.map(entry) });
      expect(attempt).toThrow(TokenctlError);
      expect(attempt).toThrow(/^(is|has) |git cannot read it/);
    });

    test('is changed by the check and by nothing else, whatever stands there', () => {
      fc.assert(
        fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' }), broken(files)), (text) => {
          try {
            const wants = wantsFor(kind, asRead(kind, text));
            const result = rewired(kind, asRead(kind, text), { added: wants.map(entry) });
            if (result !== null) {
              const { entries } = result;
              const undone = rewired(kind, result.text, { entries, dropped: entries });
              expect(undone?.text).toBe(asRead(kind, text));
            }
          } catch (error) {
            expect(error).toBeInstanceOf(TokenctlError);
          }
        }),
        runs,
      );
    });
  },
);

/** A part of it gone. */
const broken = (files: fc.Arbitrary<string>): fc.Arbitrary<string> =>
  fc.tuple(files, fc.nat(), fc.nat(6)).map(([text, at, length]) => {
    const start = at % (text.length + 1);
    return text.slice(0, start) + text.slice(start + length);
  });
