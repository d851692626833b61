import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { outputOf, tool } from '../support/client-user.ts';
import { haveGitServer, startGitServer } from '../support/git-server.ts';
import { createGitStage } from '../support/git-stage.ts';
import { need } from '../support/need.ts';

const program = tool('git');
const [, major, minor] = /^git version (\d+)\.(\d+)/.exec(outputOf(program, '--version')) ?? [];

beforeEach((context) => {
  need(context, haveGitServer, 'git with git-http-backend');
  need(context, Number(major) * 100 + Number(minor) >= 246, 'git 2.46 (.ci/tools brings it)');
});

/** A server that takes nothing but Bearer. */
const createStage = () => createGitStage({ program, scheme: 'Bearer' });

test('git clones, pushes and fetches with Bearer, and goes on when the token expires in between', async () => {
  const { gitServer, work, done, commit, server, expire } = await createStage();
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
  expect(gitServer.authorizations.some((each) => each?.startsWith('Basic'))).toBe(false);
});

test('says that a token was rejected, and the next command gets another one', async () => {
  const { gitServer, work, done, git, server, token } = await createStage();
  await done(['clone', '--quiet', `${gitServer.url}/app.git`]);
  server.rejectAccessToken(token);
  const refused = await git(['fetch'], work);
  expect([refused.exitCode, refused.stderr]).toEqual([128, expect.stringContaining('failed')]);
  expect(server.tokenRequests).toBe(0);
  await done(['fetch', '--quiet'], work);
  expect(server.tokenRequests).toBe(1);
});

test('a helper that keeps passwords keeps none of it', async () => {
  const { gitServer, directory, done } = await createStage();
  const kept = join(directory, 'kept');
  await done(['config', '--global', '--add', 'credential.helper', `store --file=${kept}`]);
  await done(['clone', '--quiet', `${gitServer.url}/app.git`]);
  expect(existsSync(kept)).toBe(false);
});

test('takes no token along when it is sent on to another host', async () => {
  const { gitServer, git } = await createStage();
  const stranger = await startGitServer(async () => true, 'Bearer');
  gitServer.redirectTo(stranger.url);
  expect((await git(['clone', `${gitServer.url}/app.git`])).exitCode).not.toBe(0);
  expect(new Set(stranger.authorizations)).toEqual(new Set([null]));
});

test('a server that is asked without waiting for its challenge gets what most of them know', async () => {
  const { gitServer, git, server } = await createGitStage({ program });
  for (const way of ['basic', 'auto']) {
    const args = ['-c', `http.proactiveAuth=${way}`, 'clone', `${gitServer.url}/app.git`, way];
    const cloned = await git(args);
    expect([way, cloned.exitCode, cloned.stderr]).toEqual([way, 0, cloned.stderr]);
  }
  expect(gitServer.authorizations.every((each) => each?.startsWith('Basic'))).toBe(true);
  expect(server.tokenRequests).toBe(0);
});
