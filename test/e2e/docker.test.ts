import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { withAuthority } from '../oauth/certificates.ts';
import { createClientUser, outputOf, tool } from '../support/client-user.ts';
import { createImage } from '../support/image.ts';
import { need } from '../support/need.ts';
import { recipe } from '../support/readme.ts';
import { haveRegistry, startRegistry } from '../support/registry.ts';

const authority = withAuthority();
const DOCKER = tool('docker');

beforeEach((context) => {
  need(context, haveRegistry, 'docker-registry');
  need(context, outputOf('skopeo', '--version') !== '', 'skopeo');
});

/** The real registry, a login that is bound to it, and a user who has done what the README says. */
const createStage = async () => {
  const user = await createClientUser();
  const registry = await startRegistry(authority(), user.isLive);
  createImage(join(user.user, 'image'));
  mkdirSync(join(user.user, '.docker'));
  const configure = (...hosts: string[]): void => {
    const config = JSON.parse(recipe('credHelpers'));
    config.credHelpers = Object.fromEntries(
      hosts.map((host) => [host, config.credHelpers['registry.example.com']]),
    );
    writeFileSync(join(user.user, '.docker', 'config.json'), JSON.stringify(config));
  };
  configure(registry.host);
  await user.run(['hosts', 'work', 'add', registry.host]);
  const skopeo = (...args: string[]) => user.runAs('skopeo', ...args);
  const image = (host = registry.host) => `docker://${host}/app:one`;
  return {
    ...{ ...user, registry, configure },
    push: (host?: string) =>
      skopeo('--insecure-policy', 'copy', '--dest-tls-verify=false', 'oci:image:one', image(host)),
    pull: (to: string) =>
      skopeo('--insecure-policy', 'copy', '--src-tls-verify=false', image(), `oci:${to}:one`),
    inspect: () => user.runAs(DOCKER, 'manifest', 'inspect', '--insecure', image().slice(9)),
    asked: spyOnHelper(user),
  };
};

/** A helper that writes down what it is asked to do, in front of ours. */
const spyOnHelper = ({ user, env }: { user: string; env: { PATH: string } }) => {
  const log = join(user, 'asked');
  const program = join(user, 'bin', 'docker-credential-tokenctl');
  mkdirSync(join(user, 'bin'));
  const script = `#!/bin/sh\necho "$1" >>'${log}'\nPATH='${env.PATH}' exec docker-credential-tokenctl "$@"\n`;
  writeFileSync(program, script);
  chmodSync(program, 0o700);
  writeFileSync(log, '');
  env.PATH = [join(user, 'bin'), env.PATH].join(delimiter);
  return () => readFileSync(log, 'utf8').trim().split('\n');
};

describe('skopeo, and a registry with token authentication', () => {
  test('pushes and pulls as the README says, and goes on when the token expires in between', async () => {
    const { push, pull, registry, expire, server } = await createStage();
    expect(await push()).toMatchObject({ exitCode: 0 });
    expect(await pull('one')).toMatchObject({ exitCode: 0 });
    expect(server.tokenRequests).toBe(0);
    await expire();
    expect(await pull('two')).toMatchObject({ exitCode: 0 });
    expect(server.tokenRequests).toBe(1);
    await expire();
    expect(await push()).toMatchObject({ exitCode: 0 });
    expect(server.tokenRequests).toBe(2);
    expect(registry.tokenRequests).toEqual(Array(4).fill('GET 200'));
  });

  test('cannot say that a token was revoked there: it is told to tokenctl', async () => {
    const { push, pull, registry, server, token, asked, runAs } = await createStage();
    expect(await push()).toMatchObject({ exitCode: 0 });
    server.rejectAccessToken(token);
    for (const _ of ['once', 'again']) {
      const refused = await pull('refused');
      expect([refused.exitCode, refused.stderr]).toEqual([1, expect.stringContaining('unauthor')]);
    }
    expect(new Set(asked())).toEqual(new Set(['get']));
    expect(registry.tokenRequests).toEqual(['GET 200', 'GET 401', 'GET 401']);
    expect(await runAs('sh', '-ec', recipe('tokenctl invalidate'))).toMatchObject({ exitCode: 0 });
    expect(await pull('pulled')).toMatchObject({ exitCode: 0 });
    expect(server.tokenRequests).toBe(1);
  });

  test('hands it on as an identity token where the account is <token>', async () => {
    const { push, pull, registry, run } = await createStage();
    await run(['hosts', 'work', 'remove', registry.host]);
    await run(['hosts', 'work', 'add', `<token>@${registry.host}`]);
    expect(await push()).toMatchObject({ exitCode: 0 });
    expect(await pull('pulled')).toMatchObject({ exitCode: 0 });
    expect(registry.tokenRequests).toEqual(['POST 200', 'POST 200']);
  });

  test('has nothing for another registry', async () => {
    const { push, registry, configure, isLive } = await createStage();
    const other = await startRegistry(authority(), isLive);
    // Both are configured; the login is bound to one of them.
    configure(registry.host, other.host);
    expect((await push(other.host)).exitCode).not.toBe(0);
    expect(other.authorizations.length).toBeGreaterThan(0);
    // Where there is none it sends an empty user name and password, if anything.
    const empty = `Basic ${Buffer.from(':').toString('base64')}`;
    const given = other.authorizations.filter((each) => each !== null && each !== empty);
    expect(given).toEqual([]);
    expect(await push()).toMatchObject({ exitCode: 0 });
  });
});

describe('docker itself', () => {
  beforeEach((context) => {
    need(context, outputOf(DOCKER, '--version') !== '', 'docker');
  });

  test('reads a manifest, and goes on when the token expires in between', async () => {
    const { push, inspect, expire, server } = await createStage();
    await push();
    expect(JSON.parse((await inspect()).stdout).layers).toHaveLength(1);
    await expire();
    expect(JSON.parse((await inspect()).stdout).layers).toHaveLength(1);
    expect(server.tokenRequests).toBe(1);
  });

  test('does not say either that a token was revoked there', async () => {
    const { push, inspect, server, token, asked, run } = await createStage();
    await push();
    server.rejectAccessToken(token);
    expect(await inspect()).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining('unauth'),
    });
    expect(new Set(asked())).toEqual(new Set(['get']));
    await run(['invalidate', 'work']);
    expect(await inspect()).toMatchObject({ exitCode: 0 });
    expect(server.tokenRequests).toBe(1);
  });
});
