import { setTimeout as sleep } from 'node:timers/promises';
import type { RequestLogEntry } from '../../src/demo/request-log.ts';
import { planShots, type Shot } from './storm-blows.ts';
import { LOGINS } from './storm-plan.ts';
import { isStillWriting, seeHolder } from './storm-sight.ts';
import type { Stage } from './storm-stage.ts';

/** Strikes processes while they refresh: when their request arrives, when it is rotated, or soon after. */
export const shootSenders = (
  { server, home, witness, marksman, sky, processes }: Stage,
  seed: string,
): { end(): void } => {
  const plans = new Map(LOGINS.map((login) => [login as string, planShots(seed, login)]));
  const planned = new Map<RequestLogEntry, Shot | null>();

  const shoot = async (login: string, shot: Shot): Promise<void> => {
    const target = processes.running.get(seeHolder(home, login) ?? 0);
    if (target === undefined) {
      return;
    }
    if (shot.unprocessed) {
      sky.breakOffNext();
    }
    if (shot.afterMs > 0) {
      setTimeout(() => marksman.strike(target, shot.blow), shot.afterMs);
    } else {
      await marksman.strike(target, shot.blow);
    }
  };

  const shootWhenSaved = async (login: string, { blow }: Shot): Promise<void> => {
    const target = processes.running.get(seeHolder(home, login) ?? 0);
    while (target !== undefined && !target.over && isStillWriting(home, login, target.pid)) {
      await sleep(1);
    }
    if (target !== undefined) {
      await marksman.strike(target, blow);
    }
  };

  const subscriptions = [
    server.onTokenRequest(async (entry) => {
      const login = witness.loginOf(entry);
      const shot = plans.get(login ?? '')?.() ?? null;
      planned.set(entry, shot);
      if (login !== null && shot?.instant === 'arrival') {
        await shoot(login, shot);
      }
    }),
    server.onRotated(async (entry) => {
      const login = witness.loginOf(entry);
      const shot = planned.get(entry) ?? null;
      if (login !== null && shot?.instant === 'rotation') {
        await shoot(login, shot);
      } else if (login !== null && shot?.instant === 'saving') {
        // Not waited for: it has to be answered first.
        void shootWhenSaved(login, shot);
      }
    }),
  ];
  return {
    end: () => {
      for (const unsubscribe of subscriptions) {
        unsubscribe();
      }
    },
  };
};
