import { setTimeout as sleep } from 'node:timers/promises';
import { calmDown } from './storm-calm.ts';
import type { History } from './storm-history.ts';
import { createPerson } from './storm-person.ts';
import { LOGINS, planSteps } from './storm-plan.ts';
import { shootSenders } from './storm-shots.ts';
import { FIRST_LIFETIME, type Stage, type StormOptions, setStage } from './storm-stage.ts';

/** More than this many at once only when a burst comes on top. */
const MAX_IN_FLIGHT = 16;

/** Carries the plan out, and tells what happened. */
export const runStorm = async (options: StormOptions): Promise<History> => {
  const stage = await setStage(options);
  const watchdog = setInterval(() => endTheHung(stage), 5_000);
  try {
    const person = createPerson(stage, options.seed);
    await Promise.all(LOGINS.map((login) => person.signIn(login, FIRST_LIFETIME)));
    const shooting = shootSenders(stage, options.seed);
    for (const step of planSteps(options.seed)) {
      await sleep(step.pauseMs);
      while (stage.processes.inFlight() >= MAX_IN_FLIGHT) {
        await sleep(10);
      }
      const started = stage.processes.started();
      if (started >= options.processes) {
        break;
      }
      options.progress?.(started);
      person.act(step);
    }
    shooting.end();
    return await calmDown(stage, person);
  } finally {
    clearInterval(watchdog);
    await stage.server.close();
  }
};

/** Whoever takes this long is waiting for something that will not come. */
const HUNG_MS = 150_000;

const endTheHung = ({ processes, marksman }: Stage): void => {
  for (const running of processes.running.values()) {
    if (Date.now() - running.startedAt > HUNG_MS && !running.hung) {
      running.hung = true;
      void marksman.strike(running, { signal: 'SIGKILL' });
    }
  }
};
