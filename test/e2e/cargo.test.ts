import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { createClientUser, outputOf } from '../support/client-user.ts';
import { startCrateRegistry } from '../support/crate-registry.ts';
import { need } from '../support/need.ts';
import { recipe } from '../support/readme.ts';

const [, minor = '0'] = /^cargo 1\.(\d+)/.exec(outputOf('cargo', '--version')) ?? [];

beforeEach((context) => need(context, Number(minor) >= 74, 'cargo 1.74 or later'));

/** Two private registries, a login that is bound to the first, and a user who has done what the README says. */
const createStage = async () => {
  const user = await createClientUser();
  const ends: { before?: string } = {};
  const isLive = (token: string, url: string) => {
    if (url === ends.before) {
      user.server.rejectAccessToken(token);
    }
    return user.isLive(token);
  };
  const registry = await startCrateRegistry(isLive);
  const other = await startCrateRegistry(isLive);
  const at = (host: string) =>
    recipe('[registries.acme]').replace('https://crates.example.com', `http://${host}`);
  mkdirSync(join(user.user, '.cargo'));
  const config = `${at(registry.host)}\n${at(other.host).replace('acme', 'another')}`;
  writeFileSync(join(user.user, '.cargo', 'config.toml'), config);
  await user.run(['hosts', 'work', 'add', registry.host]);
  createPackage(join(user.user, 'lib'), 'acme-lib', '');
  createPackage(join(user.user, 'app'), 'app', 'acme-lib = { version = "1", registry = "acme" }');
  const manifest = (of: string) => `--manifest-path=${join(user.user, of, 'Cargo.toml')}`;
  const publish = (to: string) =>
    user.runAs('cargo', 'publish', '--no-verify', `--registry=${to}`, manifest('lib'));
  const fetchIt = () => user.runAs('cargo', 'fetch', manifest('app'));
  return { ...user, registry, other, publish, fetch: fetchIt, ends };
};

const createPackage = (directory: string, name: string, dependencies: string): void => {
  mkdirSync(join(directory, 'src'), { recursive: true });
  writeFileSync(join(directory, 'src', 'lib.rs'), '');
  writeFileSync(
    join(directory, 'Cargo.toml'),
    `[package]\nname = "${name}"\nversion = "1.0.0"\nedition = "2021"\n[dependencies]\n${dependencies}\n`,
  );
};

test('publishes and fetches as the README says, and goes on when the token expires in between', async () => {
  const { publish, fetch, registry, expire, server, user } = await createStage();
  expect(await publish('acme')).toMatchObject({ exitCode: 0 });
  expect(registry.requests).toContain('PUT /api/v1/crates/new 200');
  expect(server.tokenRequests).toBe(0);
  await expire();
  expect(await fetch()).toMatchObject({ exitCode: 0 });
  expect(server.tokenRequests).toBe(1);
  expect(registry.requests).toContain('GET /dl/acme-lib/1.0.0/download 200');
  expect(readFileSync(join(user, 'app', 'Cargo.lock'), 'utf8')).toContain('name = "acme-lib"');
});

test('cannot say that a token was revoked in the middle: it is told to tokenctl', async () => {
  const { publish, fetch, registry, server, ends, run } = await createStage();
  await publish('acme');
  ends.before = '/dl/acme-lib/1.0.0/download';
  const refused = await fetch();
  expect([refused.exitCode, refused.stderr]).toEqual([101, expect.stringContaining('401')]);
  delete ends.before;
  expect((await fetch()).exitCode).toBe(101);
  expect(registry.requests.at(-1)).toMatch(/ 401$/);
  expect(server.tokenRequests).toBe(0);
  expect(await run(['invalidate', 'work'])).toMatchObject({ code: 0 });
  expect(await fetch()).toMatchObject({ exitCode: 0 });
  expect(server.tokenRequests).toBe(1);
});

test('has nothing for another registry', async () => {
  const { publish, other } = await createStage();
  expect((await publish('another')).exitCode).toBe(101);
  expect(new Set(other.authorizations)).toEqual(new Set([undefined]));
  expect(await publish('acme')).toMatchObject({ exitCode: 0 });
});
