import { appendFileSync, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Credential } from '../../src/credential.ts';
import { createJudge } from '../../src/lock/judge.ts';
import { nodeFileSystem } from '../../src/platform/fs.ts';
import { setDeadline } from '../../src/store/deadline.ts';
import { loginStore } from '../../src/store/file.ts';
import type { StoreLease } from '../../src/store/store.ts';
import { credentialOf } from '../support/records.ts';

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'tokenctl-deadline-test-'));
});
afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

const HOUR_MS = 3_600_000;
/** An hour's token is due for renewal after three quarters of it. */
const FRESH_MS = 0.75 * HOUR_MS;

describe('the modification time of a record', () => {
  it('is its deadline by the wall clock', async () => {
    const record = issuedAt(Date.now());
    await save(record);
    expect(timeOf('work.json')).toBeCloseTo(record.issued.epochMs + FRESH_MS, -1);
  });

  it('is far away if the token is fresh until it is rejected', async () => {
    await save(issuedAt(Date.now(), { lifetime: null }));
    expect(timeOf('work.json')).toBe((2 ** 31 - 1) * 1000);
  });

  it.each<[string, Partial<Credential>]>([
    ['rejected', { rejected: true }],
    ['dead', { state: { kind: 'dead', reason: null, at: null } }],
    ['for Node.js alone', { tokenType: 'DPoP' }],
  ])('is that of the write if the token is %s', async (_what, members) => {
    await save(issuedAt(Date.now()));
    await save(issuedAt(Date.now(), { generation: 2, ...members }));
    // The file system counts in nanoseconds, the clock in milliseconds.
    expect(timeOf('work.json')).toBeLessThan(Date.now() + 1);
  });

  it('is that of any later change to the file', async () => {
    await save(issuedAt(Date.now()));
    appendFileSync(pathOf('work.json'), ' ');
    // The file system counts in nanoseconds, the clock in milliseconds.
    expect(timeOf('work.json')).toBeLessThan(Date.now() + 1);
  });

  it('is set for what a dead process left and another one adopts', async () => {
    await save(issuedAt(Date.now() - HOUR_MS));
    const next = issuedAt(Date.now(), { generation: 2 });
    const leaving = await hold();
    const previous = (await leaving.read())?.record ?? null;
    await leaving.reserve(previous);
    await leaving.write(next, previous);
    await leaving.leaveBehind();
    await leaving.release();
    const lease = await hold();
    expect((await lease.inherit(new Set())).adopted?.generation).toBe(2);
    await lease.release();
    expect(timeOf('work.json')).toBeCloseTo(next.issued.epochMs + FRESH_MS, -1);
  });

  it('matters to nobody but the launcher: where it cannot be set, the record is saved all the same', async () => {
    await save(issuedAt(Date.now()));
    const before = timeOf('work.json');
    const fs = { ...nodeFileSystem, setMtime: () => Promise.reject(new Error('EPERM')) };
    await setDeadline(fs, pathOf('work.json'), pathOf('.'), issuedAt(Date.now() + HOUR_MS));
    expect(timeOf('work.json')).toBe(before);
  });

  it('is not set without an anchor, for then nothing would tell that the clock was stepped back', async () => {
    await save(issuedAt(Date.now()));
    rmSync(pathOf('tokenctl-anchor'));
    appendFileSync(pathOf('work.json'), ' ');
    await setDeadline(nodeFileSystem, pathOf('work.json'), pathOf('.'), issuedAt(Date.now()));
    // The file system counts in nanoseconds, the clock in milliseconds.
    expect(timeOf('work.json')).toBeLessThan(Date.now() + 1);
  });
});

describe('the modification time of the anchor', () => {
  it('is not before the issue of any token beside it, give or take what a clock may', async () => {
    const soon = Date.now() + 60_000;
    await save(issuedAt(soon));
    expect(timeOf('tokenctl-anchor')).toBeCloseTo(soon - 30_000, -1);
    await save(issuedAt(Date.now() - HOUR_MS), 'other');
    expect(timeOf('tokenctl-anchor')).toBeCloseTo(soon - 30_000, -1);
    await save(issuedAt(soon + 10_000), 'other');
    expect(timeOf('tokenctl-anchor')).toBeCloseTo(soon - 20_000, -1);
  });

  it('comes back from a future that the clock was in, and takes no deadline with it', async () => {
    await save(issuedAt(Date.now() + 1000 * HOUR_MS), 'other');
    const record = issuedAt(Date.now());
    await save(record);
    expect(timeOf('tokenctl-anchor')).toBeCloseTo(record.issued.epochMs - 30_000, -1);
    expect(timeOf('other.json')).toBeLessThanOrEqual(Date.now());
    expect(timeOf('work.json')).toBeCloseTo(record.issued.epochMs + FRESH_MS, -1);
  });
});

describe('the modification time of the file that a herd waits at', () => {
  const DEADLINE_MS = HOUR_MS - 30_000;
  const NEVER_MS = (2 ** 31 - 1) * 1000;

  it('is when the token expires, by the wall clock', async () => {
    const record = issuedAt(Date.now());
    await save(record);
    expect(timeOf('work.herd')).toBeCloseTo(record.issued.epochMs + DEADLINE_MS, -1);
    expect(statSync(pathOf('work.herd'))).toMatchObject({ size: 0 });
    expect(statSync(pathOf('work.herd')).mode & 0o777).toBe(0o600);
  });

  it('is long ago if there is no token to be served', async () => {
    await save(issuedAt(Date.now(), { rejected: true }));
    expect(timeOf('work.herd')).toBe(0);
    await save(issuedAt(Date.now(), { generation: 2, accessToken: null }));
    expect(timeOf('work.herd')).toBe(0);
  });

  it.each<[string, Partial<Credential>]>([
    ['does not expire', { lifetime: null }],
    ['belongs to a dead login', { state: { kind: 'dead', reason: null, at: null } }],
    ['could not be printed by the launcher', { tokenType: 'DPoP' }],
    ['was saved in a lifeboat', { lifeboat: '/tmp/lifeboat' }],
  ])('never comes if the token %s', async (_what, members) => {
    await save(issuedAt(Date.now(), members));
    expect(timeOf('work.herd')).toBe(NEVER_MS);
  });

  it('is set for what a dead process left, and the file goes with the login', async () => {
    await save(issuedAt(Date.now() - HOUR_MS));
    const next = issuedAt(Date.now(), { generation: 2 });
    const leaving = await hold();
    const previous = (await leaving.read())?.record ?? null;
    await leaving.reserve(previous);
    await leaving.write(next, previous);
    await leaving.leaveBehind();
    await leaving.release();
    const lease = await hold();
    expect((await lease.inherit(new Set())).adopted?.generation).toBe(2);
    expect(timeOf('work.herd')).toBeCloseTo(next.issued.epochMs + DEADLINE_MS, -1);
    await lease.remove();
    await lease.release();
    expect(existsSync(pathOf('work.herd'))).toBe(false);
  });
});

function issuedAt(epochMs: number, members: Partial<Credential> = {}): Credential {
  return credentialOf({ issued: { epochMs, uptimeMs: null, bootId: null }, ...members });
}

async function save(next: Credential, login = 'work'): Promise<void> {
  const lease = await hold(login);
  const previous = (await lease.read())?.record ?? null;
  expect(await lease.reserve(previous)).toBe('done');
  expect(await lease.write(next, previous)).toBe('done');
  expect(await lease.commit()).toBe('done');
  await lease.release();
}

async function hold(login = 'work'): Promise<StoreLease> {
  const turn = await loginStore(login, { TOKENCTL_HOME: home }).tryLease(createJudge());
  return turn.kind === 'held' ? turn.lease : expect.fail(turn.kind);
}

function pathOf(name: string): string {
  return join(home, 'credentials', name);
}

function timeOf(name: string): number {
  return statSync(pathOf(name)).mtimeMs;
}
