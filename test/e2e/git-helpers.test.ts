import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { beforeEach, expect, onTestFinished, type TestContext, test } from 'vitest';
import { outputOf, tool } from '../support/client-user.ts';
import { createRepository, haveGitServer, startGitServer } from '../support/git-server.ts';
import { createGitStage } from '../support/git-stage.ts';
import { need } from '../support/need.ts';
import { recipe } from '../support/readme.ts';

beforeEach((context) => need(context, haveGitServer, 'git with git-http-backend'));

test('as the README says, a helper that keeps passwords hears nothing', async () => {
  const { gitServer, directory, runAs, done, token } = await createGitStage();
  const kept = join(directory, '.git-credentials');
  await done(['config', '--global', '--replace-all', 'credential.helper', 'store']);
  const commands = recipe('tokenctl credential git')
    .replaceAll('https://git.example.com', gitServer.url)
    .replaceAll('git.example.com', gitServer.host);
  expect(await runAs('sh', '-ec', commands)).toMatchObject({ exitCode: 0, stderr: '' });
  await done(['clone', '--quiet', `${gitServer.url}/app.git`]);
  expect(gitServer.authorizations.some((each) => each !== null)).toBe(true);
  expect(existsSync(kept)).toBe(false);
  // Without the empty helper it would.
  await done(['config', '--global', '--unset-all', `credential.${gitServer.url}.helper`, '^$']);
  await done(['clone', '--quiet', `${gitServer.url}/app.git`, 'again']);
  expect(readFileSync(kept, 'utf8')).toContain(token);
});

test('an outdated token of another helper is refused once, and ours is not renewed for it', async () => {
  const { gitServer, directory, done, git, server, token, run } = await createGitStage();
  const kept = join(directory, 'kept');
  await done(['config', '--global', '--replace-all', 'credential.helper', `store --file=${kept}`]);
  await done(['config', '--global', '--add', 'credential.helper', 'tokenctl']);
  await done(['clone', '--quiet', `${gitServer.url}/app.git`]);
  expect(readFileSync(kept, 'utf8')).toContain(token);
  server.rejectAccessToken(token);
  expect(await run(['get', 'work', '--force'])).toMatchObject({ code: 0 });
  expect(server.tokenRequests).toBe(1);
  expect((await git(['-C', 'app', 'fetch'])).exitCode).not.toBe(0);
  expect(readFileSync(kept, 'utf8')).toBe('');
  await done(['-C', 'app', 'fetch', '--quiet']);
  expect(server.tokenRequests).toBe(1);
});

test('git’s cache gives our token up when it expires', async (context: TestContext) => {
  const program = tool('git');
  const [, major, minor] = /^git version (\d+)\.(\d+)/.exec(outputOf(program, '--version')) ?? [];
  need(context, Number(major) * 100 + Number(minor) >= 240, 'git 2.40 (.ci/tools brings it)');
  const { gitServer, git, done, server, expire, run, directory } = await createGitStage({
    program,
  });
  const socket = `--socket=${join(directory, 'cache', 'socket')}`;
  onTestFinished(async () => {
    await git(['credential-cache', socket, 'exit']);
  });
  await done(['config', '--global', '--replace-all', 'credential.helper', `cache ${socket}`]);
  const ours = ['config', '--global', '--add', 'credential.helper', 'tokenctl'];
  await done(ours);
  server.configure({ accessTokenLifetime: 8 });
  await expire();
  await done(['clone', '--quiet', `${gitServer.url}/app.git`]);
  await done(['config', '--global', '--unset', 'credential.helper', '^tokenctl$']);
  await done(['-C', 'app', 'fetch', '--quiet']);
  expect(server.tokenRequests).toBe(1);
  await done(ours);
  const { stdout } = await run(['status', 'work', '--json']);
  await setTimeout(Date.parse(JSON.parse(stdout).expires_at) + 1_000 - Date.now());
  await done(['-C', 'app', 'fetch', '--quiet']);
  expect(server.tokenRequests).toBe(2);
});

test('what other helpers know is theirs', async () => {
  const { gitServer, directory, done, home } = await createGitStage();
  const other = await startGitServer(async (_, password) => password === 'of-another-helper');
  await createRepository(other, 'other.git');
  const kept = join(directory, 'kept');
  const address = `http://someone:of-another-helper@${other.host}\n`;
  writeFileSync(kept, address, { mode: 0o600 });
  await done(['config', '--global', '--add', 'credential.helper', `store --file=${kept}`]);
  await done(['clone', '--quiet', `${other.url}/other.git`]);
  await done(['clone', '--quiet', `${gitServer.url}/app.git`]);
  const record = readFileSync(join(home, 'credentials', 'work.json'), 'utf8');
  expect(record).not.toContain('of-another-helper');
});
