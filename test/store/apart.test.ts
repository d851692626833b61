import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { changeRecord } from '../../src/change-record.ts';
import { createTokenManager } from '../../src/create-token-manager.ts';
import type { Credential } from '../../src/credential.ts';
import {
  type AuthorizationServer,
  startAuthorizationServer,
} from '../../src/demo/authorization-server.ts';
import { importTokens } from '../../src/import-tokens.ts';
import { moveSecrets } from '../../src/keep-apart.ts';
import { loginStore } from '../../src/store/file.ts';
import type { Keychain } from '../../src/store/keychain.ts';
import type { KeychainOutcome } from '../../src/store/keychain-protocol.ts';
import type { Store, StoreLease } from '../../src/store/store.ts';

/** A keychain in this process's memory that can be told to misbehave. */
const createFake = () => {
  const slots = new Map<string, string>();
  const calls: string[] = [];
  let faulty: { op: string; outcome: KeychainOutcome } | null = null;
  const answer = (op: string, done: () => KeychainOutcome): Promise<KeychainOutcome> => {
    calls.push(op);
    return Promise.resolve(faulty?.op === op ? faulty.outcome : done());
  };
  const keychain: Keychain = {
    read: (slot) =>
      answer('read', () => {
        const value = slots.get(slot);
        return value === undefined ? { kind: 'missing' } : { kind: 'ok', value };
      }),
    write: (slot, text) =>
      answer('write', () => {
        slots.set(slot, text);
        return { kind: 'ok', value: '' };
      }),
    remove: (slot) =>
      answer('remove', () => {
        slots.delete(slot);
        return { kind: 'ok', value: '' };
      }),
    close: () => {},
  };
  return {
    keychain,
    slots,
    calls,
    fail: (op: string, outcome: KeychainOutcome | null) => {
      faulty = outcome === null ? null : { op, outcome };
    },
  };
};

let fake: ReturnType<typeof createFake>;
let server: AuthorizationServer;
let store: Store;

beforeEach(async () => {
  const home = mkdtempSync(join(tmpdir(), 'tokenctl-apart-'));
  onTestFinished(() => rmSync(home, { recursive: true, force: true }));
  fake = createFake();
  server = await startAuthorizationServer();
  onTestFinished(() => server.close());
  store = loginStore('work', { TOKENCTL_HOME: home }, fake.keychain);
  const tokens = { token_endpoint: server.tokenEndpoint, client_id: server.clientId };
  await importTokens(store, { ...server.grant({ lifetime: 0 }), ...tokens }, 5_000, {
    place: 'keychain',
  });
  server.clearLog();
  fake.calls.length = 0;
});

const get = (of: Store = store) =>
  createTokenManager({ store: of }).getValidToken({ timeoutMs: 5_000 });
const record = async (): Promise<Credential> => {
  const stored = await store.read();
  if (stored === null) {
    throw new Error('nothing is stored');
  }
  return stored.record;
};
const slot = (): string => [...fake.slots.keys()][0] ?? '';
const change = (members: object): void => {
  fake.slots.set(
    slot(),
    JSON.stringify({ ...JSON.parse(fake.slots.get(slot()) ?? ''), ...members }),
  );
};

it('a refresh really rewrites the slot before it sends anything, and reads back what it writes', async () => {
  const order: string[] = [];
  server.onTokenRequest(() => {
    order.push(...fake.calls.splice(0), 'sent');
  });
  await get();
  expect(order).toEqual(['read', 'write', 'read', 'sent']);
  expect(fake.calls).toEqual(['write', 'read']);
});

describe('before anything is sent, and with the login untouched, a refresh ends', () => {
  it.each<[string, () => void, string, string]>([
    ['when the slot is gone', () => fake.slots.clear(), 'refused', 'no entry'],
    [
      'when it is of another sign-in',
      () => change({ record_id: 'another' }),
      'refused',
      'belongs to another sign-in',
    ],
    ['when it is older than the record', () => change({ generation: 0 }), 'refused', 'older'],
    [
      'when it has another token of the same generation',
      () => change({ secrets: { refresh_token: 'another' } }),
      'refused',
      'older',
    ],
    ['when it is of a later version', () => change({ secrets: { key: 'x' } }), 'refused', 'later'],
    ['when it is rubbish', () => fake.slots.set(slot(), '{'), 'refused', 'none of tokenctl'],
    [
      'when it cannot be written',
      () => fake.fail('write', { kind: 'denied', what: 'no room' }),
      'refused',
      'no room',
    ],
    [
      'when it is locked for writing',
      () => fake.fail('write', { kind: 'locked', what: '' }),
      'unavailable',
      'locked',
    ],
    [
      'when it does not answer',
      () => fake.fail('read', { kind: 'slow', what: '' }),
      'unavailable',
      'does not answer',
    ],
  ])('%s', async (_, spoil, code, message) => {
    spoil();
    await expect(get()).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
    expect(server.tokenRequests).toBe(0);
    expect(await record()).toMatchObject({ generation: 1, state: { kind: 'active' } });
  });
});

it('what is not read back as it was written is kept in the file', async () => {
  server.onTokenRequest(() => {
    const before = fake.slots.get(slot()) ?? '';
    fake.fail('read', { kind: 'ok', value: before });
  });
  const { warnings } = await get();
  expect(warnings.join()).toContain('gives something else back');
  const { kept, refreshToken } = await record();
  expect(kept).toMatchObject({ place: 'keychain', stowed: false });
  expect(refreshToken?.isElsewhere).toBe(false);
});

it('a slot that is ahead of its record is what counts, however far', async () => {
  const spent = fake.slots.get(slot()) ?? '';
  await get();
  const newest = JSON.parse(fake.slots.get(slot()) ?? '');
  change({ generation: 9 });
  await changeRecord(store, 1_000, (stored) => stored && { ...stored, lifetime: 0 });
  await get();
  expect(await record()).toMatchObject({ generation: 10, state: { kind: 'active' } });
  expect(server.reuseDetections).toBe(0);
  expect(spent).not.toContain(newest.secrets.refresh_token);
});

it('new tokens that only the keychain could take are not taken for lost', async () => {
  let failing = true;
  const broken: Store = {
    ...store,
    tryLease: async (judge) => {
      const turn = await store.tryLease(judge);
      return turn.kind === 'busy' || !failing ? turn : { ...turn, lease: withoutDisk(turn.lease) };
    },
  };
  expect(await get(broken)).toMatchObject({ saved: false, lifeboat: null });
  expect(await record()).toMatchObject({ generation: 1, state: { kind: 'active' } });
  failing = false;
  expect(await get(broken)).toMatchObject({ saved: true });
  expect(await record()).toMatchObject({ generation: 3 });
  expect({ ...server }).toMatchObject({ tokenRequests: 2, reuseDetections: 0 });
});

/** The answer cannot be written anywhere but into the keychain; the mark in the record can. */
const withoutDisk = (lease: StoreLease): StoreLease => {
  let writes = 0;
  return {
    ...lease,
    write: async (next, previous) => {
      writes += 1;
      const step = await lease.write(next, previous);
      if (writes === 1) {
        throw Object.assign(new Error('of a test'), { code: 'EIO' });
      }
      return step;
    },
    launchLifeboat: async () => null,
  };
};

it('a holder that comes late does not write over what another one has put there', async () => {
  const turn = await store.tryLease(() => Promise.resolve('dead') as never);
  if (turn.kind !== 'held') {
    throw new Error('busy');
  }
  const { lease } = turn;
  const before = await record();
  const opened = await lease.open(before, 1_000);
  await lease.release();
  await get();
  const newest = fake.slots.get(slot());
  if (opened.kind !== 'opened') {
    throw new Error(opened.fault.kind);
  }
  const again = await store.tryLease(() => Promise.resolve('dead') as never);
  if (again.kind !== 'held') {
    throw new Error('busy');
  }
  await again.lease.reserve(before);
  await again.lease.write({ ...opened.record, generation: 2 }, before);
  expect(fake.slots.get(slot())).toBe(newest);
  expect(again.lease.warnings().join()).toContain('somebody else has written there');
  await again.lease.release();
});

it('a move that a power failure could undo empties nothing, and the same command again does', async () => {
  const [before] = fake.slots.keys();
  let synced = false;
  const shaky: Store = {
    ...store,
    tryLease: async (judge) => {
      const turn = await store.tryLease(judge);
      const commit = async () =>
        turn.kind === 'held' && (await turn.lease.commit()) === 'lost' ? 'lost' : 'unsynced';
      return turn.kind === 'busy' || synced ? turn : { ...turn, lease: { ...turn.lease, commit } };
    },
  };
  expect(await moveSecrets(shaky, 'file', 1_000)).toMatchObject({ kept: { leftovers: [before] } });
  expect([...fake.slots.keys()]).toEqual([before]);
  synced = true;
  expect(await moveSecrets(shaky, 'file', 1_000)).toMatchObject({ kept: null });
  expect([...fake.slots.keys()]).toEqual([]);
});
