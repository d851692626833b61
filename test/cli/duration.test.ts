import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatDuration, parseDuration } from '../../src/cli/duration.ts';

describe('parseDuration', () => {
  it.each([
    ['90s', 90_000],
    ['10m', 600_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['250ms', 250],
    ['0s', 0],
    ['007m', 420_000],
  ])('reads %s', (text, ms) => {
    expect(parseDuration(text, '--timeout')).toBe(ms);
  });

  it.each([
    ...['', ' ', '10', 's', '10 m', ' 10m', '10m ', '10m\n', '-1s', '+1s', '1.5h', '1e3s', '0x1s'],
    ...['10M', '10min', '1h30m', 'Infinitys', 'NaNs', '١s', '1constructor', '1__proto__'],
    '9'.repeat(13).concat('s'),
  ])('refuses %j, naming the option', (text) => {
    expect(() => parseDuration(text, '--min-ttl')).toThrow(
      expect.objectContaining({
        code: 'usage',
        message: '--min-ttl takes a duration like 90s, 10m, 2h or 1d',
      }),
    );
  });

  it('never gives more than a date can bear', () => {
    const longest = parseDuration('999999999999d', '--timeout');
    expect(longest).toBe(10 * 365 * 86_400_000);
    expect(Number.isNaN(new Date(Date.now() + longest).getTime())).toBe(false);
  });

  it('gives a whole, finite number of milliseconds or a usage error for any text', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...'0189smhd') })),
        (text) => {
          try {
            const ms = parseDuration(text, '--timeout');
            expect(Number.isSafeInteger(ms) && ms >= 0).toBe(true);
          } catch (error) {
            expect(error).toMatchObject({ code: 'usage' });
          }
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('formatDuration', () => {
  it.each([
    [0, '0s'],
    [999, '0s'],
    [42_000, '42s'],
    [59_999, '59s'],
    [60_000, '1m'],
    [12 * 60_000 + 59_000, '12m'],
    [3_600_000, '1h'],
    [3 * 3_600_000 + 5 * 60_000, '3h 5m'],
    [47 * 3_600_000 + 59 * 60_000, '47h 59m'],
    [48 * 3_600_000, '2d'],
    [12.9 * 86_400_000, '12d'],
    [-1, '0s'],
    [-86_400_000, '0s'],
  ])('writes %j ms as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});
