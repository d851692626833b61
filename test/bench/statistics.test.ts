import { describe, expect, it } from 'vitest';
import { median, ratioOf, spreadOf } from '../../bench/statistics.ts';

describe('the median', () => {
  it('is the middle value, whatever the order and however far the others are', () => {
    expect(median([3, 1, 1000])).toBe(3);
  });

  it('is halfway between the two in the middle', () => {
    expect(median([4, 1, 2, 3])).toBe(2.5);
  });

  it('leaves its values as they were', () => {
    const values = [3, 1, 2];
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });

  it('of nothing is not a number', () => {
    expect(median([])).toBeNaN();
  });
});

describe('a spread', () => {
  it('is the median and the quartiles', () => {
    expect(spreadOf([1, 2, 3, 4, 5])).toEqual({ low: 2, median: 3, high: 4 });
  });
});

describe('a ratio', () => {
  it('is taken pair by pair, so that a slow spell counts for both', () => {
    // Of the medians it would be 20 / 2.
    expect(ratioOf([2, 20, 200], [1, 10, 2]).median).toBe(2);
  });

  it('is refused for what are not pairs', () => {
    expect(() => ratioOf([1, 2], [1])).toThrow(RangeError);
  });
});
