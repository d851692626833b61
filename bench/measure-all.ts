import type { Bench } from './bench.ts';
import { prepareCases, SHELL } from './case.ts';
import { measureBursts } from './groups/burst.ts';
import { measureExpired, measureExpiredOverTls } from './groups/expired.ts';
import { measureHelpers } from './groups/helper.ts';
import { measureLibrary } from './groups/library.ts';
import { measureMemory } from './groups/memory.ts';
import { measureOtherShells } from './groups/other-shells.ts';
import { measureStatus } from './groups/status.ts';
import { warmKinds } from './groups/warm.ts';
import { createHomeOf, type Home } from './homes.ts';
import { measure } from './measure.ts';
import { MEMORY, WARM } from './names.ts';
import type { Results } from './results.ts';

type Measured = Pick<Results, 'timings' | 'bursts' | 'library' | 'memory'>;

/** One group after the other, each with all that it compares side by side. */
export const measureAll = async (bench: Bench): Promise<Measured> => {
  let many: Promise<Home> | undefined;
  const manyLogins = () => {
    many ??= createHomeOf(bench, bench.effort.manyLogins);
    return many;
  };
  const warm = await prepareCases(bench, [WARM, MEMORY], warmKinds(bench, manyLogins));
  const wantedBy = (group: string) => warm.filter(({ name }) => bench.wants(group, name));
  return {
    timings: [
      ...(await measure(bench, WARM, SHELL, wantedBy(WARM))),
      ...(await measureOtherShells(bench)),
      ...(await measureHelpers(bench)),
      ...(await measureStatus(bench, manyLogins)),
      ...(await measureExpired(bench)),
      ...(await measureExpiredOverTls(bench)),
    ],
    bursts: await measureBursts(bench),
    library: await measureLibrary(bench),
    memory: await measureMemory(bench, wantedBy(MEMORY)),
  };
};
