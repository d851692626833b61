import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { outputOf, tool } from '../support/client-user.ts';
import { need } from '../support/need.ts';
import { createSetupUser } from '../support/setup-user.ts';

const DOCKER = tool('docker');

/** A person whose helper writes down what it is asked, and knows nothing. */
const start = async (...hosts: string[]) => {
  const user = await createSetupUser(...hosts);
  const log = join(user.home, '..', 'asked');
  const bin = join(user.home, '..', 'bin');
  const helper = join(bin, 'docker-credential-tokenctl');
  mkdirSync(bin);
  writeFileSync(
    helper,
    `#!/bin/sh\nread -r server\necho "$server" >>'${log}'\necho credentials not found in native keychain\nexit 1\n`,
  );
  chmodSync(helper, 0o755);
  writeFileSync(log, '');
  user.env.PATH = `${bin}:${user.env.PATH}`;
  const asked = () => [...new Set(readFileSync(log, 'utf8').split('\n').slice(0, -1))];
  return { ...user, asked };
};

/** Nobody is there: all of it is over when the helper has been asked. */
const NOWHERE = 'http://127.0.0.1:1';

test('docker asks us for Docker Hub under the name that it has for it', async (context) => {
  need(context, outputOf(DOCKER, '--version') !== '', 'docker (.ci/tools brings it)');
  const { setup, snapshot, program, env, asked } = await start('index.docker.io');
  const before = snapshot();
  const { exitCode, stderr } = await setup('docker');
  expect([exitCode, stderr]).toEqual([0, expect.stringContaining('hosts NAME add docker.io')]);
  Object.assign(env, { HTTPS_PROXY: NOWHERE, HTTP_PROXY: NOWHERE });
  await program(DOCKER, 'manifest', 'inspect', 'busybox');
  expect(asked()).toEqual(['https://index.docker.io/v1/']);
  expect((await setup('docker', '--undo', '--host', 'index.docker.io')).exitCode).toBe(0);
  const { '.docker': _, ...now } = snapshot();
  expect(now).toEqual(before);
});

test('skopeo asks us for Docker Hub under the name that it has for it', async (context) => {
  need(context, outputOf('skopeo', '--version') !== '', 'skopeo');
  const { setup, program, env, asked } = await start('docker.io', 'index.docker.io');
  const { exitCode, stderr } = await setup('docker');
  expect([exitCode, stderr]).toEqual([0, expect.not.stringContaining('warning')]);
  Object.assign(env, { HTTPS_PROXY: NOWHERE, HTTP_PROXY: NOWHERE });
  await program('skopeo', 'inspect', 'docker://busybox');
  expect(asked()).toEqual(['docker.io']);
});

test('a configuration that is nested too deeply is refused as any other that cannot be read', async () => {
  const { setup, snapshot, user } = await start('registry.example.com');
  mkdirSync(join(user, '.docker'));
  writeFileSync(join(user, '.docker', 'config.json'), `{"a":${'['.repeat(1e6)}${']'.repeat(1e6)}}`);
  const before = snapshot();
  const { exitCode, stderr } = await setup('docker');
  expect([exitCode, stderr]).toEqual([6, expect.stringContaining('nothing was changed')]);
  expect(snapshot()).toEqual(before);
});
