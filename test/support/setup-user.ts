import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { execa } from 'execa';
import { createSharedLogin } from './login.ts';

const BIN = resolve(import.meta.dirname, '../../bin');

/** A login, and a person with a home directory and other programs. */
export const createSetupUser = async (...hosts: string[]) => {
  const login = await createSharedLogin();
  const { access_token } = await login.importGrant('work');
  const user = join(login.home, '..', 'user');
  mkdirSync(user);
  const env: NodeJS.ProcessEnv = {
    PATH: [BIN, dirname(process.execPath), process.env.PATH].join(delimiter),
    HOME: user,
    TOKENCTL_HOME: login.home,
    GIT_TERMINAL_PROMPT: '0',
    GIT_CONFIG_NOSYSTEM: '1',
    RUSTUP_HOME: process.env.RUSTUP_HOME ?? join(homedir(), '.rustup'),
  };
  const run = (program: string, ...args: string[]) =>
    execa(program, args, {
      ...{ cwd: user, env, extendEnv: false, reject: false, stdin: 'ignore' },
      stripFinalNewline: false,
    });
  if (hosts.length > 0) {
    await login.run(['hosts', 'work', 'add', ...hosts]);
  }
  return {
    ...login,
    token: access_token,
    user,
    env,
    /** Any program, as this person runs it. */
    program: run,
    setup: (...args: string[]) => run('tokenctl', 'setup', ...args),
    /** All that is in the home directory: names, modes, links and every byte. */
    snapshot: () => snapshotOf(user),
    setupRecord: join(login.home, 'setup.json'),
  };
};

export const snapshotOf = (directory: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .toSorted()
      .map((name) => {
        const path = join(directory, name);
        const stats = lstatSync(path);
        const content = stats.isSymbolicLink()
          ? readlinkSync(path)
          : stats.isFile()
            ? createHash('sha256').update(readFileSync(path)).digest('hex')
            : '';
        return [name, `${stats.mode.toString(8)} ${stats.uid}:${stats.gid} ${content}`];
      }),
  );
