import type { Bench } from './bench.ts';
import type { Case } from './case.ts';
import type { Timing } from './results.ts';
import { type Loop, openLoop } from './shell-loop.ts';
import { ratioOf, spreadOf } from './statistics.ts';

/** Measures whole processes, the base and a case in turn, round by round: A B A C A D, A C A D A B … */
export const measure = async (
  bench: Bench,
  group: string,
  base: Case,
  cases: readonly Case[],
): Promise<Timing[]> => {
  if (cases.length === 0) {
    return [];
  }
  const { rounds, batchMs } = bench.effort;
  const baseSeries = await startSeries(base, batchMs);
  const series: Series[] = [];
  for (const one of cases) {
    series.push(await startSeries(one, batchMs));
  }
  for (let round = 0; round < rounds; round += 1) {
    bench.progress(`${group}: round ${round + 1} of ${rounds}`);
    // Never the same one first: whatever repeats in step with the rounds should hit all alike.
    for (const one of [...series.slice(round % series.length), ...series].slice(0, series.length)) {
      if (!isLong(one)) {
        one.bases.push(await sample(baseSeries));
        await sample(one);
      }
    }
  }
  bench.progress('');
  const all = [baseSeries, ...series];
  const timings = all.map((one) => timingOf(one, group, base.name));
  await Promise.all(all.map(({ loop }) => loop.end()));
  return timings;
};

interface Series {
  readonly one: Case;
  readonly loop: Loop;
  readonly times: number;
  readonly cpuBefore: number | null;
  /** Milliseconds of one run, and of the base's run right before it. */
  readonly samples: number[];
  readonly bases: number[];
  runs: number;
  failures: number;
}

const MAX_TIMES = 200;
const TRIALS = 5;

const startSeries = async (one: Case, batchMs: number): Promise<Series> => {
  const loop = openLoop(one.command);
  const trials: number[] = [];
  for (let trial = 0; trial < TRIALS; trial += 1) {
    trials.push((await loop.run(1)).wallMs);
  }
  // The shortest: on a busy machine the others tell of waiting, and the batches would be too small.
  const once = Math.min(...trials);
  const times = Math.max(1, Math.min(MAX_TIMES, Math.round(batchMs / once)));
  return {
    ...{ one, loop, times, cpuBefore: loop.cpuMs() },
    ...{ samples: [], bases: [], runs: 0, failures: 0 },
  };
};

/** Gives the milliseconds of one run. */
const sample = async (series: Series): Promise<number> => {
  const { wallMs, failures } = await series.loop.run(series.times);
  series.runs += series.times;
  series.failures += failures;
  const ms = wallMs / series.times;
  series.samples.push(ms);
  return ms;
};

/** What takes seconds need not be run as often as what takes a millisecond. */
const ENOUGH_MS = 15_000;
const FEWEST = 3;

const isLong = ({ samples, times }: Series): boolean =>
  samples.length >= FEWEST && samples.reduce((sum, ms) => sum + ms * times, 0) > ENOUGH_MS;

const ITSELF = { median: 1, low: 1, high: 1 };

const timingOf = (series: Series, group: string, base: string): Timing => {
  const { one, loop, cpuBefore, samples, bases, runs, failures } = series;
  const cpuAfter = loop.cpuMs();
  return {
    ...{ group, name: one.name, by: one.by },
    wallMs: spreadOf(samples),
    cpuMs: cpuBefore === null || cpuAfter === null ? null : (cpuAfter - cpuBefore) / runs,
    base,
    ratio: bases.length === 0 ? ITSELF : ratioOf(samples, bases),
    ...{ runs, failures, note: one.note ?? null },
  };
};
