import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Attempt, type Credential, mergeTokens, tokenHash } from '../../src/credential.ts';
import { TokenctlError } from '../../src/errors.ts';
import { tryAcquireKept } from '../../src/lock/heartbeat.ts';
import { createJudge } from '../../src/lock/judge.ts';
import { type LeaseName, newLeaseName } from '../../src/lock/lease-name.ts';
import { type FileSystem, nodeFileSystem } from '../../src/platform/fs.ts';
import { currentProcess } from '../../src/platform/process-identity.ts';
import { FORMAT, MAX_RECORD_BYTES, READER, serialiseRecord } from '../../src/record-format.ts';
import { parseRecord } from '../../src/record-parser.ts';
import { Secret } from '../../src/secret.ts';
import { fileStore, listLogins, loginStore } from '../../src/store/file.ts';
import { fileLease } from '../../src/store/file-lease.ts';
import { noLifeboats } from '../../src/store/lifeboat.ts';
import { nothingSeen } from '../../src/store/seen.ts';
import type { Store, StoreLease } from '../../src/store/store.ts';
import { need } from '../support/need.ts';
import { afterAttempt, at, credentialOf } from '../support/records.ts';

const isRoot = process.geteuid?.() === 0;
const posix = process.platform !== 'win32';
const NOBODY = 65_534;

const RECORD = credentialOf();
const NEXT = successorOf(RECORD);

let root: string;
/** Of ours, 0700, as the command makes it. */
let credentials: string;
let path: string;
let store: Store;

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'tokenctl-store-')));
  credentials = join(root, 'credentials');
  mkdirSync(credentials, { mode: 0o700 });
  path = join(credentials, 'work.json');
  store = fileStore(path);
});

afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

describe('a new login', () => {
  it.skipIf(!posix)('is for its owner only, whatever the umask says', async () => {
    const umask = process.umask(0);
    try {
      const fresh = loginStore('work', { TOKENCTL_HOME: join(root, 'home') });
      const lease = await hold(fresh);
      await lease.reserve(null);
      const lock = join(root, 'home/credentials/work.lock');
      expect(modesBelow(join(root, 'home'))).toEqual({
        credentials: '700',
        'credentials/tokenctl-anchor': '600',
        'credentials/work.lock': '700',
        [`credentials/work.lock/${lease.name}`]: '700',
        [`credentials/work.lock/${lease.name}/owner.json`]: '600',
        [`credentials/work.lock/${lease.name}/next.json`]: '600',
      });
      await lease.write(RECORD, null);
      await lease.commit();
      await lease.release();
      await fresh.audit?.({ event: 'import', login: 'work', generation: 1, token: null });
      expect(existsSync(lock)).toBe(false);
      expect(modesBelow(join(root, 'home'))).toEqual({
        credentials: '700',
        'credentials/tokenctl-anchor': '600',
        'credentials/work.herd': '600',
        'credentials/work.json': '600',
        'audit.jsonl': '600',
        seen: '700',
        [seenName(RECORD)]: '600',
      });
      expect(modeOf(join(root, 'home'))).toBe('700');
    } finally {
      process.umask(umask);
    }
  });

  it('is nothing before it is committed', async () => {
    expect(await store.read()).toBeNull();
    const lease = await hold(store);
    expect(await lease.inherit(new Set())).toMatchObject({
      adopted: null,
      inFlight: null,
      lostSends: 0,
    });
    expect(await lease.read()).toBeNull();
    await lease.release();
    expect(treeOf(credentials)).toEqual({});
  });

  it('may be called by its name, or by the path of its file', () => {
    const env = { TOKENCTL_HOME: root };
    expect(fileStore('work', env).login).toBe('work');
    expect(fileStore(path).login).toBe('work');
    expect(fileStore(join(root, 'no-suffix')).login).toBe('no-suffix');
    for (const name of ['', '-x', 'a b', 'ä']) {
      expect(() => fileStore(name, env)).toThrow(expect.objectContaining({ code: 'usage' }));
    }
    for (const name of ['../work', 'a/b', '/etc/passwd', 'a\\b', '..']) {
      expect(() => loginStore(name, env)).toThrow(expect.objectContaining({ code: 'usage' }));
    }
  });
});

describe.skipIf(!posix)('permissions wider than ours', () => {
  it('are tightened, with a warning, once', async () => {
    put(path, RECORD, 0o644);
    chmodSync(credentials, 0o755);
    expect((await store.read())?.warnings).toEqual([
      `${credentials} was open to others; its mode is now 0700`,
      'the credential file was open to others; its mode is now 0600',
    ]);
    expect([modeOf(credentials), modeOf(path)]).toEqual(['700', '600']);
    expect((await store.read())?.warnings).toEqual([]);
  });

  it.each(['604', '640', '660', '666', '777'])('are tightened from %s', async (mode) => {
    put(path, RECORD, Number.parseInt(mode, 8));
    expect((await store.read())?.warnings).toHaveLength(1);
    expect(modeOf(path)).toBe('600');
  });

  it('are left alone on directories that are not only ours to use', async () => {
    const shared = join(root, 'shared');
    mkdirSync(shared);
    chmodSync(shared, 0o755);
    put(join(shared, 'work.json'), RECORD);
    expect((await fileStore(join(shared, 'work.json')).read())?.warnings).toEqual([]);
    expect(modeOf(shared)).toBe('755');
  });

  it('that cannot be tightened are told of, and withhold no token', async (context) => {
    put(path, RECORD, 0o644);
    need(context, makeImmutable(path), 'root and a file system with attributes (chattr +i)');
    try {
      const stored = await store.read();
      expect(stored?.record.accessToken?.reveal()).toBe('access-1');
      expect(stored?.warnings).toEqual([
        'the credential file is open to others, and its mode cannot be changed (EPERM)',
      ]);
    } finally {
      execFileSync('chattr', ['-i', path]);
    }
  });
});

describe.skipIf(!posix)('a credential file that is a link (INCIDENTS 3)', () => {
  let real: string;

  beforeEach(() => {
    mkdirSync(join(root, 'profile'), { mode: 0o700 });
    real = join(root, 'profile/team.json');
    put(real, RECORD);
    symlinkSync('../profile/team.json', path);
  });

  it('is locked and replaced beside the real file, and survives', async () => {
    const lease = await hold(store);
    expect(readdirSync(join(root, 'profile')).sort()).toEqual(['team.json', 'team.lock']);
    expect(entries()).toEqual(['work.json']);
    await save(lease, NEXT, RECORD);
    await lease.release();
    expect(readlinkSync(path)).toBe('../profile/team.json');
    expect(withoutOrigin(readFileSync(real, 'utf8'))).toBe(
      serialiseRecord(NEXT, tokenHash(RECORD.refreshToken)),
    );
    expect(readdirSync(join(root, 'profile')).sort()).toEqual(['team.json', 'tokenctl-anchor']);
    expect((await store.read())?.record.generation).toBe(2);
  });

  it('has one lock with everybody who shares it, by whatever way they come', async () => {
    const lease = await hold(store);
    symlinkSync(real, join(credentials, 'other.json'));
    symlinkSync('other.json', join(credentials, 'chain.json'));
    symlinkSync(join(root, 'profile'), join(root, 'by-directory'));
    const ways = ['credentials/other', 'credentials/chain', 'profile/team', 'by-directory/team'];
    for (const way of ways) {
      expect(await fileStore(join(root, `${way}.json`)).tryLease(createJudge())).toEqual({
        kind: 'busy',
        holder: lease.name,
      });
    }
    await lease.release();
  });

  it('is removed without what it leads to', async () => {
    const name = leaveDead(dirname(real), { login: 'team', next: textOf(NEXT, RECORD) });
    const lease = await hold(store);
    await lease.remove();
    await lease.release();
    expect(entries()).toEqual([]);
    expect(readdirSync(dirname(real)).sort()).toEqual(['team.json', `team.lock.${name}.dead`]);
    expect((await fileStore(real).read())?.record.generation).toBe(1);
  });

  it('is adopted beside the real file', async () => {
    leaveDead(dirname(real), { login: 'team', next: textOf(NEXT, RECORD) });
    const lease = await hold(store);
    expect((await lease.inherit(new Set())).adopted?.generation).toBe(2);
    await lease.release();
    expect(lstatSync(path).isSymbolicLink()).toBe(true);
    expect(readFileSync(real, 'utf8')).toBe(textOf(NEXT, RECORD));
  });
});

describe.skipIf(!posix)('refused, and nothing is changed on the disk', () => {
  const CASES: Readonly<Record<string, [() => void, RegExp]>> = {
    'a link that leads nowhere': [() => symlinkSync('gone.json', path), /link that leads nowhere/],
    'a link to itself': [() => symlinkSync('work.json', path), /link that leads nowhere/],
    'links that lead in circles': [
      () => {
        symlinkSync('b.json', path);
        symlinkSync('work.json', join(credentials, 'b.json'));
      },
      /link that leads nowhere/,
    ],
    'a directory': [() => mkdirSync(path), /not a regular file/],
    'a directory with something in it': [
      () => {
        mkdirSync(path);
        put(join(path, 'work.json'), RECORD);
      },
      /not a regular file/,
    ],
    'a link to a directory': [() => symlinkSync('.', path), /not a regular file/],
    'a FIFO, which would never be read to its end': [
      () => execFileSync('mkfifo', [path]),
      /not a regular file/,
    ],
    'a link to a FIFO': [
      () => {
        execFileSync('mkfifo', [join(root, 'pipe')]);
        symlinkSync('../pipe', path);
      },
      /not a regular file/,
    ],
    'a file of 10 MB': [
      () => writeFileSync(path, Buffer.alloc(10 * 1024 * 1024, 'x'), { mode: 0o600 }),
      /too large \(10485760 bytes\)/,
    ],
    'an empty file': [() => writeFileSync(path, '', { mode: 0o600 }), /damaged \(it is empty\)/],
    'a torn file': [
      () => writeFileSync(path, textOf(RECORD, null).slice(0, 300), { mode: 0o600 }),
      /damaged \(not a JSON object\)/,
    ],
    'a file of zeros, as a power failure leaves it': [
      () => writeFileSync(path, Buffer.alloc(2000), { mode: 0o600 }),
      /damaged \(not a JSON object\)/,
    ],
    'a file of a newer version': [
      () => writeFileSync(path, '{"format":9,"reader":9}', { mode: 0o600 }),
      /newer tokenctl/,
    ],
    'a directory where anybody can swap the file': [
      () => {
        put(path, RECORD);
        chmodSync(credentials, 0o777);
      },
      /anybody can write to/,
    ],
    'a link into a directory where anybody can swap the file': [
      () => {
        mkdirSync(join(root, 'open'));
        put(join(root, 'open/team.json'), RECORD);
        chmodSync(join(root, 'open'), 0o777);
        symlinkSync('../open/team.json', path);
      },
      /anybody can write to/,
    ],
  };

  it.each(Object.entries(CASES))('%s', async (_what, [prepare, message]) => {
    prepare();
    await expectRefused(message);
  });

  it('a file where the directory should be', async () => {
    store = fileStore(join(path, 'below.json'));
    put(path, RECORD);
    await expectRefused(
      /cannot be read \(ENOTDIR\)|cannot lock the credential \((ENOTDIR|EEXIST)\)/,
    );
  });

  it.skipIf(!isRoot)("another user's file (skipped unless run by root)", async () => {
    put(path, RECORD);
    chownSync(path, 12_345, 12_345);
    await expectRefused(/belongs to another user \(uid 12345\)/);
  });

  it.skipIf(!isRoot)("a link to another user's file (skipped unless run by root)", async () => {
    put(join(root, 'theirs.json'), RECORD);
    chownSync(join(root, 'theirs.json'), 12_345, 12_345);
    symlinkSync('../theirs.json', path);
    await expectRefused(/belongs to another user \(uid 12345\)/);
  });

  it.skipIf(!isRoot)("another user's store (skipped unless run by root)", async () => {
    chownSync(credentials, 12_345, 12_345);
    await expect(store.tryLease(createJudge())).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringMatching(/belongs to another user \(uid 12345\)/),
    });
    put(path, RECORD);
    await expectRefused(/belongs to another user \(uid 12345\)/);
  });

  it.skipIf(!isRoot)('but not the temporary directory, though it is not ours', async () => {
    mkdirSync(join(root, 'tmp'));
    put(join(root, 'tmp/work.json'), RECORD);
    chownSync(join(root, 'tmp'), NOBODY, NOBODY);
    chmodSync(join(root, 'tmp'), 0o1777);
    const sticky = fileStore(join(root, 'tmp/work.json'));
    expect((await sticky.read())?.record.generation).toBe(1);
    await (await hold(sticky)).release();
  });

  it('a directory that cannot be written to, before anything is spent', async (context) => {
    put(path, RECORD);
    const unwritable = async () => {
      // What is there can still be read.
      expect((await store.read())?.record.generation).toBe(1);
      await expect(store.tryLease(createJudge())).rejects.toMatchObject({
        code: 'refused',
        login: 'work',
        message: expect.stringMatching(/^cannot lock the credential \((EACCES|EPERM|EROFS)\)/),
      });
    };
    const asOther = isRoot ? asNobody : async (run: () => Promise<void>) => run();
    need(context, !isRoot || process.seteuid !== undefined, 'a way for root to be somebody else');
    if (isRoot) {
      chmodSync(root, 0o755);
      chownSync(credentials, NOBODY, NOBODY);
      chownSync(path, NOBODY, NOBODY);
    }
    chmodSync(credentials, 0o500);
    const before = treeOf(credentials);
    await asOther(unwritable);
    chmodSync(credentials, 0o700);
    expect(treeOf(credentials)).toEqual(before);
  });

  it.each<[string, (lock: string) => void, RegExp]>([
    ['a file', (lock) => writeFileSync(lock, ''), /not a directory/],
    [
      'a link to nothing',
      (lock) => symlinkSync('gone', lock),
      /not a directory|ENOENT|ELOOP|EEXIST/,
    ],
    [
      'a directory with something else in it',
      (lock) => {
        mkdirSync(lock);
        writeFileSync(join(lock, 'precious'), 'x');
      },
      /it holds "precious"/,
    ],
    [
      "a directory with somebody else's idea of a lock in it",
      (lock) => mkdirSync(join(lock, 'pid-7'), { recursive: true }),
      /it holds "pid-7"/,
    ],
  ])('where the lock should be there is %s (INCIDENTS 4)', async (_what, prepare, message) => {
    put(path, RECORD);
    prepare(join(credentials, 'work.lock'));
    const before = treeOf(credentials);
    await expect(store.tryLease(createJudge())).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringMatching(message),
    });
    expect(treeOf(credentials)).toEqual(before);
  });

  const expectRefused = async (message: RegExp): Promise<void> => {
    const before = treeOf(root);
    const refused = {
      code: 'refused',
      login: store.login,
      hint: expect.any(String),
      message: expect.stringMatching(message),
    };
    const error = await store.read().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(TokenctlError);
    expect(error).toMatchObject(refused);
    // Who holds the lease, if it can be had at all, hears the same.
    const underLease = async () => {
      const lease = await hold(store);
      try {
        await lease.inherit(new Set());
        await lease.read();
      } finally {
        await lease.release();
      }
    };
    await expect(underLease()).rejects.toMatchObject(refused);
    expect(treeOf(root)).toEqual(before);
  };
});

describe('a lease', () => {
  beforeEach(() => put(path, RECORD));

  it('replaces the record by exactly the next one, and leaves nothing behind', async () => {
    const lease = await hold(store);
    expect((await lease.read())?.record).toEqual(RECORD);
    expect(await lease.reserve(RECORD)).toBe('done');
    expect(await lease.gate(1, 1)).toBe('done');
    expect(await lease.write(NEXT, RECORD)).toBe('done');
    expect(readFileSync(path, 'utf8')).toBe(textOf(RECORD, null));
    expect(await lease.commit()).toBe('done');
    expect(withoutOrigin(readFileSync(path, 'utf8'))).toBe(textOf(NEXT, RECORD));
    await lease.release();
    expect(treeOf(credentials)).toEqual({ 'work.json': `600 ${textOf(NEXT, RECORD)}` });
  });

  it('proves the room for the next record with a file that holds no secret', async () => {
    const lease = await hold(store);
    await lease.reserve(RECORD);
    const reserved = readFileSync(nextPathOf(lease), 'utf8');
    expect(reserved.length).toBeGreaterThan(textOf(RECORD, null).length + 16_000);
    expect(reserved).not.toMatch(/access-1|refresh-1/);
    expect(reserved).toContain(tokenHash(RECORD.refreshToken));
    await lease.release();
  });

  it('names its holder in its owner file, and no secret', async () => {
    const lease = await hold(store);
    const owner = readFileSync(join(dirname(nextPathOf(lease)), 'owner.json'), 'utf8');
    expect(JSON.parse(owner)).toMatchObject({ pid: process.pid });
    expect(owner).not.toMatch(/access-1|refresh-1/);
    await lease.release();
  });

  it('that ends before its commit has changed nothing', async () => {
    const before = treeOf(credentials);
    for (const steps of [0, 1, 2, 3]) {
      const lease = await hold(store);
      await (steps > 0 && lease.reserve(RECORD));
      await (steps > 1 && lease.gate(1, 1));
      await (steps > 2 && lease.write(NEXT, RECORD));
      await lease.release();
      expect(treeOf(credentials)).toEqual(before);
    }
  });

  it('is one at a time, and can be had again', async () => {
    const lease = await hold(store);
    const turns = await Promise.all(
      Array.from({ length: 20 }, () => store.tryLease(createJudge())),
    );
    expect(turns).toEqual(turns.map(() => ({ kind: 'busy', holder: lease.name })));
    await lease.release();
    await lease.release();
    const again = await hold(store);
    expect(again.name).not.toBe(lease.name);
    await again.release();
  });

  it('that has ended can do nothing to its successor', async () => {
    const ended = await hold(store);
    await ended.release();
    const lease = await hold(store);
    await lease.reserve(RECORD);
    const before = treeOf(credentials);
    expect(await ended.reserve(RECORD)).toBe('lost');
    expect(await ended.gate(1, 1)).toBe('lost');
    expect(await ended.write(NEXT, RECORD)).toBe('lost');
    expect(await ended.commit()).toBe('lost');
    await ended.release();
    await ended.leaveBehind();
    expect(treeOf(credentials)).toEqual(before);
    await lease.release();
  });

  it('that was taken over cannot write or commit, and its successor adopts what it had', async () => {
    const evicted = await hold(store);
    await evicted.reserve(RECORD);
    await evicted.write(NEXT, RECORD);
    // As a takeover does it (lock/acquire.ts).
    renameSync(
      join(credentials, 'work.lock', evicted.name),
      join(credentials, `work.lock.${evicted.name}.dead`),
    );
    expect(await evicted.write(NEXT, RECORD)).toBe('lost');
    expect(await evicted.commit()).toBe('lost');
    expect(readFileSync(path, 'utf8')).toBe(textOf(RECORD, null));
    const lease = await hold(store);
    expect((await lease.inherit(new Set())).adopted?.generation).toBe(2);
    await lease.release();
    await evicted.release();
    expect(treeOf(credentials)).toEqual({ 'work.json': `600 ${textOf(NEXT, RECORD)}` });
  });

  it('can leave its next record to the next holder', async () => {
    const leaving = await hold(store);
    await leaving.reserve(RECORD);
    await leaving.gate(1, 1);
    await leaving.write(NEXT, RECORD);
    await leaving.leaveBehind();
    await leaving.release();
    const lease = await hold(store);
    expect(await lease.inherit(new Set())).toMatchObject({ inFlight: null, lostSends: 0 });
    expect((await lease.read())?.record.generation).toBe(2);
    await lease.release();
    expect(entries()).toEqual(['work.json']);
  });

  it('removes the login, and does not mind if it is gone already', async () => {
    const lease = await hold(store);
    await lease.remove();
    await lease.remove();
    await lease.release();
    expect(entries()).toEqual([]);
  });

  it('removes the tokens of dead holders with the login, and nothing of another login', async () => {
    leaveDead(credentials, { next: textOf(NEXT, RECORD), spent: ['1-1'] });
    const other = leaveDead(credentials, { login: 'other', next: textOf(NEXT, RECORD) });
    // By way of a directory that is a link, which makes no link of the file in it.
    symlinkSync('credentials', join(root, 'by-directory'));
    const lease = await hold(fileStore(join(root, 'by-directory/work.json')));
    await lease.remove();
    await lease.release();
    expect(entries()).toEqual([`other.lock.${other}.dead`]);
  });

  it('puts each step on the disk before the next one', async () => {
    const steps: string[] = [];
    const lease = await holdWith(recording(steps));
    steps.length = 0;
    await lease.reserve(RECORD);
    await lease.gate(1, 1);
    await lease.write(NEXT, RECORD);
    expect(await lease.commit()).toBe('done');
    expect(steps).toEqual([
      'createDurable next.json',
      'create spent-1-1',
      'overwrite next.json',
      'mtimeMs tokenctl-anchor',
      'setMtime tokenctl-anchor',
      'setMtime next.json',
      'setMtime work.herd',
      'create work.herd',
      'setMtime work.herd',
      'rename next.json work.json',
      'syncDirectory credentials',
    ]);
    await lease.release();
  });

  it('says if the record is in its place and a power failure could still undo that', async () => {
    const lease = await holdWith({ ...nodeFileSystem, syncDirectory: failing('EIO') });
    await save(lease, NEXT, RECORD, 'unsynced');
    expect((await store.read())?.record.generation).toBe(2);
    await lease.release();
  });

  it('fails before anything is spent if there is no room', async () => {
    const lease = await holdWith({ ...nodeFileSystem, createDurable: failing('ENOSPC') });
    await expect(lease.reserve(RECORD)).rejects.toMatchObject({ code: 'ENOSPC' });
    await lease.release();
    expect(treeOf(credentials)).toEqual({ 'work.json': `600 ${textOf(RECORD, null)}` });
  });
});

describe('what a dead holder left', () => {
  beforeEach(() => put(path, RECORD));

  it('is adopted if it is the complete successor of the record', async () => {
    leaveDead(credentials, { next: textOf(NEXT, RECORD), spent: ['1-1'] });
    const inheritance = await inherit();
    expect(inheritance).toMatchObject({ inFlight: null, lostSends: 0 });
    expect(inheritance.adopted?.accessToken?.reveal()).toBe('access-2');
    expect(treeOf(credentials)).toEqual({ 'work.json': `600 ${textOf(NEXT, RECORD)}` });
  });

  it('is adopted without the rest of the reservation behind it', async () => {
    leaveDead(credentials, { next: `${textOf(NEXT, RECORD)}${'QUJD'.repeat(5000)}\n` });
    expect((await inherit()).adopted?.generation).toBe(2);
    expect(withoutOrigin(readFileSync(path, 'utf8'))).toBe(textOf(NEXT, RECORD));
  });

  it('is adopted out of the lock that it still holds', async () => {
    const name = deadName();
    leaveDead(credentials, { name, next: textOf(NEXT, RECORD), spent: ['1-1'] });
    mkdirSync(join(credentials, 'work.lock'), { mode: 0o700 });
    renameSync(join(credentials, `work.lock.${name}.dead`), join(credentials, 'work.lock', name));
    const lease = await hold(store);
    expect(lease.evicted).toEqual([name]);
    expect((await lease.inherit(new Set())).adopted?.generation).toBe(2);
    await lease.release();
    expect(entries()).toEqual(['work.json']);
  });

  it.each<[string, () => string]>([
    [
      'of another refresh token',
      () => textOf(NEXT, credentialOf({ refreshToken: new Secret('x') })),
    ],
    ['of no refresh token', () => textOf(NEXT, null)],
    ['of the same generation', () => textOf({ ...NEXT, generation: 1 }, RECORD)],
    ['of the generation after the next', () => textOf({ ...NEXT, generation: 3 }, RECORD)],
    ['of an older generation', () => textOf({ ...NEXT, generation: 0 }, RECORD)],
    ['of another grant', () => textOf({ ...NEXT, recordId: 'another' }, RECORD)],
    ['that is empty', () => ''],
    ['that is still a reservation', () => `{"intent":"refresh"}\n${'QUJD'.repeat(5000)}\n`],
    ['that lost its end', () => textOf(NEXT, RECORD).slice(0, -1)],
    ['that lost its second half', () => textOf(NEXT, RECORD).slice(0, 600)],
    ['that was changed', () => textOf(NEXT, RECORD).replace('access-2', 'access-3')],
    [
      'of a newer version',
      () => textOf(NEXT, RECORD).replace(`"reader":${FORMAT}`, `"reader":${READER + 1}`),
    ],
    [
      'that is too large',
      () => textOf({ ...NEXT, unknown: { x: 'x'.repeat(MAX_RECORD_BYTES) } }, RECORD),
    ],
  ])('is not adopted: a successor %s', async (_what, text) => {
    leaveDead(credentials, { next: text() });
    expect((await inherit()).adopted).toBeNull();
    expect(readFileSync(path, 'utf8')).toBe(textOf(RECORD, null));
  });

  it('is not adopted: one cut anywhere', async () => {
    const text = textOf(NEXT, RECORD);
    for (let length = 0; length < text.length; length += 37) {
      leaveDead(credentials, { next: text.slice(0, length) });
    }
    expect((await inherit()).adopted).toBeNull();
    expect(readFileSync(path, 'utf8')).toBe(textOf(RECORD, null));
  });

  it.skipIf(!posix)('is not adopted: a link or a FIFO in its place', async () => {
    const elsewhere = join(root, 'elsewhere.json');
    writeFileSync(elsewhere, textOf(NEXT, RECORD));
    const linked = leaveDead(credentials, {});
    symlinkSync(elsewhere, join(credentials, `work.lock.${linked}.dead/next.json`));
    const piped = leaveDead(credentials, {});
    execFileSync('mkfifo', [join(credentials, `work.lock.${piped}.dead/next.json`)]);
    expect((await inherit()).adopted).toBeNull();
    expect(readFileSync(path, 'utf8')).toBe(textOf(RECORD, null));
    expect(existsSync(elsewhere)).toBe(true);
  });

  it('is not adopted by a login that was removed in the meantime', async () => {
    leaveDead(credentials, { next: textOf(NEXT, RECORD), spent: ['1-1'] });
    unlinkSync(path);
    expect(await inherit()).toMatchObject({ adopted: null, inFlight: null, lostSends: 0 });
    expect(entries()).toEqual([]);
  });

  it('is not adopted by another login in the same directory', async () => {
    put(join(credentials, 'work.lock.json'), RECORD);
    leaveDead(credentials, { next: textOf(NEXT, RECORD) });
    for (const login of ['work.lock', 'wor', 'work2']) {
      expect((await inherit(fileStore(join(credentials, `${login}.json`)))).adopted).toBeNull();
    }
    expect((await inherit()).adopted?.generation).toBe(2);
  });

  it('is adopted once', async () => {
    for (const _ of [1, 2, 3]) {
      leaveDead(credentials, { next: textOf(NEXT, RECORD) });
    }
    expect((await inherit()).adopted?.generation).toBe(2);
    expect((await inherit()).adopted).toBeNull();
    expect(entries()).toEqual(['work.json']);
  });

  it('of a holder that is oneself is left for oneself to deal with', async () => {
    const name = leaveDead(credentials, { next: textOf(NEXT, RECORD) });
    const lease = await hold(store);
    expect((await lease.inherit(new Set([name]))).adopted).toBeNull();
    await lease.release();
    expect(existsSync(join(credentials, `work.lock.${name}.dead/next.json`))).toBe(true);
  });

  it('cannot be put into its place: refused, and kept', async () => {
    const name = leaveDead(credentials, { next: textOf(NEXT, RECORD) });
    // What rename(2) says onto a file that is a mount of its own (INCIDENTS 6).
    const lease = await holdWith({ ...nodeFileSystem, rename: failingInto(path, 'EBUSY') });
    await expect(lease.inherit(new Set())).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining('EBUSY'),
    });
    await lease.release();
    expect(existsSync(join(credentials, `work.lock.${name}.dead/next.json`))).toBe(true);
    expect(readFileSync(path, 'utf8')).toBe(textOf(RECORD, null));
  });

  describe('mends a damaged record', () => {
    it.each([
      ['torn', textOf(RECORD, null).slice(0, 500)],
      ['empty', ''],
      ['full of zeros', '\0'.repeat(3000)],
    ])('that is %s', async (_how, damaged) => {
      writeFileSync(path, damaged);
      leaveDead(credentials, { next: textOf(NEXT, RECORD), spent: ['1-1'] });
      expect((await inherit()).adopted?.generation).toBe(2);
      expect((await store.read())?.record.accessToken?.reveal()).toBe('access-2');
      expect(entries()).toEqual(['work.json']);
    });

    it('with the newest of several', async () => {
      writeFileSync(path, '{');
      leaveDead(credentials, { next: textOf(NEXT, RECORD) });
      leaveDead(credentials, { next: textOf(successorOf(NEXT), NEXT) });
      leaveDead(credentials, { next: textOf({ ...NEXT, generation: 9 }, RECORD).slice(0, 700) });
      expect((await inherit()).adopted?.generation).toBe(3);
    });

    it('but not one of a newer version, which is none of our business', async () => {
      writeFileSync(path, '{"format":9,"reader":9}');
      const name = leaveDead(credentials, { next: textOf(NEXT, RECORD), spent: ['1-1'] });
      expect(await inherit()).toMatchObject({ adopted: null, inFlight: null, lostSends: 0 });
      expect(readFileSync(path, 'utf8')).toBe('{"format":9,"reader":9}');
      expect(existsSync(join(credentials, `work.lock.${name}.dead/next.json`))).toBe(true);
    });

    it('and keeps what could not, for whoever does', async () => {
      writeFileSync(path, '{');
      const name = leaveDead(credentials, {
        next: textOf(NEXT, RECORD).slice(0, 700),
        spent: ['1-1'],
      });
      expect(await inherit()).toMatchObject({ adopted: null, inFlight: null, lostSends: 0 });
      expect(readFileSync(path, 'utf8')).toBe('{');
      expect(existsSync(join(credentials, `work.lock.${name}.dead/next.json`))).toBe(true);
    });
  });

  describe('tells whether the refresh token went out', () => {
    it.each<[string, string[][], number, number]>([
      ['never', [[]], 0, 0],
      ['with one that died', [['1-1']], 1, 1],
      ['twice with one that died', [['1-1', '1-2']], 2, 1],
      ['with two that died', [['1-1'], ['1-2']], 2, 2],
      ['but that was the one before', [['0-1']], 0, 0],
      ['but that is none of this generation', [['2-1'], ['11-1'], ['spent']], 0, 0],
    ])('%s', async (_what, spents, lostSends, kept) => {
      for (const spent of spents) {
        leaveDead(credentials, { spent });
      }
      expect(await inherit()).toMatchObject({ adopted: null, inFlight: null, lostSends });
      // Until it is answered it stays, so that the next holder knows it too.
      expect(await inherit()).toMatchObject({ lostSends });
      expect(entries()).toHaveLength(kept + 1);
    });

    it('counts a torn successor as an answer that was lost', async () => {
      leaveDead(credentials, { next: textOf(NEXT, RECORD).slice(0, 700), spent: ['1-1'] });
      expect(await inherit()).toMatchObject({ adopted: null, inFlight: null, lostSends: 1 });
    });

    it('does not count a holder whose answer was written down', async () => {
      const name = leaveDead(credentials, { spent: ['1-1'] });
      put(path, afterAttempt(RECORD, { lease: name }));
      expect(await inherit()).toMatchObject({ adopted: null, inFlight: null, lostSends: 0 });
      expect(entries()).toEqual(['work.json']);
    });

    it("counts a holder although another one's answer was written down", async () => {
      leaveDead(credentials, { spent: ['1-1'] });
      put(path, afterAttempt(RECORD, { lease: deadName() } satisfies Partial<Attempt>));
      expect(await inherit()).toMatchObject({ lostSends: 1 });
    });

    it('forgets it when a new refresh token is there', async () => {
      leaveDead(credentials, { spent: ['1-1'] });
      const lease = await hold(store);
      await save(lease, NEXT, RECORD);
      await lease.release();
      expect(await inherit()).toMatchObject({ adopted: null, inFlight: null, lostSends: 0 });
      expect(entries()).toEqual(['work.json']);
    });

    it('says so if its sender still lives, and may yet get an answer', async () => {
      const name = newLeaseName(currentProcess());
      leaveDead(credentials, { name, spent: ['1-1'] });
      expect(await inherit()).toMatchObject({ adopted: null, inFlight: name, lostSends: 0 });
      expect(entries()).toContain(`work.lock.${name}.dead`);
    });
  });

  it('stays, and keeps the old refresh token from being sent, while it cannot be read', async () => {
    put(path, RECORD);
    leaveDead(credentials, { next: textOf(NEXT, RECORD), spent: ['1-1'] });
    const readText = async () => {
      throw Object.assign(new Error('no'), { code: 'EMFILE' });
    };
    const lease = await holdWith({ ...nodeFileSystem, readText });
    await expect(lease.inherit(new Set())).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining('next.json'),
    });
    await lease.release();
    expect(await inherit()).toMatchObject({ adopted: { generation: 2 }, lostSends: 0 });
  });

  it('is swept up if it can no longer matter', async () => {
    leaveDead(credentials, {});
    leaveDead(credentials, { next: 'rubbish' });
    mkdirSync(join(credentials, `work.lock.${deadName()}.new`));
    await inherit();
    expect(entries()).toEqual(['work.json']);
  });

  it('is not mistaken for what others keep there', async () => {
    const others = ['work.lock.d', 'work.lock.old.dead', 'work.lock..dead', 'work.lock.1.dead.bak'];
    for (const name of others) {
      mkdirSync(join(credentials, name));
    }
    await inherit();
    expect(entries().sort()).toEqual(['work.json', ...others].sort());
  });
});

describe('the list of logins', () => {
  it('is sorted, and holds nothing but what is named like a login', async () => {
    for (const name of ['work', 'alice.github', 'Zed', '0']) {
      put(join(credentials, `${name}.json`), RECORD);
    }
    for (const name of [
      ...['.json', '.hidden.json', 'a b.json', 'github~0a1b.json', 'notes.txt', 'anchor'],
      ...[
        'work.json.bak',
        'work.json~',
        '-x.json',
        `${'x'.repeat(65)}.json`,
        'work.JSON',
        'ä.json',
      ],
    ]) {
      writeFileSync(join(credentials, name), '');
    }
    const lease = await hold(store);
    await lease.reserve(RECORD);
    leaveDead(credentials, { next: textOf(NEXT, RECORD) });
    expect(await store.list()).toEqual(['0', 'Zed', 'alice.github', 'work']);
    await lease.release();
  });

  it('is empty where there is nothing yet', async () => {
    expect(await listLogins(credentials)).toEqual([]);
    expect(await listLogins(join(root, 'nowhere'))).toEqual([]);
  });

  it('is refused where there is something else', async () => {
    put(path, RECORD);
    await expect(listLogins(path)).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining('ENOTDIR'),
    });
  });
});

/** What is beside each other; the anchor is always there once something was written. */
function entries(): string[] {
  return readdirSync(credentials).filter((entry) => !isBeside(entry));
}

async function hold(of: Store): Promise<StoreLease> {
  const turn = await of.tryLease(createJudge());
  if (turn.kind !== 'held') {
    throw new Error(`held by ${turn.holder}`);
  }
  return turn.lease;
}

/** The lease that the store would give, on a file system that misbehaves. */
async function holdWith(fs: FileSystem): Promise<StoreLease> {
  const lockPath = join(credentials, 'work.lock');
  const place = { fs, lockPath, judge: createJudge() };
  const acquired = await tryAcquireKept(place, newLeaseName(currentProcess()), '{}\n');
  if (acquired.kind !== 'held') {
    throw new Error(acquired.kind);
  }
  const directory = credentials;
  return fileLease({
    ...{ acquired, place, path, recordPath: path, directory, login: 'work' },
    ...{ seen: nothingSeen, lifeboats: noLifeboats, means: { env: {} } },
    herdPath: join(credentials, 'work.herd'),
  });
}

async function inherit(of: Store = store) {
  const lease = await hold(of);
  try {
    return await lease.inherit(new Set());
  } finally {
    await lease.release();
  }
}

async function save(
  lease: StoreLease,
  next: Credential,
  previous: Credential | null,
  committed = 'done',
): Promise<void> {
  expect(await lease.reserve(previous)).toBe('done');
  expect(await lease.write(next, previous)).toBe('done');
  expect(await lease.commit()).toBe(committed);
}

function successorOf(record: Credential): Credential {
  const nth = record.generation + 1;
  const tokens = {
    accessToken: new Secret(`access-${nth}`),
    refreshToken: new Secret(`refresh-${nth}`),
    tokenType: 'Bearer',
    lifetime: 3600,
  };
  return mergeTokens(record, tokens, at(nth), null);
}

function textOf(record: Credential, previous: Credential | null): string {
  return serialiseRecord(record, tokenHash(previous?.refreshToken ?? null));
}

/** A record's text as it would be if nobody had said where it was written. */
function withoutOrigin(text: string): string {
  const parsed = parseRecord(text);
  return parsed.kind === 'record' && parsed.complete
    ? serialiseRecord({ ...parsed.record, origin: null }, parsed.parent)
    : text;
}

function seenName({ recordId }: Credential): string {
  return `seen/${createHash('sha256').update(recordId).digest('hex').slice(0, 32)}`;
}

function put(file: string, record: Credential, mode = 0o600): void {
  writeFileSync(file, textOf(record, null));
  chmodSync(file, mode);
}

function nextPathOf({ name }: StoreLease): string {
  return join(credentials, 'work.lock', name, 'next.json');
}

/** A lease moved aside by whoever took over, or left behind by whoever gave up. */
function leaveDead(
  directory: string,
  {
    login = 'work',
    name = deadName(),
    next,
    spent = [],
  }: { login?: string; name?: LeaseName; next?: string; spent?: readonly string[] },
): LeaseName {
  const remains = join(directory, `${login}.lock.${name}.dead`);
  mkdirSync(remains, { mode: 0o700 });
  writeFileSync(join(remains, 'owner.json'), '{}\n', { mode: 0o600 });
  if (next !== undefined) {
    writeFileSync(join(remains, 'next.json'), next, { mode: 0o600 });
  }
  for (const marker of spent) {
    writeFileSync(join(remains, `spent-${marker}`), '');
  }
  return name;
}

let deadPid: number | undefined;

/** A lease of a process that has ended; its process id may be taken again, its start time not. */
function deadName(): LeaseName {
  deadPid ??= spawnSync(process.execPath, ['-e', '']).pid;
  return newLeaseName({ ...currentProcess(), pid: deadPid, startTime: '1' });
}

/** All that is below a directory: what it is, its mode, and what it holds. */
function treeOf(directory: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(directory, { recursive: true, encoding: 'utf8' })
      .filter((entry) => !isBeside(entry))
      .sort()
      .map((entry) => {
        const stats = lstatSync(join(directory, entry));
        const mode = (stats.mode & 0o7777).toString(8);
        const held = stats.isFile()
          ? withoutOrigin(readFileSync(join(directory, entry), 'utf8'))
          : stats.isSymbolicLink()
            ? `-> ${readlinkSync(join(directory, entry))}`
            : stats.isDirectory()
              ? '/'
              : 'special';
        return [entry, `${mode} ${held}`];
      }),
  );
}

function modesBelow(directory: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((entry) => [
      entry,
      modeOf(join(directory, entry)),
    ]),
  );
}

function modeOf(file: string): string {
  return (statSync(file).mode & 0o7777).toString(8);
}

function makeImmutable(file: string): boolean {
  return isRoot && spawnSync('chattr', ['+i', file]).status === 0;
}

async function asNobody(run: () => Promise<void>): Promise<void> {
  process.seteuid?.(NOBODY);
  try {
    await run();
  } finally {
    process.seteuid?.(0);
  }
}

function recording(steps: string[]): FileSystem {
  const recorded = Object.entries(nodeFileSystem).map(([name, step]) => [
    name,
    (...args: unknown[]) => {
      const names = args
        .filter((arg): arg is string => typeof arg === 'string' && arg.startsWith(root))
        .map((arg) => basename(arg));
      steps.push([name, ...names].join(' '));
      return (step as (...args: unknown[]) => unknown)(...args);
    },
  ]);
  return Object.fromEntries(recorded) as FileSystem;
}

function failing(code: string): () => Promise<never> {
  return async () => {
    throw Object.assign(new Error(code), { code });
  };
}

function failingInto(target: string, code: string): FileSystem['rename'] {
  return (from, to) => (to === target ? failing(code)() : nodeFileSystem.rename(from, to));
}

/** What is there for the launcher and for copies, and holds nothing of a login. */
function isBeside(entry: string): boolean {
  return entry === 'tokenctl-anchor' || entry.endsWith('.herd');
}
