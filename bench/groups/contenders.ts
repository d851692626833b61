import { join } from 'node:path';
import type { Bench } from '../bench.ts';
import { createHome, type Home, requireLauncher } from '../homes.ts';
import { HERD } from '../names.ts';
import { NPM_PEERS, npmCommand, writeCredential } from '../peers/npm.ts';
import type { Provider } from '../provider.ts';
import type { By } from '../results.ts';
import type { Command } from '../shell-loop.ts';

/** Who can be asked by many processes at once. */
export interface Contender {
  readonly name: string;
  readonly by: By;
  readonly most: number;
  readonly prepare: (bench: Bench) => Promise<{
    readonly command: Command;
    /** Gives it the tokens of a new grant, the access token expired. */
    readonly expire: (provider: Provider) => Promise<void>;
  }>;
}

/** A tool that was not made for herds need not be shown failing in a larger one. */
const MOST_OF_PEERS = 100;

export const CONTENDERS: readonly Contender[] = [
  {
    name: HERD,
    by: 'tokenctl',
    most: Number.POSITIVE_INFINITY,
    prepare: async (bench) => {
      await requireLauncher();
      return ours(bench, (home) => home.launched('get', 'work'));
    },
  },
  {
    name: 'node tokenctl.js get',
    by: 'tokenctl',
    most: Number.POSITIVE_INFINITY,
    prepare: async (bench) => ours(bench, (home) => home.byNode('get', 'work')),
  },
  ...NPM_PEERS.map(
    (peer): Contender => ({
      name: `${peer} (npm)`,
      by: 'peer',
      most: MOST_OF_PEERS,
      prepare: async (bench) => {
        const file = join(bench.directory('disk'), 'credential.json');
        return {
          command: await npmCommand(bench, peer, file),
          expire: async (provider) => writeCredential(file, await provider.grant(), Date.now()),
        };
      },
    }),
  ),
];

const ours = (bench: Bench, get: (home: Home) => Command) => {
  const home = createHome(bench, 'disk');
  return {
    command: get(home),
    expire: async (provider: Provider) => home.import('work', await provider.grant()),
  };
};
