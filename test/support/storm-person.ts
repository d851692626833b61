import { setTimeout as sleep } from 'node:timers/promises';
import type { Fate } from './storm-blows.ts';
import { getErrand, importErrand, invalidateErrand, removeErrand } from './storm-errands.ts';
import type { ProcessRun } from './storm-history.ts';
import { type Action, planReturns, type Step } from './storm-plan.ts';
import type { Errand } from './storm-processes.ts';
import type { Stage } from './storm-stage.ts';

/** Who calls the commands, hands rejected tokens back, and signs in again when there is no other way. */
export interface Person {
  act(step: Step): void;
  signIn(login: string, lifetime: number): Promise<ProcessRun>;
  /** No more coming back. Resolves when whoever was on the way has signed in. */
  leave(): Promise<void>;
}

export const createPerson = (stage: Stage, seed: string): Person => {
  const { server, sky, witness, marksman, processes } = stage;
  const lastToken = new Map<string, string>();
  const returns = new Map<string, ReturnType<typeof planReturns>>();
  const returning = new Map<string, Promise<unknown>>();
  let left = false;

  const signIn = (login: string, lifetime: number): Promise<ProcessRun> =>
    processes.start([importErrand(server, witness, login, lifetime)])[0] as Promise<ProcessRun>;

  const planOf = (login: string): ReturnType<typeof planReturns> => {
    const plan = returns.get(login) ?? planReturns(seed, login);
    returns.set(login, plan);
    return plan;
  };

  const comeBack = (login: string, afterMs?: number): void => {
    if (left || returning.has(login)) {
      return;
    }
    const { ms, lifetime } = planOf(login)();
    const signingIn = sleep(afterMs ?? ms)
      .then(() => signIn(login, lifetime))
      .finally(() => returning.delete(login));
    returning.set(login, signingIn);
  };

  /** It rests, and says that only force helps: then by force. */
  const insist = (login: string): void => {
    if (left || returning.has(login)) {
      return;
    }
    const insisting = sleep(planOf(login)().ms)
      .then(() => Promise.all(processes.start([getErrand(login, { force: true })])))
      .finally(() => returning.delete(login));
    returning.set(login, insisting);
  };

  const heed = ({ login, code, stderr }: ProcessRun, token: string | null): void => {
    if (code === 0 && token !== null) {
      lastToken.set(login, token);
    }
    if (code === 3 || code === 4) {
      comeBack(login);
    } else if (code === 5 && stderr.includes(`get ${login} --force`)) {
      insist(login);
    }
  };

  /** The errand, and the blow that whoever runs it is to meet. */
  const meeting = (errand: Errand, fate: Fate | null): Errand => ({
    ...errand,
    onEnd: heed,
    onStart: (running) => {
      if (fate !== null) {
        setTimeout(() => marksman.strike(running, fate.blow), fate.afterMs);
      }
    },
  });

  const ask = (login: string, { gets, rejects }: Action & { kind: 'gets' }): Errand[] => {
    const last = lastToken.get(login) ?? null;
    if (last !== null && rejects && gets.some(({ what }) => what === 'rejected')) {
      server.rejectAccessToken(last);
    }
    return gets.map(({ what, timeoutMs, fate }) => {
      const rejected = what === 'rejected' ? last : null;
      return meeting(getErrand(login, { force: what === 'force', rejected, timeoutMs }), fate);
    });
  };

  return {
    signIn,
    act: (step) => {
      const { login } = step;
      switch (step.kind) {
        case 'gets':
          processes.start(ask(login, step));
          break;
        case 'import':
          processes.start([
            meeting(importErrand(server, witness, login, step.lifetime), step.fate),
          ]);
          break;
        case 'remove':
          processes.start([meeting(removeErrand(login), step.fate)]);
          comeBack(login, step.absentMs);
          break;
        case 'invalidate': {
          const token = step.targeted ? (lastToken.get(login) ?? null) : null;
          processes.start([meeting(invalidateErrand(login, token), step.fate)]);
          break;
        }
        case 'revoke':
          witness.revoke(login);
          break;
        case 'weather':
          sky.turn(step.weather);
      }
    },
    leave: async () => {
      left = true;
      await Promise.all(returning.values());
    },
  };
};
