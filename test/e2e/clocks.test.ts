import { readFileSync } from 'node:fs';
import { readFile, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, type TestContext, test } from 'vitest';
import { OWNER } from '../../src/lock/place.ts';
import {
  canFakeBoots,
  canShiftUptime,
  hasFaketime,
  newBoot,
  SHIFTED_UPTIME,
  startWithin,
  steppedClock,
  wallClock,
} from '../support/clocks.ts';
import { foreignOwner, layLease } from '../support/lock-processes.ts';
import { createSharedLogin, type SharedLogin } from '../support/login.ts';
import { need } from '../support/need.ts';

const needFaketime = (context: TestContext) => need(context, hasFaketime(), 'faketime(1)');
const needBoots = (context: TestContext) => {
  needFaketime(context);
  need(context, canFakeBoots(), 'root and unshare(1)');
};

/** Hours by which the wall clock is off, one after the other; never by less than a token lives. */
const STEPS = [0, 3, 0, -48, 72, 70, -216_000, 0, 72, 216_000, -3, 0, 72];

describe('a wall clock that is stepped', () => {
  test('on one boot costs a refresh where it is ahead of all before, and never two', async (context) => {
    needFaketime(context);
    const login = await createSharedLogin();
    await login.importGrant('work');
    let furthest = 0;
    for (const hours of STEPS) {
      const { requests, codes } = await getThrice(login, [], hours);
      expect([hours, codes]).toEqual([hours, [0, 0, 0]]);
      expect([hours, requests]).toEqual([hours, hours > furthest ? [1, 0, 0] : [0, 0, 0]]);
      furthest = Math.max(furthest, hours);
    }
    expect(login.server.reuseDetections).toBe(0);
  });

  test('between boots costs one refresh, also where it is before the record was written', async (context) => {
    needBoots(context);
    const login = await createSharedLogin();
    await login.importGrant('work');
    let before = 0;
    for (const hours of STEPS) {
      const { requests, codes } = await getThrice(login, newBoot(login), hours);
      expect([hours, codes]).toEqual([hours, [0, 0, 0]]);
      expect([hours, requests]).toEqual([hours, hours === before ? [0, 0, 0] : [1, 0, 0]]);
      before = hours;
    }
    expect(login.server.reuseDetections).toBe(0);
  });

  test('does not end the pause that a provider asked for, nor prolong it beyond a boot', async (context) => {
    needBoots(context);
    const login = await createSharedLogin();
    await login.importGrant('work', 0);
    login.server.setFault({ kind: 'status', status: 429, headers: { 'retry-after': '600' } });
    expect((await login.run(['get', 'work'])).code).toBe(5);
    for (const hours of STEPS) {
      const { requests, codes } = await getThrice(login, [], hours);
      expect([hours, codes]).toEqual([hours, [5, 5, 5]]);
      expect([hours, requests]).toEqual([hours, [0, 0, 0]]);
    }
    login.server.setFault(null);
    // Its record of the failure is from years ahead.
    const { codes, requests } = await getThrice(login, newBoot(login), -216_000);
    expect([codes, requests]).toEqual([
      [0, 0, 0],
      [1, 0, 0],
    ]);
  });

  test('does not make a rejected token worth another refresh', async (context) => {
    needFaketime(context);
    const login = await createSharedLogin();
    await login.importGrant('work', 0);
    const { stdout: input } = await login.run(['get', 'work']);
    for (const hours of STEPS) {
      const env = wallClock(hours);
      const rejected = await login.run(['get', 'work', '--rejected', '-'], { input, env });
      expect([hours, rejected.code]).toEqual([hours, 5]);
    }
    expect(login.server.tokenRequests).toBe(1);
  });

  test('ahead while one refreshes and others wait costs them one more refresh', async (context) => {
    needFaketime(context);
    const { codes, printed, login } = await stepWhileRefreshing(72);
    expect(codes).toEqual(Array(4).fill([0, '']));
    // By the wall clock, which is believed because it says more, the first one is three days old.
    expect(printed).toBe(2);
    expect(login.server.tokenRequests).toBe(2);
    expect(login.server.reuseDetections).toBe(0);
  });

  test('back while one refreshes and others wait costs nothing', async (context) => {
    needFaketime(context);
    const { codes, printed, login } = await stepWhileRefreshing(-72);
    expect(codes).toEqual(Array(4).fill([0, '']));
    expect(printed).toBe(1);
    expect(login.server.tokenRequests).toBe(1);
  });
});

describe('a holder that is stopped for longer than anything is waited for', () => {
  test('is not succeeded, whatever the time is elsewhere, and loses nothing when it goes on', async (context) => {
    needFaketime(context);
    const login = await createSharedLogin({ latencyMs: 100 });
    await login.importGrant('work', 0);
    const holder = login.start(['get', 'work']);
    await stopAtEndpoint(login, () => holder.child.pid);
    const patient = login.start(['get', 'work', '--timeout', '2m']);
    // Longer than the silence after which one that cannot be seen is dead, and than the limit for an answer.
    const waiting = [0, 48, -48].map((hours) =>
      login.run(['get', 'work', '--timeout', '13s'], { env: wallClock(hours) }),
    );
    for (const { code, stderr } of await Promise.all(waiting)) {
      expect(code).toBe(5);
      expect(stderr).toContain(
        `process ${holder.child.pid}, which is refreshing and has been stopped`,
      );
      expect(stderr).toContain(`kill -CONT ${holder.child.pid}`);
    }
    holder.child.kill('SIGCONT');
    const results = [await holder.result, await patient.result];
    expect(results.map(({ code, stderr }) => [code, stderr])).toEqual([
      [0, ''],
      [0, ''],
    ]);
    expect(login.server.tokenRequests).toBe(1);
    expect(await readFile(login.auditPath, 'utf8')).not.toContain('takeover');
  });

  test('in a container with a clock of its own is not succeeded either', async (context) => {
    need(context, canShiftUptime(), 'root, unshare(1) and time namespaces');
    const login = await createSharedLogin({ latencyMs: 100 });
    await login.importGrant('work', 0);
    const holder = startWithin(login, SHIFTED_UPTIME, ['get', 'work']);
    const pid = await stopAtEndpoint(login, () => childOf(holder.pid));
    const waiting = await login.run(['get', 'work', '--timeout', '13s']);
    expect(waiting.code).toBe(5);
    expect(waiting.stderr).toContain('a process on another machine or in another container');
    process.kill(pid, 'SIGCONT');
    expect(await holder).toMatchObject({ exitCode: 0, stderr: '' });
    expect((await login.run(['get', 'work'])).stdout.trim()).toBe((await holder).stdout);
    expect(login.server.tokenRequests).toBe(1);
  });
});

test('a container whose time since boot is another one shares tokens and failures all the same', async (context) => {
  need(context, canShiftUptime(), 'root, unshare(1) and time namespaces');
  const login = await createSharedLogin();
  await login.importGrant('work', 0);
  const getInTurns = async () => {
    for (const surroundings of [SHIFTED_UPTIME, [], SHIFTED_UPTIME, []]) {
      await startWithin(login, surroundings, ['get', 'work']);
    }
    return login.server.tokenRequests;
  };
  expect(await getInTurns()).toBe(1);
  await login.importGrant('work', 0);
  login.server.clearLog();
  login.server.setFault({ kind: 'status', status: 429, headers: { 'retry-after': '600' } });
  expect(await getInTurns()).toBe(1);
});

const YEAR_S = 365 * 86_400;

test('a holder that cannot be seen does not freeze the lock, whenever its last heartbeat was', async () => {
  const cases = [
    { beatAt: YEAR_S, gated: false, code: 0 },
    { beatAt: -50 * YEAR_S, gated: false, code: 0 },
    { beatAt: YEAR_S, gated: true, code: 0 },
    { beatAt: -50 * YEAR_S, gated: true, code: 0 },
    // It may be at the token endpoint still.
    { beatAt: 0, gated: true, code: 5 },
  ];
  const ended = cases.map(async ({ beatAt, gated, code }) => {
    const login = await createSharedLogin();
    await login.importGrant('work', 0);
    const lock = join(login.home, 'credentials', 'work.lock');
    const { generation } = JSON.parse(await readFile(login.recordPath('work'), 'utf8'));
    const files = gated ? { [`spent-${generation}-1`]: '' } : {};
    const lease = await layLease(lock, foreignOwner(), files);
    const beat = Date.now() / 1000 + beatAt;
    await utimes(join(lock, lease, OWNER), beat, beat);
    // In vain: longer than it takes where it is not.
    const timeout = code === 5 ? '13s' : '60s';
    const result = await login.run(['get', 'work', '--timeout', timeout]);
    expect(login.server.tokenRequests).toBe(result.code === 0 ? 1 : 0);
    return { beatAt, gated, code: result.code };
  });
  expect(await Promise.all(ended)).toEqual(cases);
});

const stepWhileRefreshing = async (hours: number) => {
  // Long enough for some heartbeats.
  const login = await createSharedLogin({ latencyMs: 5_000 });
  await login.importGrant('work', 0);
  const { env, step } = steppedClock(login);
  const all = Array.from({ length: 4 }, () => login.start(['get', 'work'], { env }));
  const end = login.server.onTokenRequest(() => {
    end();
    step(hours);
  });
  const results = await Promise.all(all.map(({ result }) => result));
  const codes = results.map(({ code, stderr }) => [code, stderr]);
  return { codes, printed: new Set(results.map(({ stdout }) => stdout)).size, login };
};

/** Three gets, one after the other. */
const getThrice = async (login: SharedLogin, surroundings: readonly string[], hours: number) => {
  const requests: number[] = [];
  const codes: (number | undefined)[] = [];
  for (const _ of [1, 2, 3]) {
    const before = login.server.tokenRequests;
    const env = wallClock(hours);
    codes.push((await startWithin(login, surroundings, ['get', 'work'], env)).exitCode);
    requests.push(login.server.tokenRequests - before);
  }
  return { requests, codes };
};

/** Stops the process when its request has arrived, and gives its id. */
const stopAtEndpoint = ({ server }: SharedLogin, pidOf: () => number | undefined) =>
  new Promise<number>((resolve, reject) => {
    const end = server.onTokenRequest(() => {
      end();
      const pid = pidOf();
      if (pid === undefined) {
        return reject(new Error('there is no such process'));
      }
      process.kill(pid, 'SIGSTOP');
      resolve(pid);
    });
  });

const childOf = (pid: number | undefined): number | undefined => {
  const path = `/proc/${pid}/task/${pid}/children`;
  return Number(readFileSync(path, 'latin1').trim().split(' ')[0]) || undefined;
};
