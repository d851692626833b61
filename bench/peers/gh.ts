import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CaseKind } from '../case.ts';
import { PRINTS_TOKEN, TOKEN } from '../homes.ts';
import { requirePrograms } from './programs.ts';

export const gh: CaseKind = {
  name: 'gh auth token',
  by: 'peer',
  prepare: async (bench) => {
    await requirePrograms('gh', 'gh');
    const directory = bench.directory('memory');
    const hosts = `github.com:\n    oauth_token: ${TOKEN}\n    user: user\n    git_protocol: https\n`;
    await writeFile(join(directory, 'hosts.yml'), hosts, { mode: 0o600 });
    return {
      command: {
        argv: ['gh', 'auth', 'token'],
        env: { HOME: directory, GH_CONFIG_DIR: directory },
      },
      expected: PRINTS_TOKEN,
      note: 'no expiry, no refresh',
    };
  },
};
