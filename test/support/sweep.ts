import { type Aftermath, type Allowance, environmentOf, examine, HUNG_MS } from './aftermath.ts';
import { describeFault, type Fault, faultsAt, isHit, tamperingFor } from './faults.ts';
import { createSharedLogin, type SharedLogin } from './login.ts';
import { isSame, type Step, stepsAmong, traceGet } from './steps.ts';
import { runTraced, type Traced } from './strace.ts';
import type { Result } from './tokenctl.ts';

/** A `get` that is run again and again, each time with another fault. */
export interface Sweep {
  readonly what: string;
  /** Puts everything back to where it begins; gives the token that is saved already, if any. */
  readonly prepare: (login: SharedLogin) => Promise<string | null>;
  /** Whether to try this fault. */
  readonly concerns?: (fault: Fault) => boolean;
  readonly allow: (fault: Fault, steps: readonly Step[]) => Omit<Allowance, 'saved'>;
}

export interface Suffered extends Aftermath {
  readonly fault: Fault;
  readonly hits: number;
}

export interface Swept {
  readonly steps: readonly Step[];
  readonly tried: number;
  readonly runs: number;
  readonly suffered: readonly Suffered[];
  readonly missed: readonly Fault[];
}

/** So many at once, each with a login and a server of its own. */
const LANES = 2;
/** Reads are of the main thread's wake-ups too, more or less often: so often a call is aimed at. */
const MAX_AIMS = 30;

export const sweep = async (
  { prepare, concerns = () => true, allow }: Sweep,
  stride: number,
): Promise<Swept> => {
  const logins = await Promise.all(Array.from({ length: LANES }, () => createSharedLogin()));
  const [scout] = logins;
  const steps = scout === undefined ? [] : await stepsOf(scout, prepare);
  const faults = steps.flatMap(faultsAt).filter(concerns);
  const queue = faults.filter((_, index) => index % stride === 0);
  const tried = queue.length;
  const suffered: Suffered[] = [];
  const missed: Fault[] = [];
  let runs = 0;
  const take = async (login: SharedLogin) => {
    for (let fault = queue.shift(); fault !== undefined; fault = queue.shift()) {
      let nth = fault.step.nth;
      let done = false;
      for (let aims = 0; aims < MAX_AIMS && !done; aims += 1) {
        const saved = await prepare(login);
        const traced = await runWith(fault, login, steps, nth);
        runs += 1;
        const made = stepsAmong(login, traced);
        done = isHit(fault, made);
        if (done) {
          const hits = made.filter(({ injected }) => injected).length;
          const allowance = { ...allow(fault, steps), saved };
          suffered.push({ ...(await examine(login, traced, allowance)), fault, hits });
        }
        const { step } = fault;
        nth = made.find((one) => isSame(one, step))?.nth ?? nth;
      }
      if (!done) {
        missed.push(fault);
      }
    }
  };
  await Promise.all(logins.map(take));
  return { steps, tried, runs, suffered, missed };
};

export const stepsOf = async (login: SharedLogin, prepare: Sweep['prepare']): Promise<Step[]> => {
  await prepare(login);
  return traceGet(login, { env: environmentOf(login) });
};

/** Until the fault comes about where it should. */
export const sufferOnce = async (
  fault: Fault,
  login: SharedLogin,
  steps: readonly Step[],
  prepare: () => Promise<void>,
): Promise<Result> => {
  for (let aims = 0; aims < MAX_AIMS; aims += 1) {
    await prepare();
    const traced = await runWith(fault, login, steps);
    if (isHit(fault, stepsAmong(login, traced))) {
      return traced.result;
    }
  }
  throw new Error(`not reached: ${describeFault(fault)}`);
};

const runWith = (
  fault: Fault,
  login: SharedLogin,
  steps: readonly Step[],
  nth?: number,
): Promise<Traced> =>
  runTraced(login, ['get', 'work'], tamperingFor(fault, login, steps, nth), {
    env: environmentOf(login),
    limitMs: HUNG_MS,
  });

/** For people; and what must not be, one line each. */
export const summaryOf = ({ what }: Sweep, swept: Swept): { text: string; wrong: string[] } => {
  const { steps, tried, runs, suffered, missed } = swept;
  const count = (condition: (one: Suffered) => boolean) => suffered.filter(condition).length;
  const codes = [...new Set(suffered.map(({ code }) => code))].sort(
    (a, b) => Number(a) - Number(b),
  );
  const hits = suffered.reduce((sum, one) => sum + one.hits, 0);
  const text = [
    `${what}: ${steps.length} steps, ${tried} faults injected, ${suffered.length} hit (${hits} calls, ${runs} runs), ${missed.length} not reached`,
    ...codes.map((code) => `  exit ${code}: ${count((one) => one.code === code)}`),
    `  before sending: ${count(({ beforeSending }) => beforeSending)}, of which nothing was sent: ${count(({ beforeSending, requests }) => beforeSending && requests === 0)}`,
    `  adopted by the next: ${count(({ adopted }) => adopted)}, lost with the answer: ${count(({ lost }) => lost)}`,
    ...missed.map((fault) => `  not reached: ${describeFault(fault)}`),
  ].join('\n');
  const wrong = suffered.flatMap(({ fault, violations, code, stderr }) =>
    violations.length === 0
      ? []
      : [`${describeFault(fault)}: ${code} ${JSON.stringify(stderr)}: ${violations.join('; ')}`],
  );
  return { text, wrong };
};
