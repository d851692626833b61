import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { changeRecord } from '../../src/change-record.ts';
import type { Credential } from '../../src/credential.ts';
import { parseRecord } from '../../src/record-parser.ts';
import { loginStore } from '../../src/store/file.ts';
import { filesBelow } from '../support/expired-login.ts';
import { hasKeyring, type Keyring, startKeyring } from '../support/keyring.ts';
import { findLeaks } from '../support/leaks.ts';
import { createSharedLogin, type SharedLogin } from '../support/login.ts';
import { need } from '../support/need.ts';
import { hasTerminals, openTerminal } from '../support/terminal.ts';
import type { Result } from '../support/tokenctl.ts';
import { canWitness, witness } from '../support/witness.ts';

let login: SharedLogin;
let keyring: Keyring;
let env: NodeJS.ProcessEnv;

beforeEach(async (context) => {
  need(context, hasKeyring(), 'gnome-keyring, dbus and libsecret-tools');
  login = await createSharedLogin();
  keyring = await startKeyring();
  env = keyring.env;
}, 60_000);

const run = (args: readonly string[], more: NodeJS.ProcessEnv = {}): Promise<Result> =>
  login.run(args, { env: { ...env, ...more } });

/** Takes a new grant over into the keychain. */
const signIn = async (lifetime = 3_600): Promise<void> => {
  const input = JSON.stringify({
    ...login.server.grant({ lifetime }),
    token_endpoint: login.server.tokenEndpoint,
    client_id: login.server.clientId,
  });
  const imported = await login.run(['import', 'work', '--store', 'keychain'], { env, input });
  expect(imported).toMatchObject({ code: 0, stderr: '' });
  login.server.clearLog();
};

const expire = (members: Partial<Credential> = { lifetime: 0 }) =>
  changeRecord(loginStore('work', { TOKENCTL_HOME: login.home }), 1_000, (record) =>
    record === null ? null : { ...record, ...members },
  );

/** Refresh tokens that are to be seen somewhere below the home. */
const onDisk = (): string[] => {
  const all = filesBelow(login.home).map(({ text }) => text);
  return login.server
    .everyIssuedSecret()
    .filter((secret) => secret !== accessTokenOf(recordText()))
    .filter((secret) => all.some((text) => text.includes(secret)));
};

const recordText = () => readFileSync(login.recordPath('work'), 'utf8');
const accessTokenOf = (text: string): string => JSON.parse(text).access_token;
const record = () => {
  const parsed = parseRecord(recordText());
  if (parsed.kind !== 'record') {
    throw new Error(parsed.what);
  }
  return parsed.record;
};

const helpers = (): string[] =>
  spawnSync('ps', ['-eo', 'pid,args'], { encoding: 'utf8' })
    .stdout.split('\n')
    .filter((line) => line.includes(join(import.meta.dirname, '../../dist/keychain.cjs')));

/** How much it has read so far: nothing more, as long as nobody asks anything of it. */
const helperReading = (): { pid: number; read: number } | null => {
  const pid = Number(helpers()[0]?.trim().split(' ')[0]);
  const [, read] = Number.isNaN(pid)
    ? []
    : (/rchar: (\d+)/.exec(readFileSync(`/proc/${pid}/io`, 'utf8')) ?? []);
  return read === undefined ? null : { pid, read: Number(read) };
};

const until = async (holds: () => boolean): Promise<void> => {
  while (!holds()) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

describe('a login in the keychain', () => {
  test('50 gets, its expiry and 50 gets more cost one request, and leave no refresh token on the disk', async () => {
    await signIn();
    const first = await login.runMany(50, ['get', 'work'], { env });
    expect(tally(first)).toEqual({ [`0 ${record().accessToken?.reveal()}\n`]: 50 });
    expect(login.server.tokenRequests).toBe(0);
    await expire();
    const second = await login.runMany(50, ['get', 'work'], { env });
    expect(tally(second)).toEqual({ [`0 ${record().accessToken?.reveal()}\n`]: 50 });
    expect(login.server.tokenRequests).toBe(1);
    expect(second[0]?.stdout).not.toBe(first[0]?.stdout);
    expect(onDisk()).toEqual([]);
    expect(keyring.entries()).toHaveLength(1);
    expect(JSON.parse(keyring.entries()[0]?.secret ?? '')).toMatchObject({ generation: 2 });
    expect((await run(['status'])).stdout).toMatch(/KEPT IN\nwork .* fresh +keychain\n/);
    expect((await run(['remove', 'work', '--yes'])).code).toBe(0);
    expect(keyring.entries()).toEqual([]);
    await until(() => helpers().length === 0);
  });

  test('a fresh get needs no keychain, and a command that renews nothing neither', async () => {
    await signIn();
    const without = { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/nonexistent' };
    expect(await run(['get', 'work'], without)).toMatchObject({ code: 0, stderr: '' });
    expect(await run(['status', 'work'], without)).toMatchObject({ code: 0, stderr: '' });
    expect(await run(['invalidate', 'work'], without)).toMatchObject({ code: 0, stderr: '' });
    expect((await run(['get', 'work'])).code).toBe(0);
    expect(login.server.tokenRequests).toBe(1);
  });

  test('30 processes at its expiry refresh once', async () => {
    await signIn(0);
    const results = await login.runMany(30, ['get', 'work'], { env });
    expect(tally(results)).toEqual({ [`0 ${record().accessToken?.reveal()}\n`]: 30 });
    expect(login.server.tokenRequests).toBe(1);
  });

  test('goes with a directory that is renamed, and is shared through a link', async () => {
    await signIn(0);
    const there = `${login.home}-renamed`;
    renameSync(login.home, there);
    const other = `${login.home}-other`;
    mkdirSync(join(other, 'credentials'), { recursive: true, mode: 0o700 });
    symlinkSync(join(there, 'credentials/work.json'), join(other, 'credentials/work.json'));
    const one = await run(['get', 'work'], { TOKENCTL_HOME: there });
    expect(one).toMatchObject({ code: 0, stderr: '' });
    const two = await run(['get', 'work', '--force'], { TOKENCTL_HOME: other });
    expect(two).toMatchObject({ code: 0, stderr: '' });
    expect(login.server.tokenRequests).toBe(2);
    expect(keyring.entries()).toHaveLength(1);
  });

  test('that was copied is not spent by the copy, and belongs to it alone once it is adopted', async () => {
    await signIn(0);
    const [before] = keyring.entries();
    const copy = `${login.home}-copy`;
    cpSync(login.home, copy, { recursive: true });
    const there = { TOKENCTL_HOME: copy };
    const refused = await run(['get', 'work'], there);
    expect(refused).toMatchObject({ code: 6, stdout: '' });
    expect(refused.stderr).toContain('tokenctl adopt work');
    expect(login.server.tokenRequests).toBe(0);
    // Nor moved, and what is forgotten with the copy is not what the original needs.
    expect((await run(['store', 'work', '--to', 'file'], there)).code).toBe(6);
    for (const forget of [
      ['remove', 'work', '--yes'],
      ['import', 'work'],
    ]) {
      const other = `${login.home}-other`;
      rmSync(other, { recursive: true, force: true });
      cpSync(login.home, other, { recursive: true });
      const input = '{"access_token":"of-another-grant"}';
      const done = await login.run(forget, { env: { ...env, TOKENCTL_HOME: other }, input });
      expect(done).toMatchObject({ code: 0, stderr: '' });
      expect(keyring.entries().map(({ slot }) => slot)).toContain(before?.slot);
    }
    expect((await run(['adopt', 'work'], there)).code).toBe(0);
    // Moved, and not copied: where it came from it cannot be spent any more.
    expect(keyring.entries().map(({ slot }) => slot)).not.toContain(before?.slot);
    expect((await run(['get', 'work'], there)).code).toBe(0);
    expect(login.server.tokenRequests).toBe(1);
    const gone = await run(['get', 'work']);
    expect(gone.code).toBe(6);
    expect(gone.stderr).toContain('no entry for this login');
    expect(login.server.tokenRequests).toBe(1);
  });
});

describe('a keychain that is locked', () => {
  test('before a refresh: nothing is sent, nobody is logged out, and unlocking it is enough', async () => {
    await signIn(0);
    keyring.lock();
    const refused = await run(['get', 'work']);
    expect(refused).toMatchObject({ code: 5, stdout: '' });
    expect(refused.stderr).toMatch(/the keychain is locked.*unlock it/);
    expect(record()).toMatchObject({ generation: 1, state: { kind: 'active' } });
    expect((await run(['status', 'work', '--json'])).stdout).toContain('the keychain is locked');
    expect(login.server.tokenRequests).toBe(0);
    await keyring.unlock();
    expect(await run(['get', 'work'])).toMatchObject({ code: 0, stderr: '' });
    expect(login.server.tokenRequests).toBe(1);
  });

  test('while the token is valid: it is served, with a warning', async () => {
    await signIn();
    await expire({ refreshAt: 1e-9 });
    keyring.lock();
    const served = await run(['get', 'work']);
    expect(served).toMatchObject({ code: 0, stdout: `${record().accessToken?.reveal()}\n` });
    expect(served.stderr).toContain('warning: the keychain is locked');
    // For a moment nobody asks again.
    expect(await run(['get', 'work'])).toMatchObject({ code: 0, stderr: '' });
    expect(login.server.tokenRequests).toBe(0);
  });

  test('while the answer is under way: the new refresh token is kept in the file, and put back later', async () => {
    await signIn(0);
    const forget = login.server.onTokenRequest(() => {
      forget();
      keyring.lock();
    });
    const got = await run(['get', 'work']);
    expect(got).toMatchObject({ code: 0, stdout: `${record().accessToken?.reveal()}\n` });
    expect(got.stderr).toContain('the new refresh token is in the credential file until');
    expect(record()).toMatchObject({ generation: 2, kept: { place: 'keychain', stowed: false } });
    expect(statSync(login.recordPath('work')).mode & 0o777).toBe(0o600);
    expect((await run(['status', 'work', '--json'])).stdout).toContain('could not be put');
    // As long as it is locked, the login goes on in the file.
    expect((await run(['get', 'work', '--force'])).code).toBe(0);
    expect(record()).toMatchObject({ generation: 3, kept: { stowed: false } });
    await keyring.unlock();
    expect(await run(['get', 'work', '--force'])).toMatchObject({ code: 0, stderr: '' });
    expect(record()).toMatchObject({ generation: 4, kept: { stowed: true } });
    expect(onDisk()).toEqual([]);
    expect(login.server.tokenRequests).toBe(3);
    expect(keyring.entries()).toHaveLength(1);
  });

  test('does not keep a login from being removed, which says what it left', async () => {
    await signIn();
    const [{ slot } = { slot: '' }] = keyring.entries();
    keyring.lock();
    const removed = await run(['remove', 'work', '--yes']);
    expect(removed.code).toBe(0);
    expect(removed.stderr).toContain(`account "${slot}"`);
    expect((await run(['get', 'work'])).code).toBe(3);
  });

  test('does not take a login in, and leaves it where it was', async () => {
    keyring.lock();
    await login.importGrant('work', 0);
    const before = recordText();
    const refused = await run(['store', 'work', '--to', 'keychain']);
    expect(refused.code).toBe(5);
    expect(withoutLinks(recordText())).toBe(withoutLinks(before));
    // Nor where there is none.
    expect((await login.run(['store', 'work', '--to', 'keychain'])).code).toBe(6);
    expect(withoutLinks(recordText())).toBe(withoutLinks(before));
    expect(await run(['get', 'work'])).toMatchObject({ code: 0, stderr: '' });
    await keyring.unlock();
    expect((await run(['store', 'work', '--to', 'keychain'])).code).toBe(0);
    expect(keyring.entries()).toHaveLength(1);
    expect(onDisk()).toEqual([]);
  });
});

describe('a keychain that goes away', () => {
  test('before a refresh: nothing is sent, and nobody is logged out', async () => {
    await signIn(0);
    await keyring.signal('SIGKILL');
    const refused = await run(['get', 'work']);
    expect([5, 6]).toContain(refused.code);
    expect(refused.stderr).toMatch(/keychain/);
    expect(record().state.kind).toBe('active');
    expect(login.server.tokenRequests).toBe(0);
  });

  test('while the answer is under way: the new token is printed and kept', async () => {
    await signIn(0);
    let killed: Promise<void> | null = null;
    const forget = login.server.onTokenRequest(() => {
      forget();
      killed = keyring.signal('SIGKILL');
    });
    login.server.configure({ latencyMs: 500 });
    const got = await run(['get', 'work']);
    await killed;
    expect(got).toMatchObject({ code: 0, stdout: `${record().accessToken?.reveal()}\n` });
    expect(got.stderr).toContain('the new refresh token is in the credential file until');
    login.server.configure({ latencyMs: 0 });
    expect((await run(['get', 'work', '--force'])).code).toBe(0);
    expect(login.server.tokenRequests).toBe(2);
  });

  test('altogether (no session bus): exit 6 and what to do', async () => {
    await signIn(0);
    const refused = await login.run(['get', 'work']);
    expect(refused).toMatchObject({ code: 6, stdout: '' });
    expect(refused.stderr).toMatch(/none can be reached from here.*tokenctl store work --to file/);
    expect(login.server.tokenRequests).toBe(0);
    expect(await run(['get', 'work'])).toMatchObject({ code: 0, stderr: '' });
  });

  test('and takes in no login where there is none: import says so and leaves nothing', async () => {
    const input = JSON.stringify({
      ...login.server.grant(),
      token_endpoint: login.server.tokenEndpoint,
      client_id: login.server.clientId,
    });
    const refused = await login.run(['import', 'work', '--store', 'keychain'], { input });
    expect(refused.code).toBe(6);
    expect((await run(['status'])).stderr).toContain('No logins yet');
    expect(login.server.everyIssuedSecret().filter(isBelowHome)).toEqual([]);
  });
});

test('a keychain that hangs is given up in time, and its process with it', async () => {
  await signIn(0);
  await keyring.signal('SIGSTOP');
  const started = performance.now();
  const refused = await run(['get', 'work', '--timeout', '1s']);
  // It is killed after three seconds at the earliest; libsecret itself would wait for 25.
  expect(performance.now() - started).toBeLessThan(20_000);
  expect(refused).toMatchObject({ code: 5, stdout: '' });
  expect(refused.stderr).toContain('the keychain does not answer');
  await until(() => helpers().length === 0);
  expect(record().state.kind).toBe('active');
  expect(login.server.tokenRequests).toBe(0);
  // One waits for it, and all the others take its outcome.
  const many = await login.runMany(12, ['get', 'work'], { env });
  expect(performance.now() - started).toBeLessThan(60_000);
  expect(many.map(({ code, stdout }) => `${code}${stdout}`)).toEqual(Array(12).fill('5'));
  await keyring.signal('SIGCONT');
  expect(await run(['get', 'work'])).toMatchObject({ code: 0, stderr: '' });
});

test('a process that is killed while the new refresh token goes into the keychain loses nothing', async () => {
  await signIn(0);
  let idle: { pid: number; read: number } | null = null;
  const forget = login.server.onTokenRequest(() => {
    forget();
    void keyring.signal('SIGSTOP');
    idle = helperReading();
  });
  const got = login.start(['get', 'work'], { env });
  await until(() => idle !== null && (helperReading()?.read ?? 0) > idle.read);
  got.child.kill('SIGKILL');
  expect((await got.result).signal).toBe('SIGKILL');
  await keyring.signal('SIGCONT');
  await until(() => helpers().length === 0);
  // The helper has finished what it had begun: the entry is ahead of the record.
  expect(record().generation).toBe(1);
  expect(JSON.parse(keyring.entries()[0]?.secret ?? '')).toMatchObject({ generation: 2 });
  expect(await run(['get', 'work'])).toMatchObject({ code: 0, stderr: '' });
  expect(record().generation).toBe(3);
  expect(login.server.tokenRequests).toBe(2);
});

test('Ctrl-C in a terminal, while the new refresh token goes into the keychain, loses nothing', async (context) => {
  need(context, hasTerminals(), 'script(1) of util-linux');
  await signIn(0);
  let idle: { pid: number; read: number } | null = null;
  const forget = login.server.onTokenRequest(() => {
    forget();
    void keyring.signal('SIGSTOP');
    idle = helperReading();
  });
  const exports = ['HOME', 'XDG_RUNTIME_DIR', 'DBUS_SESSION_BUS_ADDRESS'].map(
    (name) => `export ${name}='${env[name]}'`,
  );
  const terminal = openTerminal(login, `${exports.join('\n')}\n"$@" get work; echo "exit $?"\n`);
  await until(() => idle !== null && (helperReading()?.read ?? 0) > idle.read);
  terminal.type('\x03');
  await keyring.signal('SIGCONT');
  await until(() => helpers().length === 0);
  await terminal.ended;
  expect(record()).toMatchObject({ generation: 2, kept: { stowed: true } });
  expect(JSON.parse(keyring.entries()[0]?.secret ?? '')).toMatchObject({ generation: 2 });
  expect(login.server.tokenRequests).toBe(1);
});

test('nothing secret is in the arguments, the environment or the output of any process', async (context) => {
  need(context, canWitness, 'a /proc that shows other processes');
  await signIn(0);
  const debug = { ...env, TOKENCTL_DEBUG: '1', NODE_DEBUG: 'child_process' };
  const got = login.start(['get', 'work'], { env: debug });
  const { looks, ...testimony } = await witness(got.child.pid, [login.home], got.result);
  const { code, stdout, stderr } = await got.result;
  expect(code).toBe(0);
  expect(stderr).toContain('secrets opened');
  expect(looks).toBeGreaterThan(0);
  const secrets = login.server.everyIssuedSecret();
  expect(findLeaks({ ...testimony, stderr }, secrets)).toEqual([]);
  const printed = stdout.trim();
  expect(
    findLeaks(
      { stdout },
      secrets.filter((secret) => secret !== printed),
    ),
  ).toEqual([]);
});

test('a login goes from place to place, and is only ever in one', async () => {
  await login.importGrant('work', 0);
  const secret = { TOKENCTL_KEY_COMMAND: 'echo "a passphrase of some words"' };
  const places: [string, number, number][] = [
    ['keychain', 1, 0],
    ['encrypted', 0, 0],
    ['keychain', 1, 0],
    ['file', 0, 1],
    ['encrypted', 0, 0],
    ['file', 0, 1],
  ];
  for (const [place, entries, here] of places) {
    const moved = await run(['store', 'work', '--to', place], secret);
    expect(moved).toMatchObject({ code: 0, stderr: '' });
    expect(keyring.entries()).toHaveLength(entries);
    expect(onDisk()).toHaveLength(here);
    expect(await run(['get', 'work', '--force'], secret)).toMatchObject({ code: 0, stderr: '' });
    expect(keyring.entries()).toHaveLength(entries);
    expect(onDisk()).toHaveLength(here);
    const again = await run(['store', 'work', '--to', place, '--json'], secret);
    expect(JSON.parse(again.stdout)).toEqual({ login: 'work', store: place, moved: false });
  }
  expect(login.server.tokenRequests).toBe(places.length);
});

test('a new sign-in stays where the one before was, and takes its entry away', async () => {
  await signIn();
  const [before] = keyring.entries();
  const input = JSON.stringify({
    ...login.server.grant(),
    token_endpoint: login.server.tokenEndpoint,
    client_id: login.server.clientId,
  });
  expect(await login.run(['import', 'work'], { env, input })).toMatchObject({
    code: 0,
    stderr: '',
  });
  expect(keyring.entries()).toHaveLength(1);
  expect(keyring.entries()[0]?.slot).not.toBe(before?.slot);
  expect(onDisk()).toEqual([]);
});

/** What makes a record a link in a chain, and is another with every change. */
const withoutLinks = (text: string): string => text.replace(/"parent":[^}]*/, '');

const isBelowHome = (secret: string): boolean =>
  filesBelow(login.home).some(({ text }) => text.includes(secret));

const tally = (results: readonly Result[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { code, stdout } of results) {
    counts[`${code} ${stdout}`] = (counts[`${code} ${stdout}`] ?? 0) + 1;
  }
  return counts;
};
