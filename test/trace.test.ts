import { expect, it } from 'vitest';
import { createTokenManager } from '../src/create-token-manager.ts';
import { Secret } from '../src/secret.ts';
import { memoryStore } from '../src/store/memory.ts';
import type { Details, Trace } from '../src/trace.ts';
import { tracedStore } from '../src/traced-store.ts';
import { credentialOf } from './support/records.ts';

it('cannot be given a secret: that does not compile', () => {
  const trace: Trace = (step, details) => `${step}${JSON.stringify(details)}`;
  const secret = new Secret('SECRET');
  // @ts-expect-error: a Secret is no step
  trace(secret);
  // @ts-expect-error: nor is what it reveals
  trace(secret.reveal());
  // @ts-expect-error: a Secret is no detail
  trace('step', { token: secret });
  // @ts-expect-error: nor is what it reveals
  trace('step', { token: secret.reveal() });
  // @ts-expect-error: nor anything that could hold one
  trace('step', { record: credentialOf() });
  // This does, and shows nothing.
  expect(trace(`got ${secret}`, { also: String(secret) })).not.toContain('SECRET');
});

it('tells of every step of a refresh, in order, tokens by their fingerprints', async () => {
  const { steps, trace } = recorded();
  const store = tracedStore(memoryStore(credentialOf({ lifetime: 0 })), trace);
  const tokens = createTokenManager({
    store,
    trace,
    refresh: async () => ({ access_token: 'SECRET-a', refresh_token: 'SECRET-r', expires_in: 60 }),
  });
  await tokens.getValidToken();
  expect(steps.map(([step]) => step)).toEqual([
    ...['record read', 'lease held', 'record read under the lease', 'decided: refresh'],
    ...['space reserved', 'gate passed', 'next record durable', 'next record in its place'],
    ...['lease released', 'token'],
  ]);
  expect(detailsOf('record read')).toMatchObject({ generation: 1, access_token: 'expired' });
  expect(detailsOf('decided: refresh')).toMatchObject({ reason: 'expired' });
  expect(detailsOf('next record durable')).toMatchObject({
    generation: 2,
    refresh_token: new Secret('SECRET-r').fingerprint().slice(0, 12),
  });
  expect(detailsOf('token')).toMatchObject({ refreshed: true, saved: true });
  expect(JSON.stringify(steps)).not.toMatch(/SECRET|access-1|refresh-1/);

  function detailsOf(step: string): Details | undefined {
    return steps.find(([told]) => told === step)?.[1];
  }
});

it('tells of a failure by its code, which is all that surely holds no secret', async () => {
  const { steps, trace } = recorded();
  const broken = {
    ...memoryStore(credentialOf()),
    read: async () => {
      throw Object.assign(new Error('SECRET'), { code: 'EIO' });
    },
  };
  await expect(tracedStore(broken, trace).read()).rejects.toThrow('SECRET');
  expect(steps).toEqual([['reading the record: failed', { error: 'EIO' }]]);
});

it('says the same once, however often a waiter looks', async () => {
  const { steps, trace } = recorded();
  const store = memoryStore(credentialOf({ lifetime: 0 }));
  const turn = await store.tryLease(async () => 'alive');
  const waiting = createTokenManager({ store: tracedStore(store, trace), trace });
  await expect(waiting.getValidToken({ timeoutMs: 200 })).rejects.toThrow('timed out');
  expect(turn.kind).toBe('held');
  expect(steps.map(([step]) => step)).toEqual(['record read', 'lease busy']);
});

it('that throws costs nothing', async () => {
  const tokens = createTokenManager({
    store: memoryStore(credentialOf({ lifetime: 0 })),
    trace: () => {
      throw new Error('full');
    },
    refresh: async () => ({ access_token: 'a', expires_in: 60 }),
  });
  expect((await tokens.getValidToken()).accessToken.reveal()).toBe('a');
});

function recorded(): { steps: Parameters<Trace>[]; trace: Trace } {
  const steps: Parameters<Trace>[] = [];
  return { steps, trace: (...step) => steps.push(step) };
}
