import { basename } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Bench } from '../bench.ts';
import { type Case, prepareCases } from '../case.ts';
import { createHomeOf, requireLauncher, TOKEN } from '../homes.ts';
import { measure } from '../measure.ts';
import { OTHER_SHELLS } from '../names.ts';
import { findProgram } from '../peers/programs.ts';
import type { Timing } from '../results.ts';

const SHELLS = ['dash', 'bash', 'busybox', 'zsh', 'ksh', 'mksh', 'yash'];

/** The launcher by every shell there is, each against its own start. */
export const measureOtherShells = async (bench: Bench): Promise<Timing[]> => {
  const timings: Timing[] = [];
  for (const shell of SHELLS) {
    const path = await findProgram(shell);
    const start = shell === 'busybox' ? [path ?? '', 'sh'] : [path ?? ''];
    const cases = await prepareCases(
      bench,
      [OTHER_SHELLS],
      [
        {
          name: `${shell} bin/tokenctl get`,
          by: 'tokenctl',
          prepare: async () => {
            if (path === null) {
              throw new Error(`${shell} is not installed (apt-get install ${shell})`);
            }
            await requireLauncher();
            const { argv, env } = (await createHomeOf(bench, 1)).launched('get', 'work');
            // busybox compares whole seconds, and leaves what was written in this one to Node.js.
            await setTimeout(1_100);
            return {
              command: { argv: [...start, ...argv], env },
              expected: new RegExp(`^${TOKEN}\n$`),
            };
          },
        },
      ],
    );
    const base: Case = {
      ...{ name: `${basename(start.join(' '))} -c :`, by: 'floor', expected: /^$/ },
      command: { argv: [...start, '-c', ':'] },
    };
    timings.push(...(await measure(bench, OTHER_SHELLS, base, cases)));
  }
  return timings;
};
