import { BURST, CALL, LIBRARY, MEMORY } from './names.ts';
import { type Burst, type Results, rowOf, type Timing } from './results.ts';
import type { Spread } from './statistics.ts';
import { type Target, targetsOf } from './targets.ts';

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** One table for each group that was measured. */
export const tablesOf = (results: Results): Table[] => {
  const targets = targetsOf(results);
  const groups = [...new Set(results.timings.map(({ group }) => group))];
  const tables = [
    ...groups.map((group) => timingTable(group, results.timings, targets)),
    burstTable(results.bursts, targets),
    libraryTable(results, targets),
    memoryTable(results),
  ];
  return tables.filter(({ rows }) => rows.length > 0);
};

const timingTable = (group: string, all: readonly Timing[], targets: readonly Target[]): Table => {
  const timings = all.filter((timing) => timing.group === group);
  const [base = ''] = timings.map((timing) => timing.base);
  const cpuOf = (name: string) => timings.find((timing) => timing.name === name)?.cpuMs ?? null;
  const sameBase = timings.every((timing) => timing.base === base);
  return {
    title: group,
    columns: ['', 'wall', 'middle half', sameBase ? `× ${base}` : '× base', 'CPU', '×', ''],
    rows: timings.map((timing) => [
      timing.name,
      ms(timing.wallMs.median),
      range(timing.wallMs),
      `${timing.ratio.median.toFixed(2)} ×`,
      ms(timing.cpuMs),
      times(timing.cpuMs, cpuOf(timing.base)),
      remarks(group, timing.name, targets, [
        ...(timing.failures > 0 ? [`${timing.failures} of ${timing.runs} FAILED`] : []),
        ...(timing.note === null ? [] : [timing.note]),
      ]),
    ]),
  };
};

const burstTable = (bursts: readonly Burst[], targets: readonly Target[]): Table => ({
  title: `${BURST}: processes at once on one expired token`,
  columns: ['', 'wall', 'CPU', '× node -e 0', 'requests', 'served', ''],
  rows: bursts.map((burst) => [
    rowOf(burst),
    ms(burst.wallMs.median),
    ms(burst.cpuMs),
    times(burst.cpuMs, burst.nodeCpuMs),
    String(burst.requests),
    String(burst.served),
    remarks(BURST, rowOf(burst), targets, burst.said === null ? [] : [`said: ${burst.said}`]),
  ]),
});

const libraryTable = ({ library }: Results, targets: readonly Target[]): Table => ({
  title: `${LIBRARY}: getValidToken of a fresh token in one process`,
  columns: ['', 'calls a second', 'sees a change after', 'memory', ''],
  rows:
    library === null
      ? []
      : [
          [
            CALL,
            Math.round(library.callsPerSecond.median).toLocaleString('en'),
            ms(library.noticedMs),
            `${library.residentMb.toFixed(1)} MB`,
            remarks(LIBRARY, CALL, targets),
          ],
        ],
});

const memoryTable = ({ memory }: Results): Table => ({
  title: `${MEMORY}: most that one run has resident, and its daemons all the time`,
  columns: ['', 'run', 'daemons'],
  rows: memory.map(({ name, peakMb, daemonMb }) => [
    name,
    `${peakMb.toFixed(1)} MB`,
    daemonMb === null ? '-' : `${daemonMb.toFixed(1)} MB`,
  ]),
});

const remarks = (
  group: string,
  name: string,
  targets: readonly Target[],
  notes: readonly string[] = [],
): string =>
  [
    ...targets
      .filter((target) => target.group === group && target.name === name)
      .map(({ text, met }) => `target ${text}: ${met ? 'ok' : 'MISSED'}`),
    ...notes,
  ].join('; ');

const ms = (value: number | null): string => (value === null ? '-' : `${digits(value)} ms`);

const digits = (value: number): string =>
  value < 100 ? value.toPrecision(3) : Math.round(value).toString();

const times = (value: number | null, base: number | null): string =>
  value === null || base === null ? '-' : `${(value / base).toFixed(2)} ×`;

const range = ({ low, high }: Spread): string => `${digits(low)}–${digits(high)}`;
