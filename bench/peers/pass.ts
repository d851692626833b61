import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CaseKind } from '../case.ts';
import { PRINTS_TOKEN, TOKEN } from '../homes.ts';
import { requirePrograms } from './programs.ts';
import { run } from './run.ts';

export const dockerCredentialPass: CaseKind = {
  name: 'docker-credential-pass',
  by: 'peer',
  prepare: async (bench) => {
    const packages = 'golang-docker-credential-helpers pass gnupg';
    await requirePrograms(packages, 'docker-credential-pass', 'pass', 'gpg');
    const directory = bench.directory('memory');
    // gpg-agent's socket must have a short path, and this is one.
    const env = {
      HOME: directory,
      GNUPGHOME: directory,
      PASSWORD_STORE_DIR: join(directory, 'store'),
    };
    bench.atEnd(async () => {
      await run(['gpgconf', '--kill', 'all'], { env });
    });
    const user = 'bench@example.com';
    const unprotected = ['--pinentry-mode', 'loopback', '--passphrase', ''];
    const generate = ['--quick-generate-key', user, 'default', 'default', 'never'];
    await run(['gpg', '--batch', '--quiet', ...unprotected, ...generate], { env });
    await run(['pass', 'init', user], { env });
    const entry = { ServerURL: 'https://example.com', Username: 'user', Secret: TOKEN };
    await run(['docker-credential-pass', 'store'], { env, input: JSON.stringify(entry) });
    const stdin = join(directory, 'question');
    await writeFile(stdin, entry.ServerURL);
    const agent = await run(['gpg-connect-agent', 'getinfo pid', '/bye'], { env });
    return {
      command: { argv: ['docker-credential-pass', 'get'], env, stdin },
      expected: PRINTS_TOKEN,
      daemons: [Number(/^D (\d+)/.exec(agent)?.[1] ?? 0)],
      note: 'decrypts with gpg; no refresh',
    };
  },
};
