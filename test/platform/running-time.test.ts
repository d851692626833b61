import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { afterRunning } from '../../src/platform/running-time.ts';

/** As if the process had been stopped: nothing in it runs. */
const stopFor = (ms: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
};

it('runs its action in the end, also after many steps', async () => {
  await new Promise<void>((resolve) => afterRunning(0, resolve));
  await new Promise<void>((resolve) => afterRunning(-5, resolve));
  const started = performance.now();
  await new Promise<void>((resolve) => afterRunning(700, resolve));
  expect(performance.now() - started).toBeGreaterThan(690);
});

it('does not count the time in which the process was stopped', async () => {
  const order: string[] = [];
  const acted = new Promise<void>((resolve) =>
    afterRunning(1_500, () => {
      order.push('time is up');
      resolve();
    }),
  );
  stopFor(3_000);
  setTimeout(() => order.push('what came meanwhile'), 0);
  await acted;
  expect(order).toEqual(['what came meanwhile', 'time is up']);
});

it('does nothing once it is cancelled, not even in the last moment', async () => {
  let acted = false;
  const act = () => {
    acted = true;
  };
  afterRunning(1, act)();
  const cancel = afterRunning(20, act);
  // Goes off in the same turn, right after its last step.
  setTimeout(cancel, 20);
  stopFor(100);
  await sleep(50);
  expect(acted).toBe(false);
});
