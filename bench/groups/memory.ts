import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench } from '../bench.ts';
import { ask, type Case, prepareCases, SHELL } from '../case.ts';
import { MEMORY } from '../names.ts';
import { findProgram } from '../peers/programs.ts';
import { startProvider } from '../provider.ts';
import type { Memory } from '../results.ts';
import { median } from '../statistics.ts';
import { expiredKinds, LIFETIME_S } from './expired.ts';

const KB_PER_MB = 1024;

/** The most that one run of each command has in memory, and what must stay there for it. */
export const measureMemory = async (bench: Bench, warm: readonly Case[]): Promise<Memory[]> => {
  const time = await findProgram('time');
  if (time === null) {
    bench.miss(MEMORY, 'time is not installed (apt-get install time)');
    return [];
  }
  const provider = await startProvider(bench, { latencyMs: 0, lifetime: LIFETIME_S });
  const expired = await prepareCases(bench, [MEMORY], expiredKinds(provider));
  const report = join(bench.directory('memory'), 'report');
  const cases = [...warm, ...expired];
  return (cases.length > 0 ? [SHELL, ...cases] : []).map((one) => {
    bench.progress(`${MEMORY}: ${one.name}`);
    return {
      ...{ name: one.name, by: one.by },
      peakMb: median(
        Array.from({ length: bench.effort.repeats }, () =>
          peakMb(one, [time, '-f', '%M', '-o', report]),
        ),
      ),
      daemonMb: one.daemons === undefined ? null : residentMb(one.daemons),
    };
  });
};

/**
 * Told by the kernel to GNU time. What this process would be told is at least its own size, which
 * its children begin with.
 */
const peakMb = ({ command }: Case, time: readonly [...string[], string]): number => {
  ask({ ...command, argv: [...time, ...command.argv] });
  return Number(readFileSync(time.at(-1) ?? '', 'utf8')) / KB_PER_MB;
};

/** proc(5) */
const residentMb = (pids: readonly number[]): number | null => {
  try {
    return pids
      .map((pid) => readFileSync(`/proc/${pid}/status`, 'utf8'))
      .map((status) => Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / KB_PER_MB)
      .reduce((sum, mb) => sum + mb, 0);
  } catch {
    return null;
  }
};
