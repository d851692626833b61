import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { execa } from 'execa';
import { beforeEach, expect, test } from 'vitest';
import { haveGitServer } from '../support/git-server.ts';
import { createGitStage } from '../support/git-stage.ts';
import { need } from '../support/need.ts';

beforeEach((context) => need(context, haveGitServer, 'git with git-http-backend'));

test('git goes on without Node.js, and after a rejection with the next token, by the installed launcher', async () => {
  const { gitServer, work, done, git, commit, server, token, started } = await createStage();
  await done(['clone', '--quiet', `${gitServer.url}/app.git`]);
  await commit('one');
  await done(['push', '--quiet', 'origin', 'HEAD:main'], work);
  const fetched = async () => {
    const { stderr, exitCode } = await git(['fetch', '--quiet'], work);
    return { exitCode, stderr, ...started(), requests: server.tokenRequests };
  };
  expect(await fetched()).toMatchObject({ exitCode: 0, get: 1, store: 0, requests: 0 });
  expect(await fetched()).toMatchObject({ exitCode: 0, get: 0, store: 0, requests: 0 });
  server.rejectAccessToken(token);
  expect(await fetched()).toMatchObject({
    ...{ exitCode: 128, get: 0, erase: 1, requests: 0 },
    stderr: expect.stringContaining('Authentication failed'),
  });
  expect(await fetched()).toMatchObject({ exitCode: 0, get: 1, erase: 0, requests: 1 });
  const passwords = new Set(gitServer.authorizations.filter((each) => each !== null));
  expect(passwords.size).toBe(2);
  // What it was answered after a renewal is not kept; the next answer is.
  expect(await fetched()).toMatchObject({ exitCode: 0, get: 1 });
  expect(await fetched()).toMatchObject({ exitCode: 0, get: 0 });
});

test('git is answered by Node.js again as soon as another login may answer', async () => {
  const { gitServer, work, done, git, run, importGrant, started } = await createStage();
  await done(['clone', '--quiet', `${gitServer.url}/app.git`]);
  await done(['fetch', '--quiet'], work);
  started();
  await done(['fetch', '--quiet'], work);
  expect(started()).toMatchObject({ get: 0 });
  await importGrant('play');
  await run(['hosts', 'play', 'add', gitServer.host]);
  const refused = await git(['fetch'], work);
  expect([refused.exitCode, refused.stderr]).toEqual([
    128,
    expect.stringContaining('several logins'),
  ]);
  expect(started()).toMatchObject({ get: 1 });
});

/** git finds what an installation puts there, and each start of Node.js is noted. */
const createStage = async () => {
  const stage = await createGitStage();
  const bin = await install(join(stage.directory, 'node_modules/tokenctl'));
  const noted = join(stage.directory, 'noted');
  const shim = join(stage.directory, 'shim');
  mkdirSync(shim);
  writeFileSync(
    join(shim, 'node'),
    `#!/bin/sh\necho "$*" >>'${noted}'\nexec '${process.execPath}' "$@"\n`,
    { mode: 0o755 },
  );
  stage.env.PATH = [shim, bin, process.env.PATH].join(':');
  /** For which operations it was started since this was asked last. */
  const started = () => {
    const lines = existsSync(noted) ? readFileSync(noted, 'utf8').split('\n') : [];
    writeFileSync(noted, '');
    const count = (operation: string) =>
      lines.filter((line) => line.endsWith(`credential git ${operation}`)).length;
    return { get: count('get'), store: count('store'), erase: count('erase') };
  };
  return { ...stage, started };
};

const install = async (directory: string): Promise<string> => {
  const root = resolve(import.meta.dirname, '../..');
  const bin = join(directory, 'bin');
  mkdirSync(dirname(bin), { recursive: true });
  for (const name of ['bin', 'package.json']) {
    cpSync(join(root, name), join(directory, name), { recursive: true });
  }
  symlinkSync(join(root, 'dist'), join(directory, 'dist'));
  await execa(process.execPath, [join(bin, 'postinstall.mjs')]);
  expect(readFileSync(join(bin, 'git-credential-tokenctl'), 'utf8')).toContain('credential git');
  return bin;
};
