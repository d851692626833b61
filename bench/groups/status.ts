import type { Bench } from '../bench.ts';
import { type CaseKind, NODE, prepareCases } from '../case.ts';
import { createHomeOf, type Home } from '../homes.ts';
import { measure } from '../measure.ts';
import { STATUS } from '../names.ts';
import type { Timing } from '../results.ts';

/** What is held, for one login and for many. */
export const measureStatus = async (
  bench: Bench,
  manyLogins: () => Promise<Home>,
): Promise<Timing[]> => {
  const kinds = [
    kind(1, () => createHomeOf(bench, 1)),
    kind(100, () => createHomeOf(bench, 100)),
    kind(bench.effort.manyLogins, manyLogins),
  ];
  return measure(bench, STATUS, NODE, await prepareCases(bench, [STATUS], kinds));
};

const kind = (logins: number, open: () => Promise<Home>): CaseKind => ({
  name: `node tokenctl.js status, ${logins.toLocaleString('en')} login${logins === 1 ? '' : 's'}`,
  by: 'tokenctl',
  prepare: async () => ({
    command: (await open()).byNode('status'),
    expected: /^work .* fresh$/m,
  }),
});
