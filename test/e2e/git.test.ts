import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  createRepository,
  type GitServer,
  haveGitServer,
  startGitServer,
} from '../support/git-server.ts';
import { createGitStage } from '../support/git-stage.ts';
import { need } from '../support/need.ts';

beforeEach((context) => need(context, haveGitServer, 'git with git-http-backend'));

describe('git over smart HTTP', () => {
  test('clones, pushes and fetches, and goes on when the token expires in between', async () => {
    const { gitServer, work, done, git, commit, server, expire } = await createGitStage();
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
    const { gitServer, work, done, git, commit, server, token } = await createGitStage();
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
    const { gitServer, work, done, commit, server, expire, directory } = await createGitStage();
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
    const { gitServer, work, done, git, commit } = await createGitStage();
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
    const { gitServer, git } = await createGitStage();
    const stranger = await startGitServer(async () => true);
    gitServer.redirectTo(stranger.url);
    const { exitCode } = await git(['clone', `${gitServer.url}/app.git`]);
    expect(exitCode).not.toBe(0);
    expect(stranger.authorizations.length).toBeGreaterThan(0);
    expect(stranger.authorizations.every((each) => each === null)).toBe(true);
  });

  test('two logins on one host are told apart by path, where git says it', async () => {
    const { gitServer, git, done, run, importGrant } = await createGitStage();
    const { access_token: play } = await importGrant('play');
    await createRepository(gitServer, 'play/toy.git');
    await run(['hosts', 'play', 'add', `${gitServer.host}/play`]);
    const passwords = (): string[] =>
      gitServer.authorizations
        .splice(0)
        .map((each) => passwordIn(each))
        .filter((each) => each !== '');
    await done(['config', '--global', 'credential.useHttpPath', 'true']);
    await done(['clone', '--quiet', `${gitServer.url}/play/toy.git`]);
    expect(new Set(passwords())).toEqual(new Set([play]));
    await run(['hosts', 'work', 'remove', gitServer.host]);
    await done(['config', '--global', 'credential.useHttpPath', 'false']);
    const refused = await git(['clone', `${gitServer.url}/play/toy.git`, 'again']);
    expect([refused.exitCode, refused.stderr]).toEqual([
      128,
      expect.stringContaining('useHttpPath true'),
    ]);
    expect(passwords()).toEqual([]);
  });

  test('two logins on one host are told apart by account', async () => {
    const { gitServer, git, done, run, importGrant, token } = await createGitStage();
    const { access_token: play } = await importGrant('play');
    await run(['hosts', 'work', 'remove', gitServer.host]);
    await run(['hosts', 'work', 'add', `alice@${gitServer.host}`]);
    await run(['hosts', 'play', 'add', `bob@${gitServer.host}`]);
    for (const [account, expected] of [
      ['alice', token],
      ['bob', play],
    ] as const) {
      await done(['clone', '--quiet', `http://${account}@${gitServer.host}/app.git`, account]);
      expect(passwordIn(gitServer.authorizations.splice(0).at(-1) ?? null)).toBe(expected);
    }
    const refused = await git(['clone', `${gitServer.url}/app.git`, 'whose']);
    expect([refused.exitCode, refused.stderr]).toEqual([
      128,
      expect.stringContaining('several logins'),
    ]);
  });

  test('brings submodules of two hosts, to each its own token', async () => {
    const { gitServer, work, done, commit, run, importGrant, isLive, token } =
      await createGitStage();
    const other = await startGitServer(async (_, password) => isLive(password));
    await createRepository(other, 'part.git');
    const { access_token: play } = await importGrant('play');
    await run(['hosts', 'play', 'add', other.host]);
    await done(['clone', '--quiet', `${gitServer.url}/app.git`]);
    await commit('one');
    await done(['push', '--quiet', `${other.url}/part.git`, 'HEAD:main'], work);
    await done(['submodule', '--quiet', 'add', `${other.url}/part.git`, 'part'], work);
    await done(['commit', '--quiet', '-m', 'a part'], work);
    await done(['push', '--quiet', 'origin', 'HEAD:main'], work);
    await done(['clone', '--quiet', '--recurse-submodules', `${gitServer.url}/app.git`, 'all']);
    const given = (to: GitServer) => new Set(to.authorizations.map(passwordIn).filter(Boolean));
    expect(given(gitServer)).toEqual(new Set([token]));
    expect(given(other)).toEqual(new Set([play]));
  });

  test('a push whose token ends between its two requests fails, and the next one succeeds', async () => {
    let ended = false;
    const stage: Awaited<ReturnType<typeof createGitStage>> = await createGitStage({
      onRequest: (url, token) => {
        if (url.endsWith('/git-receive-pack') && !ended) {
          ended = true;
          stage.server.rejectAccessToken(token);
        }
      },
    });
    const { gitServer, work, done, git, commit, server } = stage;
    await done(['clone', '--quiet', `${gitServer.url}/app.git`]);
    await commit('one');
    const first = await git(['push', 'origin', 'HEAD:main'], work);
    expect([first.exitCode, first.stderr]).toEqual([1, expect.stringContaining('401')]);
    expect(server.tokenRequests).toBe(0);
    await done(['push', '--quiet', 'origin', 'HEAD:main'], work);
    expect(server.tokenRequests).toBe(1);
  });
});

const passwordIn = (authorization: string | null): string =>
  Buffer.from(authorization?.replace('Basic ', '') ?? '', 'base64')
    .toString('utf8')
    .split(':')[1] ?? '';
