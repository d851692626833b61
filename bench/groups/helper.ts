import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bench } from '../bench.ts';
import { type CaseKind, kindOf, NODE, prepareCases, SHELL } from '../case.ts';
import {
  createHome,
  freshTokens,
  type Home,
  PRINTS_TOKEN,
  requireLauncher,
  TOKEN,
} from '../homes.ts';
import { measure } from '../measure.ts';
import { HELPER, HELPER_BY_NODE, HELPER_LAUNCHED } from '../names.ts';
import { gitCredentialOauth, gitCredentialStore } from '../peers/git.ts';
import type { Timing } from '../results.ts';
import type { Command } from '../shell-loop.ts';

/** What git and docker wait for each time they need a credential. */
export const measureHelpers = async (bench: Bench): Promise<Timing[]> =>
  measure(
    bench,
    HELPER,
    SHELL,
    await prepareCases(
      bench,
      [HELPER],
      [
        asked(HELPER_LAUNCHED, 'git', GIT, (home, ...args) => home.launched(...args)),
        asked('tokenctl credential docker get', 'docker', HOST, (home, ...args) =>
          home.launched(...args),
        ),
        asked(HELPER_BY_NODE, 'git', GIT, (home, ...args) => home.byNode(...args)),
        kindOf(NODE),
        gitCredentialStore,
        gitCredentialOauth,
      ],
    ),
  );

const HOST = 'example.com';
// https://git-scm.com/docs/git-credential#IOFMT
const GIT = `protocol=https\nhost=${HOST}\n\n`;

const asked = (
  name: string,
  kind: string,
  question: string,
  start: (home: Home, ...args: readonly string[]) => Command,
): CaseKind => ({
  name,
  by: 'tokenctl',
  prepare: async (bench) => {
    await requireLauncher();
    const home = createHome(bench, 'memory');
    await home.import('work', { ...freshTokens(TOKEN), hosts: [HOST] });
    const stdin = join(bench.directory('memory'), 'question');
    await writeFile(stdin, question);
    const command = start(home, 'credential', kind, 'get');
    return { command: { ...command, stdin }, expected: PRINTS_TOKEN };
  },
});
