import { describe, expect, it } from 'vitest';
import { mergeTokens } from '../../src/credential.ts';
import { createJudge } from '../../src/lock/judge.ts';
import { Secret } from '../../src/secret.ts';
import { memoryStore } from '../../src/store/memory.ts';
import type { Store, StoreLease } from '../../src/store/store.ts';
import { at, credentialOf } from '../support/records.ts';

const RECORD = credentialOf();
const NEXT = mergeTokens(
  RECORD,
  {
    accessToken: new Secret('access-2'),
    refreshToken: new Secret('refresh-2'),
    tokenType: 'Bearer',
    lifetime: 3600,
  },
  at(1),
  null,
);

describe('a store in memory', () => {
  it('holds what it was given, or nothing', async () => {
    expect(await memoryStore().read()).toBeNull();
    expect(await memoryStore().list()).toEqual([]);
    expect(await memoryStore(RECORD).read()).toEqual({ record: RECORD, warnings: [] });
    expect(await memoryStore(RECORD, 'work').list()).toEqual(['work']);
  });

  it('has one holder at a time, and says who', async () => {
    const store = memoryStore(RECORD);
    const lease = await hold(store);
    expect(await store.tryLease(createJudge())).toEqual({ kind: 'busy', holder: lease.name });
    await lease.release();
    const next = await hold(store);
    expect(next.name).not.toBe(lease.name);
  });

  it('lets a hundred ask and one of them in', async () => {
    const store = memoryStore(RECORD);
    const turns = await Promise.all(
      Array.from({ length: 100 }, () => store.tryLease(createJudge())),
    );
    expect(turns.filter(({ kind }) => kind === 'held')).toHaveLength(1);
  });

  it('changes when the next record is committed, and not before', async () => {
    const store = memoryStore(RECORD);
    const lease = await hold(store);
    expect(await lease.inherit(new Set())).toMatchObject({
      adopted: null,
      inFlight: null,
      lostSends: 0,
    });
    expect(await lease.read()).toEqual({ record: RECORD, warnings: [] });
    expect(await lease.reserve(RECORD)).toBe('done');
    expect(await lease.gate(1, 1)).toBe('done');
    expect(await lease.write(NEXT, RECORD)).toBe('done');
    expect((await store.read())?.record).toBe(RECORD);
    expect(await lease.commit()).toBe('done');
    expect((await store.read())?.record).toBe(NEXT);
  });

  it('keeps the record if the lease ends before the commit', async () => {
    const store = memoryStore(RECORD);
    const lease = await hold(store);
    await lease.reserve(RECORD);
    await lease.write(NEXT, RECORD);
    await lease.release();
    expect((await store.read())?.record).toBe(RECORD);
  });

  it('is out of reach of a lease that has ended', async () => {
    const store = memoryStore(RECORD);
    const ended = await hold(store);
    await ended.release();
    const lease = await hold(store);
    expect(await ended.reserve(RECORD)).toBe('lost');
    expect(await ended.gate(1, 1)).toBe('lost');
    expect(await ended.write(NEXT, RECORD)).toBe('lost');
    expect(await ended.commit()).toBe('lost');
    await ended.release();
    expect((await store.read())?.record).toBe(RECORD);
    // The successor's lease is not given up by it either.
    expect(await store.tryLease(createJudge())).toEqual({ kind: 'busy', holder: lease.name });
  });

  it('forgets', async () => {
    const store = memoryStore(RECORD);
    const lease = await hold(store);
    await lease.remove();
    expect(await lease.read()).toBeNull();
    await lease.release();
    expect(await store.read()).toBeNull();
  });
});

async function hold(store: Store): Promise<StoreLease> {
  const turn = await store.tryLease(createJudge());
  if (turn.kind !== 'held') {
    throw new Error(`held by ${turn.holder}`);
  }
  return turn.lease;
}
