import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LightHeaders, LightResponse } from '../../src/cli/light-fetch.ts';

const names = fc.constantFrom('Accept', 'accept', 'User-Agent', 'authorization', 'x-1');
const values = fc.stringMatching(/^[!-~]([ -~]{0,8}[!-~])?$/);

describe('the headers of a token request', () => {
  it('behave like those of the Fetch API', () => {
    fc.assert(
      fc.property(
        fc.dictionary(names, values),
        fc.array(fc.tuple(names, values)),
        (given, changes) => {
          // A name in two spellings is joined by the one and replaced by the other; nobody does that.
          fc.pre(new Set(Object.keys(given).map(lower)).size === Object.keys(given).length);
          const real = new Headers(given);
          const light = new LightHeaders(given);
          for (const [name, value] of changes) {
            real.set(name, value);
            light.set(name, value);
            expect([light.has(name), light.get(name)]).toEqual([real.has(name), real.get(name)]);
          }
          expect([...light.entries()].sort()).toEqual([...real.entries()].sort());
          expect(Object.prototype.toString.call(light)).toBe(Object.prototype.toString.call(real));
          expect(light.has('absent')).toBe(false);
          expect(light.get('absent')).toBeNull();
        },
      ),
    );
  });
});

describe('an answer that is checked', () => {
  it('behaves like that of the Fetch API', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (value) => {
        const init = { headers: { 'Content-Type': 'application/json' } };
        const real = new Response(JSON.stringify(value), init);
        const light = new LightResponse(JSON.stringify(value), init);
        expect(light.status).toBe(real.status);
        expect(light.headers.get('content-type')).toBe(real.headers.get('content-type'));
        expect(light.bodyUsed).toBe(real.bodyUsed);
        expect(await light.json()).toEqual(await real.json());
        expect(light.bodyUsed).toBe(real.bodyUsed);
      }),
    );
    await expect(new LightResponse('{').json()).rejects.toThrow(SyntaxError);
  });
});

function lower(name: string): string {
  return name.toLowerCase();
}
