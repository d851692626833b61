import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { execa } from 'execa';
import { beforeEach, describe, expect, test } from 'vitest';
import { changeRecord } from '../../src/change-record.ts';
import { loginStore } from '../../src/store/file.ts';
import { createRepository, haveGitServer, startGitServer } from '../support/git-server.ts';
import { createSharedLogin } from '../support/login.ts';
import { need } from '../support/need.ts';

const BIN = resolve(import.meta.dirname, '../../bin');

beforeEach((context) => need(context, haveGitServer, 'git with git-http-backend'));

/** A server whose password is a live access token, a login that is bound to it, and a user's git. */
const createStage = async () => {
  const login = await createSharedLogin();
  const { access_token: token } = await login.importGrant('work');
  const isLive = async (_: string, password: string) => {
    const authorization = `Bearer ${password}`;
    return (await fetch(login.server.resource, { headers: { authorization } })).ok;
  };
  const server = await startGitServer(isLive);
  await createRepository(server, 'app.git');
  await login.run(['hosts', 'work', 'add', server.host]);
  const directory = join(login.home, '..', 'user');
  mkdirSync(directory);
  writeFileSync(
    join(directory, '.gitconfig'),
    '[credential]\n\thelper = tokenctl\n[user]\n\tname = A\n\temail = a@example.com\n[protocol "file"]\n\tallow = always\n',
  );
  const git = (args: readonly string[], cwd = directory) =>
    execa('git', args, {
      cwd,
      env: {
        PATH: [BIN, dirname(process.execPath), process.env.PATH].join(delimiter),
        HOME: directory,
        TOKENCTL_HOME: login.home,
        GIT_TERMINAL_PROMPT: '0',
        GIT_CONFIG_NOSYSTEM: '1',
      },
      extendEnv: false,
      reject: false,
      stdin: 'ignore',
    });
  const done = async (args: readonly string[], cwd?: string): Promise<void> => {
    const { exitCode, stderr } = await git(args, cwd);
    expect([args, exitCode, stderr]).toEqual([args, 0, stderr]);
  };
  const work = join(directory, 'app');
  return {
    ...login,
    ...{ token, directory, work, git, done },
    gitServer: server,
    commit: async (text: string) => {
      writeFileSync(join(work, 'file'), text);
      await done(['add', 'file'], work);
      await done(['commit', '--quiet', '-m', text], work);
    },
    /** The access token is over, here and at the server. */
    expire: async () => {
      login.server.expireAccessTokens();
      const store = loginStore('work', { TOKENCTL_HOME: login.home });
      await changeRecord(store, 5_000, (record) => record && { ...record, lifetime: 0 });
    },
  };
};

describe('git over smart HTTP', () => {
  test('clones, pushes and fetches, and goes on when the token expires in between', async () => {
    const { gitServer, work, done, git, commit, server, expire } = await createStage();
    await done(['clone', '--quiet', `${gitServer.url}/app.git`]);
    await commit('one');
    await done(['push', '--quiet', 'origin', 'HEAD:main'], work);
    expect(server.tokenRequests).toBe(0);
    await expire();
    await done(['fetch', '--quiet'], work);
    expect(server.tokenRequests).toBe(1);
    await commit('two');
    await expire();
    await done(['push', '--quiet', 'origin', 'HEAD:main'], work);
    expect(server.tokenRequests).toBe(2);
    await done(['clone', '--quiet', `${gitServer.url}/app.git`, 'again']);
    const { stdout } = await git(['-C', 'again', 'log', '--format=%s']);
    expect(stdout).toBe('two\none');
  });

  test('is refused a token that was revoked there, says so, and succeeds with the next', async () => {
    const { gitServer, work, done, git, commit, server, token } = await createStage();
    await done(['clone', '--quiet', `${gitServer.url}/app.git`]);
    await commit('one');
    server.rejectAccessToken(token);
    const refused = await git(['push', 'origin', 'HEAD:main'], work);
    expect(refused.exitCode).not.toBe(0);
    expect(refused.stderr).toContain('Authentication failed');
    expect(server.tokenRequests).toBe(0);
    await done(['push', '--quiet', 'origin', 'HEAD:main'], work);
    expect(server.tokenRequests).toBe(1);
  });

  test('20 at once at expiry cause one refresh', async () => {
    const { gitServer, work, done, commit, server, expire, directory } = await createStage();
    await done(['clone', '--quiet', `${gitServer.url}/app.git`]);
    await commit('one');
    await done(['push', '--quiet', 'origin', 'HEAD:main'], work);
    const clones = Array.from({ length: 20 }, (_, n) => join(directory, `clone-${n}`));
    for (const clone of clones) {
      await done(['clone', '--quiet', work, clone]);
      await done(['remote', 'set-url', 'origin', `${gitServer.url}/app.git`], clone);
    }
    await expire();
    await Promise.all(clones.map((clone) => done(['fetch', '--quiet'], clone)));
    expect(server.tokenRequests).toBe(1);
    expect(server.reuseDetections).toBe(0);
  }, 120_000);

  test('brings submodules of the same host, and no token to those of another', async () => {
    const { gitServer, work, done, git, commit } = await createStage();
    const stranger = await startGitServer(async () => true);
    await createRepository(gitServer, 'part.git');
    await createRepository(stranger, 'strange.git');
    await done(['clone', '--quiet', `${gitServer.url}/app.git`]);
    await commit('one');
    for (const part of ['part.git', 'app.git']) {
      await done(['push', '--quiet', `${gitServer.url}/${part}`, 'HEAD:main'], work);
    }
    await done(['submodule', '--quiet', 'add', `${gitServer.url}/part.git`, 'part'], work);
    await done(['commit', '--quiet', '-m', 'a part'], work);
    await done(['push', '--quiet', 'origin', 'HEAD:main'], work);
    await done(['clone', '--quiet', '--recurse-submodules', `${gitServer.url}/app.git`, 'all']);
    const strange = ['submodule', 'add', `${stranger.url}/strange.git`, 'strange'];
    expect((await git(strange, work)).exitCode).not.toBe(0);
    expect(stranger.authorizations.length).toBeGreaterThan(0);
    expect(stranger.authorizations.every((each) => each === null)).toBe(true);
  });

  test('takes no token along when it is sent on to another host', async () => {
    const { gitServer, git } = await createStage();
    const stranger = await startGitServer(async () => true);
    gitServer.redirectTo(stranger.url);
    const { exitCode } = await git(['clone', `${gitServer.url}/app.git`]);
    expect(exitCode).not.toBe(0);
    expect(stranger.authorizations.length).toBeGreaterThan(0);
    expect(stranger.authorizations.every((each) => each === null)).toBe(true);
  });

  test('works beside other helpers, and keeps nothing of what they know', async () => {
    const { gitServer, directory, done, git, home } = await createStage();
    const other = await startGitServer(async (_, password) => password === 'of-another-helper');
    await createRepository(other, 'other.git');
    const kept = join(directory, 'kept');
    const address = `http://someone:of-another-helper@${other.host}\n`;
    writeFileSync(kept, address, { mode: 0o600 });
    await done(['config', '--global', '--add', 'credential.helper', `store --file=${kept}`]);
    await done(['clone', '--quiet', `${other.url}/other.git`]);
    await done(['clone', '--quiet', `${gitServer.url}/app.git`]);
    const { stdout } = await git(['config', '--global', '--get-all', 'credential.helper']);
    expect(stdout).toContain('tokenctl');
    const record = readFileSync(join(home, 'credentials', 'work.json'), 'utf8');
    expect(record).not.toContain('of-another-helper');
  });
});
