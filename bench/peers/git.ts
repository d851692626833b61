import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CaseKind } from '../case.ts';
import { PRINTS_TOKEN, TOKEN } from '../homes.ts';
import { requirePrograms } from './programs.ts';
import { run, startDaemon } from './run.ts';

// https://git-scm.com/docs/git-credential#IOFMT
const QUESTION = 'protocol=https\nhost=example.com\n\n';

export const gitCredentialStore: CaseKind = {
  name: 'git credential-store',
  by: 'peer',
  prepare: async (bench) => {
    await requirePrograms('git', 'git');
    const directory = bench.directory('memory');
    const file = join(directory, 'credentials');
    await writeFile(file, `https://user:${TOKEN}@example.com\n`, { mode: 0o600 });
    // What `git credential-store` would exec, without git's detour.
    const program = join((await run(['git', '--exec-path'])).trim(), 'git-credential-store');
    return {
      command: {
        argv: [program, '--file', file, 'get'],
        env: { HOME: directory },
        stdin: await questionIn(directory),
      },
      expected: PRINTS_TOKEN,
      note: 'no expiry, no refresh',
    };
  },
};

export const gitCredentialCache: CaseKind = {
  name: 'git credential-cache',
  by: 'peer',
  prepare: async (bench) => {
    await requirePrograms('git', 'git');
    const directory = bench.directory('memory');
    const env = { HOME: directory };
    const socket = join(directory, 'socket');
    const exec = (await run(['git', '--exec-path'])).trim();
    const daemon = join(exec, 'git-credential-cache--daemon');
    const { pid } = await startDaemon(bench, [daemon, socket], (said) => said.startsWith('ok'), {
      env,
    });
    const program = join(exec, 'git-credential-cache');
    await run([program, '--socket', socket, 'store'], {
      env,
      input: `protocol=https\nhost=example.com\nusername=user\npassword=${TOKEN}\n\n`,
    });
    return {
      command: {
        argv: [program, '--socket', socket, '--timeout', '86400', 'get'],
        env,
        stdin: await questionIn(directory),
      },
      expected: PRINTS_TOKEN,
      daemons: [pid],
      note: 'asks its daemon; no refresh',
    };
  },
};

export const gitCredentialOauth: CaseKind = {
  name: 'git-credential-oauth',
  by: 'peer',
  prepare: async (bench) => {
    await requirePrograms('git-credential-oauth', 'git-credential-oauth');
    const directory = bench.directory('memory');
    return {
      command: {
        argv: ['git-credential-oauth', 'get'],
        env: { HOME: directory },
        stdin: await questionIn(directory),
      },
      expected: /^$/,
      note: 'its start only: it keeps no token',
    };
  },
};

const questionIn = async (directory: string): Promise<string> => {
  const file = join(directory, 'question');
  await writeFile(file, QUESTION);
  return file;
};
