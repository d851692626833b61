/** The middle half of what was measured: on a shared machine, means and extremes tell of the others. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
}

export const spreadOf = (values: readonly number[]): Spread => ({
  median: quantile(values, 0.5),
  low: quantile(values, 0.25),
  high: quantile(values, 0.75),
});

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/**
 * How many times as much, pair by pair: each value with the base that was measured right before it,
 * so that what slows the machine for a while slows both.
 */
export const ratioOf = (values: readonly number[], bases: readonly number[]): Spread => {
  if (values.length !== bases.length) {
    throw new RangeError(`${values.length} values and ${bases.length} bases are no pairs`);
  }
  return spreadOf(values.map((value, index) => value / (bases[index] ?? Number.NaN)));
};

/** Between two neighbours, in proportion. */
const quantile = (values: readonly number[], fraction: number): number => {
  const sorted = [...values].sort((a, b) => a - b);
  const place = (sorted.length - 1) * fraction;
  const below = sorted[Math.floor(place)] ?? Number.NaN;
  const above = sorted[Math.ceil(place)] ?? Number.NaN;
  return below + (above - below) * (place - Math.floor(place));
};
