import { readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { outputOf, tool } from '../support/client-user.ts';
import { haveGitServer } from '../support/git-server.ts';
import { createGitStage } from '../support/git-stage.ts';
import { startLfsServer } from '../support/lfs-server.ts';
import { need } from '../support/need.ts';

const LFS = tool('git-lfs');

beforeEach((context) => {
  need(context, haveGitServer, 'git with git-http-backend');
  need(context, outputOf(LFS, 'version') !== '', 'git-lfs (.ci/tools brings it)');
});

/** A repository whose large files are on a server of their own. The first token may end with a request. */
const createStage = async (endsAt?: string) => {
  const stage = await createGitStage();
  const lfs = await startLfsServer((token, url) => {
    if (url === endsAt && token === stage.token) {
      stage.server.rejectAccessToken(token);
    }
    return stage.isLive(token);
  });
  await stage.run(['hosts', 'work', 'add', lfs.host]);
  if (LFS.includes('/')) {
    stage.env.PATH = [dirname(LFS), stage.env.PATH].join(delimiter);
  }
  const { done, work, gitServer } = stage;
  await done(['config', '--global', 'lfs.url', lfs.url]);
  await done(['config', '--global', 'lfs.locksverify', 'false']);
  await done(['lfs', 'install', '--skip-repo']);
  await done(['clone', '--quiet', `${gitServer.url}/app.git`]);
  await done(['lfs', 'track', '*.bin'], work);
  writeFileSync(join(work, 'large.bin'), 'large');
  await done(['add', '.'], work);
  await done(['commit', '--quiet', '-m', 'large'], work);
  return { ...stage, lfs };
};

test('git-lfs brings large files there and back, and goes on when the token expires in between', async () => {
  const { done, work, lfs, expire, server, gitServer, directory } = await createStage();
  await done(['push', '--quiet', 'origin', 'HEAD:main'], work);
  expect(lfs.requests).toContain('PUT /objects/OID 200');
  expect(server.tokenRequests).toBe(0);
  await expire();
  await done(['clone', '--quiet', `${gitServer.url}/app.git`, 'again']);
  expect(lfs.requests).toContain('GET /objects/OID 200');
  expect(readFileSync(join(directory, 'again', 'large.bin'), 'utf8')).toBe('large');
  expect(server.tokenRequests).toBe(1);
});

test('git-lfs says that a token was rejected, and gets another one', async () => {
  const { done, work, lfs, server } = await createStage('/objects/batch');
  await done(['lfs', 'push', '--all', lfs.url], work);
  expect(lfs.requests.filter((each) => each.startsWith('POST'))).toEqual([
    ...['POST /objects/batch 401', 'POST /objects/batch 401', 'POST /objects/batch 200'],
  ]);
  expect(server.tokenRequests).toBe(1);
});
