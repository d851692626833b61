import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { createRepository, haveGitServer, startGitServer } from '../support/git-server.ts';
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

  test('works beside other helpers, and keeps nothing of what they know', async () => {
    const { gitServer, directory, done, git, home } = await createGitStage();
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
