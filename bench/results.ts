import { BURST, CALL, LIBRARY, MEMORY } from './names.ts';
import type { Spread } from './statistics.ts';

/** Who answers: this project, another tool, or the least that anything could cost. */
export type By = 'tokenctl' | 'peer' | 'floor';

/** One command, run many times in turn with `base`. */
export interface Timing {
  readonly group: string;
  readonly name: string;
  readonly by: By;
  readonly wallMs: Spread;
  /** Of one run with all it waited for, but not of a daemon it asked; null where it cannot be told. */
  readonly cpuMs: number | null;
  /** The base's name, and how many times its wall time this takes. */
  readonly base: string;
  readonly ratio: Spread;
  readonly runs: number;
  readonly failures: number;
  readonly note: string | null;
}

/** This many processes at once on one expired token. */
export interface Burst {
  readonly name: string;
  readonly by: By;
  readonly processes: number;
  readonly wallMs: Spread;
  /** Of all of them together; null where it cannot be told. */
  readonly cpuMs: number | null;
  /** One start of a Node.js, and of a shell, measured right before each burst. */
  readonly nodeWallMs: number;
  readonly nodeCpuMs: number | null;
  readonly shellCpuMs: number | null;
  /** Token requests that the provider got, the most in any round. */
  readonly requests: number;
  /** Processes that printed the new token, the fewest in any round. */
  readonly served: number;
  /** Something that was said on stderr, if anything was. */
  readonly said: string | null;
  readonly rounds: number;
}

export interface Library {
  readonly callsPerSecond: Spread;
  /** From a sibling's change to the first call that gives the new token, the longest of some. */
  readonly noticedMs: number;
  /** What loading the library and opening one login adds to a bare Node.js. */
  readonly residentMb: number;
}

/** The most that one run had in memory, or what a daemon has all the time. */
export interface Memory {
  readonly name: string;
  readonly by: By;
  readonly peakMb: number;
  readonly daemonMb: number | null;
}

export interface Missing {
  readonly name: string;
  readonly why: string;
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly system: string;
  readonly node: string;
  /** Load average before the start: more than a little, and the figures are of the neighbours too. */
  readonly load: number;
}

/** Of what was measured, the rows that are wanted; with the base that they are compared with. */
export const choose = (
  results: Results,
  wants: (group: string, name: string) => boolean,
): Results => {
  const wanted = results.timings.filter(({ group, name }) => wants(group, name));
  const bases = new Set(wanted.map(({ group, base }) => `${group}: ${base}`));
  return {
    ...results,
    timings: results.timings.filter(
      (timing) => wanted.includes(timing) || bases.has(`${timing.group}: ${timing.name}`),
    ),
    bursts: results.bursts.filter((burst) => wants(BURST, rowOf(burst))),
    library: wants(LIBRARY, CALL) ? results.library : null,
    memory: results.memory.filter(({ name }) => wants(MEMORY, name)),
    missing: results.missing.filter(({ name: row }) => {
      const [group = '', ...name] = row.split(': ');
      return wants(group, name.join(': '));
    }),
  };
};

export const rowOf = ({ processes, name }: Burst): string => `${processes} × ${name}`;

export interface Results {
  readonly at: string;
  readonly quick: boolean;
  readonly machine: Machine;
  readonly timings: readonly Timing[];
  readonly bursts: readonly Burst[];
  readonly library: Library | null;
  readonly memory: readonly Memory[];
  readonly missing: readonly Missing[];
}
