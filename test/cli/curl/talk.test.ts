import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { passTalk } from '../../../src/cli/curl/talk.ts';

/** What is said of this, cut into pieces; `held` is what is said only when it is released. */
const said = async (pieces: readonly string[], secrets: readonly string[], holds: boolean) => {
  const stderr = new PassThrough();
  let text = '';
  const talk = passTalk(stderr, secrets, holds, (more) => {
    text += more;
  });
  for (const piece of pieces) {
    stderr.write(piece);
    await new Promise(setImmediate);
  }
  stderr.end();
  await talk.ended;
  const before = text;
  talk.release();
  return { text, held: text.slice(before.length) };
};

const cut = (text: string, at: readonly number[]): string[] => {
  const places = [0, ...at.map((place) => place % (text.length + 1)), text.length];
  places.sort((one, other) => one - other);
  return places.slice(1).map((place, index) => text.slice(places[index], place));
};

describe('what curl says', () => {
  const pieces = fc.array(fc.nat(200), { maxLength: 8 });

  it('is passed on without the secrets, however it comes', async () => {
    const word = fc.constantFrom(
      '> A: ',
      'sesame',
      'ses',
      'same',
      'sesasesame',
      '\r\n',
      'eyJ.x.y',
      'e',
      ' 12 ',
    );
    await fc.assert(
      fc.asyncProperty(fc.array(word), pieces, async (words, at) => {
        const whole = words.join('');
        const { text } = await said(cut(whole, at), ['sesame', 'eyJ.x.y'], false);
        expect(text).toBe(whole.replaceAll(/sesame|eyJ\.x\.y/g, '[redacted]'));
      }),
      { numRuns: 300 },
    );
  });

  it('is passed on but for its last error, which is held back', async () => {
    const meter = '  % Total\r  0     0\r100     5\n';
    const error = 'curl: (22) The requested URL returned error: 401\n';
    await fc.assert(
      fc.asyncProperty(pieces, async (at) => {
        const { text, held } = await said(cut(meter + error, at), ['sesame'], true);
        expect([text, held]).toEqual([meter + error, error]);
      }),
      { numRuns: 200 },
    );
  });
});
