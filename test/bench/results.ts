import { USUAL, WARM } from '../../bench/names.ts';
import type { Burst, Results, Timing } from '../../bench/results.ts';

/** A command of these milliseconds, measured beside one that takes one. */
export const timing = (name: string, ms: number, more: Partial<Timing> = {}): Timing => ({
  ...{ group: WARM, name, by: 'peer', base: 'sh -c :' },
  wallMs: { low: ms - 0.1, median: ms, high: ms + 0.1 },
  cpuMs: ms / 2,
  ratio: { low: ms - 0.1, median: ms, high: ms + 0.1 },
  ...{ runs: 100, failures: 0, note: null },
  ...more,
});

export const burst = (processes: number, more: Partial<Burst> = {}): Burst => ({
  ...{ name: 'tokenctl get', by: 'tokenctl', processes },
  wallMs: { low: 250, median: 300, high: 350 },
  ...{ cpuMs: 200, nodeWallMs: 40, nodeCpuMs: 40, shellCpuMs: 0.5 },
  ...{ requests: 1, served: processes, said: null, rounds: 3 },
  ...more,
});

export const resultsOf = (more: Partial<Results> = {}): Results => ({
  ...{ at: '2026-01-02T03:04:05.000Z', quick: false },
  machine: { cpu: 'a CPU', cores: 4, system: 'Linux 6.1', node: '20.0.0', load: 0.1 },
  timings: [
    timing('sh -c :', 1, { by: 'floor' }),
    timing(USUAL, 1.2, { by: 'tokenctl' }),
    timing('git credential-store', 1.5),
    timing('a <slow> & heavy one', 50),
  ],
  ...{ bursts: [], library: null, memory: [], missing: [] },
  ...more,
});
