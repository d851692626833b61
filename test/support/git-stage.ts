import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect } from 'vitest';
import { createClientUser } from './client-user.ts';
import { createRepository, startGitServer } from './git-server.ts';

const CONFIG = `[credential]
\thelper = tokenctl
[user]
\tname = A
\temail = a@example.com
[protocol "file"]
\tallow = always
`;

export interface GitStageOptions {
  readonly program?: string;
  readonly scheme?: 'Basic' | 'Bearer';
  /** What a token is asked for with, before it is judged. */
  readonly onRequest?: (url: string, token: string) => void;
}

/** A server whose password is a live access token, a login that is bound to it, and a user's git. */
export const createGitStage = async (options: GitStageOptions = {}) => {
  const { program = 'git', scheme, onRequest } = options;
  const user = await createClientUser();
  const server = await startGitServer(async (_, password, url) => {
    onRequest?.(url, password);
    return user.isLive(password);
  }, scheme);
  await createRepository(server, 'app.git');
  await user.run(['hosts', 'work', 'add', server.host]);
  const directory = user.user;
  writeFileSync(join(directory, '.gitconfig'), CONFIG);
  const git = (args: readonly string[], cwd = directory) =>
    execa(program, args, { cwd, env: user.env, extendEnv: false, reject: false, stdin: 'ignore' });
  const done = async (args: readonly string[], cwd?: string): Promise<void> => {
    const { exitCode, stderr } = await git(args, cwd);
    expect([args, exitCode, stderr]).toEqual([args, 0, stderr]);
  };
  const work = join(directory, 'app');
  return {
    ...user,
    ...{ directory, work, git, done, gitServer: server },
    commit: async (text: string) => {
      writeFileSync(join(work, 'file'), text);
      await done(['add', 'file'], work);
      await done(['commit', '--quiet', '-m', text], work);
    },
  };
};
