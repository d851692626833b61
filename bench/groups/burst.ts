import { readFile, writeFile } from 'node:fs/promises';
import { freemem } from 'node:os';
import { join } from 'node:path';
import type { Bench } from '../bench.ts';
import { NODE, SHELL } from '../case.ts';
import { BURST, LATENCY_MS } from '../names.ts';
import { type Provider, startProvider } from '../provider.ts';
import type { Burst } from '../results.ts';
import { type Loop, openBurst, openLoop } from '../shell-loop.ts';
import { median, spreadOf } from '../statistics.ts';
import { CONTENDERS, type Contender } from './contenders.ts';

/** Many processes at once that all find the same expired token. */
export const measureBursts = async (bench: Bench): Promise<Burst[]> => {
  const provider = await startProvider(bench, { latencyMs: LATENCY_MS, lifetime: 3600 });
  const bursts: Burst[] = [];
  for (const { processes, rounds } of bench.effort.bursts) {
    const runners = await startRunners(bench, processes);
    for (let round = 0; round < rounds; round += 1) {
      for (const runner of runners) {
        bench.progress(`${BURST}: ${processes} × ${runner.name}, round ${round + 1} of ${rounds}`);
        runner.rounds.push(await play(provider, runner, processes));
      }
    }
    bursts.push(...runners.map((runner) => burstOf(runner, processes)));
    await Promise.all(runners.map((runner) => end(runner)));
  }
  bench.progress('');
  return bursts;
};

interface Runner extends Pick<Contender, 'name' | 'by'> {
  readonly loop: Loop;
  readonly out: string;
  readonly expire: (provider: Provider) => Promise<void>;
  /** Measured right before each burst, in the unit of which its cost is told. */
  readonly node: Loop;
  readonly shell: Loop;
  readonly rounds: Round[];
}

interface Round {
  readonly wallMs: number;
  readonly cpuMs: number | null;
  readonly requests: number;
  readonly served: number;
  /** What one of them said on stderr, if anything. */
  readonly said: string | null;
  readonly node: Cost;
  readonly shell: Cost;
}

/** Of one run. */
interface Cost {
  readonly wallMs: number;
  readonly cpuMs: number | null;
}

/** A Node.js that waits has about this much memory of its own. */
const MB_PER_PROCESS = 40;

const startRunners = async (bench: Bench, processes: number): Promise<Runner[]> => {
  const runners: Runner[] = [];
  for (const { name, by, most, prepare } of CONTENDERS) {
    const title = `${processes} × ${name}`;
    if (!bench.wants(BURST, title)) {
      continue;
    }
    try {
      if (processes > most) {
        throw new Error(`measured with ${most} processes and fewer`);
      }
      if (freemem() < processes * MB_PER_PROCESS * 2 ** 20) {
        throw new Error('there is not enough free memory, should each be a Node.js');
      }
      const { command, expire } = await prepare(bench);
      const out = join(bench.directory('memory'), 'out');
      runners.push({
        ...{ name, by, expire, out, loop: openBurst(command, out, `${out}.err`), rounds: [] },
        ...{ node: openLoop(NODE.command), shell: openLoop(SHELL.command) },
      });
    } catch (error) {
      bench.miss(`${BURST}: ${title}`, error instanceof Error ? error.message : String(error));
    }
  }
  return runners;
};

/** CPU time is told in hundredths of a second: enough of them for a mean over some rounds. */
const NODES = 10;
const SHELLS = 300;

const play = async (provider: Provider, runner: Runner, processes: number): Promise<Round> => {
  await writeFile(runner.out, '');
  await writeFile(`${runner.out}.err`, '');
  await runner.expire(provider);
  await provider.requests();
  const node = await cost(runner.node, NODES);
  const shell = await cost(runner.shell, SHELLS);
  const burst = await cost(runner.loop, processes);
  return {
    wallMs: burst.wallMs * processes,
    cpuMs: burst.cpuMs === null ? null : burst.cpuMs * processes,
    requests: await provider.requests(),
    served: mostAlike(await readFile(runner.out, 'utf8')),
    said: complaintIn(await readFile(`${runner.out}.err`, 'utf8')),
    ...{ node, shell },
  };
};

const cost = async (loop: Loop, times: number): Promise<Cost> => {
  const before = loop.cpuMs();
  const { wallMs } = await loop.run(times);
  const after = loop.cpuMs();
  return {
    wallMs: wallMs / times,
    cpuMs: before === null || after === null ? null : (after - before) / times,
  };
};

/** How many printed the same token as most others. */
const mostAlike = (out: string): number => {
  const counts = new Map<string, number>();
  for (const line of out.split('\n').filter(Boolean)) {
    counts.set(line, (counts.get(line) ?? 0) + 1);
  }
  return Math.max(0, ...counts.values());
};

/** Of a Node.js that dies of an error, the line with the error. */
const complaintIn = (err: string): string | null => {
  const [first = null, ...more] = err.split('\n').filter((line) => line.trim() !== '');
  return more.find((line) => /^\w*Error\b/.test(line)) ?? first;
};

const burstOf = ({ name, by, rounds }: Runner, processes: number): Burst => ({
  ...{ name, by, processes },
  wallMs: spreadOf(rounds.map(({ wallMs }) => wallMs)),
  cpuMs: over(rounds, median, ({ cpuMs }) => cpuMs),
  nodeWallMs: median(rounds.map(({ node }) => node.wallMs)),
  nodeCpuMs: over(rounds, mean, ({ node }) => node.cpuMs),
  shellCpuMs: over(rounds, mean, ({ shell }) => shell.cpuMs),
  requests: Math.max(...rounds.map(({ requests }) => requests)),
  served: Math.min(...rounds.map(({ served }) => served)),
  said: rounds.map(({ said }) => said).find((line) => line !== null) ?? null,
  rounds: rounds.length,
});

const over = (
  rounds: readonly Round[],
  summary: (values: readonly number[]) => number,
  pick: (round: Round) => number | null,
): number | null => {
  const values = rounds.map(pick).filter((value) => value !== null);
  return values.length === 0 ? null : summary(values);
};

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

const end = async ({ loop, node, shell }: Runner): Promise<void> => {
  await Promise.all([loop.end(), node.end(), shell.end()]);
};
