import { join } from 'node:path';
import type { CaseKind } from '../case.ts';
import { PRINTS_TOKEN, TOKEN } from '../homes.ts';
import { gh } from './gh.ts';
import { gitCredentialCache, gitCredentialOauth, gitCredentialStore } from './git.ts';
import { NPM_PEERS, npmCommand, writeCredential } from './npm.ts';
import { oidcToken } from './oidc-agent.ts';
import { dockerCredentialPass } from './pass.ts';
import { secretTool } from './secret-tool.ts';

const DAY_MS = 86_400_000;

const npmPeers = NPM_PEERS.map(
  (peer): CaseKind => ({
    name: `${peer} (npm)`,
    by: 'peer',
    prepare: async (bench) => {
      const file = join(bench.directory('memory'), 'credential.json');
      await writeCredential(file, { access_token: TOKEN }, Date.now() + DAY_MS);
      const command = await npmCommand(bench, peer, file);
      return { command, expected: PRINTS_TOKEN, note: 'a small Node.js script' };
    },
  }),
);

/** Whatever else hands out a token that it holds and can be installed, asked for one of 40 characters. */
export const PEERS: readonly CaseKind[] = [
  gitCredentialStore,
  gitCredentialCache,
  gitCredentialOauth,
  oidcToken,
  secretTool,
  gh,
  dockerCredentialPass,
  ...npmPeers,
];
