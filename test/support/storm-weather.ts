import { setTimeout as sleep } from 'node:timers/promises';
import type { AuthorizationServer } from '../../src/demo/authorization-server.ts';
import type { Interval } from './storm-history.ts';
import type { Weather } from './storm-plan.ts';

export interface Sky {
  readonly outages: readonly Interval[];
  /** Seconds that what a refresh issues now will live. */
  readonly lifetime: () => number;
  turn(weather: Weather): void;
  /** The next request is broken off before it is processed. */
  breakOffNext(): void;
  /** Fair weather, for good: no fault, no outage, no delay. */
  clear(lifetime: number): Promise<void>;
}

export const createSky = (server: AuthorizationServer, firstLifetime: number): Sky => {
  const outages: Interval[] = [];
  let lifetime = firstLifetime;
  // One outage after another: both ends are awaited.
  let outage: Promise<void> = Promise.resolve();

  const goDark = async (ms: number): Promise<void> => {
    const from = Date.now();
    await server.goOffline();
    await sleep(ms);
    await server.goOnline();
    outages.push({ from, to: Date.now() });
  };

  const setLifetime = (seconds: number): void => {
    lifetime = seconds;
    server.configure({ accessTokenLifetime: seconds });
  };

  return {
    outages,
    lifetime: () => lifetime,
    turn: (weather) => {
      switch (weather.kind) {
        case 'fault':
          return server.setFault({ ...weather.fault, times: weather.times });
        case 'outage':
          outage = outage.then(() => goDark(weather.ms));
          return;
        case 'latency':
          return server.configure({
            latencyBeforeMs: weather.beforeMs,
            latencyMs: weather.afterMs,
          });
        case 'lifetime':
          return setLifetime(weather.seconds);
      }
    },
    breakOffNext: () => server.setFault({ kind: 'reset', after: 'before-rotation', times: 1 }),
    clear: async (seconds) => {
      await outage;
      server.setFault(null);
      server.configure({ latencyBeforeMs: 0, latencyMs: 0 });
      setLifetime(seconds);
    },
  };
};
