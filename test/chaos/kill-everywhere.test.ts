import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, type TestContext, test } from 'vitest';
import {
  filesBelow,
  generationOf,
  isLive,
  savedBeside,
  storedRecord,
  takeOver,
} from '../support/expired-login.ts';
import { createSharedLogin, type SharedLogin } from '../support/login.ts';
import { need } from '../support/need.ts';
import { isSame, type Step, stepsAmong, traceGet } from '../support/steps.ts';
import { canTrace, runTraced } from '../support/strace.ts';

/**
 * `tokenctl get` is killed at every system call that touches the store, the token endpoint or its
 * output, one run for each, and what the next `get` makes of that is held against what the server
 * saw. A call that is killed is not made: step n is a process that died between calls n - 1 and n.
 */

/** Every how many steps one is tried. */
const STRIDE = Number(process.env.TOKENCTL_CHAOS_STEP ?? 1);
/** The worker wakes the main thread by write(2), more or less often, so counts of that differ; so often a step is aimed at. */
const MAX_AIMS = 60;
const RECOVERY_MS = 5_000;

let traceable = false;
beforeAll(async () => {
  traceable = await canTrace();
});
const needStrace = (context: TestContext) =>
  need(context, traceable, 'strace(1), and leave to attach it to a process');

test('a refresh that is killed at any system call costs the login only while its answer is unsaved', async (context) => {
  needStrace(context);
  const login = await createSharedLogin();
  const { steps, deaths } = await killEverywhere(login, () => takeOver(login));
  const sent = steps.findIndex(({ what }) =>
    /^(writev?|sendto|sendmsg) token endpoint$/.test(what),
  );
  const saved = steps.findIndex(
    ({ what }, index) => index > sent && /^(fsync|fdatasync) .*next\.json$/.test(what),
  );
  expect(sent).toBeGreaterThan(0);
  expect(saved).toBeGreaterThan(sent);
  // From sent to saved: whoever dies at the call that sends has not sent, at the fsync has not saved.
  const window = steps.slice(sent + 1, saved + 1);
  report('a refresh', steps, deaths, window);
  // Whatever else is done in there would lengthen it.
  expect(window.filter(({ what }) => !/ token endpoint$|\/next\.json$/.test(what))).toEqual([]);
  const losses = deaths.flatMap(({ step, fate }) => (fate === 'lost' && step ? [step] : []));
  expect(losses.filter((step) => !window.includes(step))).toEqual([]);
});

test('nor does it cost anything to kill the one that adopts what a dead one saved', async (context) => {
  needStrace(context);
  const login = await createSharedLogin();
  await takeOver(login);
  const refresh = await traceGet(login);
  const commit = refresh.find(({ what }) => /^rename .*next\.json → .*work\.json$/.test(what));
  const leaveSavedRecord = async () => {
    await takeOver(login);
    const target = commit ?? expect.fail('no commit was seen');
    return (await killAt(login, refresh, target)).step === target;
  };
  const { steps, deaths } = await killEverywhere(login, async () => {
    for (let tries = 0; !(await leaveSavedRecord()); tries += 1) {
      expect(tries).toBeLessThan(MAX_AIMS);
    }
  });
  report('an adoption', steps, deaths, []);
  expect(deaths.filter(({ fate }) => fate !== 'saved')).toEqual([]);
});

type Fate =
  /** The server had not rotated: the next get asks it, for the first time or again. */
  | 'unsent'
  /** It had, and the new tokens are complete in the store: the next get asks nobody. */
  | 'saved'
  /** It had, and they are nowhere. */
  | 'lost';

interface Death {
  /** What it did not live to do; null if that cannot be told. */
  readonly step: Step | null;
  readonly fate: Fate;
  /** The dead one's request arrived, and the next sent the same refresh token. */
  readonly resent: boolean;
  /** Without a token in it: left for the next holder of the lease, for a fresh token takes none. */
  readonly leftForLater: boolean;
  readonly recoveryMs: number;
}

const killEverywhere = async (
  login: SharedLogin,
  prepare: () => Promise<void>,
): Promise<{ steps: Step[]; deaths: Death[] }> => {
  await prepare();
  const steps = await traceGet(login);
  const deaths: Death[] = [];
  for (const step of steps.filter((_, index) => index % STRIDE === 0)) {
    let nth = step.nth;
    const isDone = () => deaths.some((death) => death.step === step);
    for (let aims = 0; aims < MAX_AIMS && !isDone(); aims += 1) {
      await prepare();
      const shot = await killAt(login, steps, step, nth);
      if (shot.killedAt !== null) {
        deaths.push(await examine(login, shot));
      }
      // Too late: now it is known where it was. Too early, or not at all: a little further on.
      nth = shot.seenAt ?? (shot.killedAt === null ? step.nth : nth + 1);
    }
  }
  return { steps, deaths };
};

interface Shot {
  /** Null if it lived. */
  readonly killedAt: string | null;
  /** The step that it did not live to make; null if that cannot be told. */
  readonly step: Step | null;
  /** Which call of its name the target was this time, if it came that far. */
  readonly seenAt: number | null;
  readonly printed: string;
}

const killAt = async (
  login: SharedLogin,
  trace: readonly Step[],
  target: Step,
  nth = target.nth,
): Promise<Shot> => {
  const traced = await runTraced(login, ['get', 'work'], {
    thread: target.thread,
    injections: [{ name: target.name, effect: 'signal=KILL', when: `${nth}` }],
  });
  const { result, calls } = traced;
  const made = stepsAmong(login, traced);
  const seenAt = made.find((step) => isSame(step, target))?.nth ?? null;
  const printed = result.stdout;
  if (result.signal !== 'SIGKILL') {
    expect(result).toMatchObject({ code: 0, stderr: '' });
    return { killedAt: null, step: null, seenAt, printed };
  }
  const call = calls.at(-1);
  const before = made.at(-1);
  const index = trace.findIndex((step) => before !== undefined && isSame(step, before));
  if (before?.name === call?.name && before?.nth === call?.nth) {
    return { killedAt: before?.what ?? null, step: trace[index] ?? null, seenAt, printed };
  }
  // At a wake-up. If its thread makes the next step as well, it died right before that.
  const next = trace[index + 1];
  const step = index >= 0 && next?.thread === 'worker' && before?.thread === 'worker' ? next : null;
  return { killedAt: `a wake-up after ${before?.what ?? 'none'}`, step, seenAt, printed };
};

/** What the store, the server and the next processes say after a death. */
const examine = async (login: SharedLogin, { step, killedAt, printed }: Shot): Promise<Death> => {
  const { server, home } = login;
  const at = `killed at ${killedAt}`;
  const record = storedRecord(login);
  expect(record, at).toMatchObject({ kind: 'record', complete: true });
  const status = await login.run(['status', '--json']);
  expect(status, at).toMatchObject({ code: 0, stderr: '' });
  // By now the server has seen all that the dead one sent.
  expect(server.requests.map(({ outcome }) => outcome)).not.toContain('received');
  const before = { requests: server.tokenRequests, rotations: server.rotations };
  const isSaved = generationOf(record) === 2 || savedBeside(home).length > 0;
  const fate: Fate = before.rotations === 0 ? 'unsent' : isSaved ? 'saved' : 'lost';

  const next = await login.run(['get', 'work']);
  expect(next.ms, at).toBeLessThan(RECOVERY_MS);
  const sentNow = server.tokenRequests - before.requests;
  // Persist before print.
  expect(['', next.stdout], at).toContain(printed);
  const death = {
    ...{ step, fate, leftForLater: false, recoveryMs: next.ms },
    resent: before.requests > 0 && sentNow > 0,
  } as const;
  if (fate === 'lost') {
    expect(next, at).toMatchObject({ code: 4, stdout: '' });
    expect(next.stderr, at).toContain('invalid_grant');
    expect(next.stderr, at).toMatch(/tokenctl (login|import) work/);
    expect(await login.run(['get', 'work']), at).toMatchObject({ code: 4, stdout: '' });
    expect({ ...server }, at).toMatchObject({ tokenRequests: 2, reuseDetections: 1 });
    return death;
  }
  expect(next, at).toMatchObject({ code: 0, stderr: '' });
  expect(await isLive(login, next.stdout.trim()), at).toBe(true);
  expect(server.reuseDetections, at).toBe(0);
  expect(server.rotations, at).toBe(1);
  expect(sentNow, at).toBe(fate === 'saved' ? 0 : 1);
  expect(server.tokenRequests, at).toBeLessThanOrEqual(2);
  return { ...death, leftForLater: await examineFiles(login, generationOf(record) === 2, at) };
};

/** Nothing stays, except what a process left that had committed already; and then no token. */
const examineFiles = async (
  login: SharedLogin,
  committed: boolean,
  at: string,
): Promise<boolean> => {
  const { home, server } = login;
  const entries = () =>
    readdirSync(join(home, 'credentials')).filter(
      (entry) => entry !== 'tokenctl-anchor' && entry !== 'work.herd',
    );
  const files = filesBelow(home).filter(({ path }) => path !== 'credentials/work.json');
  for (const { path, text } of files) {
    expect(
      server.everyIssuedSecret().some((secret) => text.includes(secret)),
      `${at}: a token in ${path}`,
    ).toBe(false);
  }
  if (entries().length === 1 || !committed) {
    expect(entries(), at).toEqual(['work.json']);
    return false;
  }
  expect(await login.run(['get', 'work', '--force']), at).toMatchObject({ code: 0, stderr: '' });
  expect(entries(), at).toEqual(['work.json']);
  expect(server.reuseDetections, at).toBe(0);
  return true;
};

const report = (
  what: string,
  steps: readonly Step[],
  deaths: readonly Death[],
  window: readonly Step[],
): void => {
  const hits = new Set(deaths.flatMap(({ step }) => step ?? []));
  const tried = Math.ceil(steps.length / STRIDE);
  const count = (condition: (death: Death) => boolean) => deaths.filter(condition).length;
  const lost = deaths.filter(({ fate }) => fate === 'lost');
  const missed = steps.filter((step, index) => index % STRIDE === 0 && !hits.has(step));
  console.log(
    [
      `${what}: ${steps.length} steps, ${tried} aimed at, ${hits.size} with a death, ${missed.length} not reached`,
      `  deaths examined: ${deaths.length} (${count(({ step }) => step === null)} at a wake-up between the steps of two threads)`,
      `  before the rotation: ${count(({ fate }) => fate === 'unsent')}, saved: ${count(({ fate }) => fate === 'saved')}, lost: ${lost.length}`,
      `  re-sent: ${count(({ resent }) => resent)}; remains without a token left for the next lease: ${count(({ leftForLater }) => leftForLater)}`,
      `  slowest recovery: ${Math.round(Math.max(...deaths.map(({ recoveryMs }) => recoveryMs)))} ms`,
      `  window, ${window.length} steps:`,
      ...window.map((step) => {
        const fates = deaths.filter((death) => death.step === step).map(({ fate }) => fate);
        return `    ${step.what}: ${fates.join(', ') || 'not tried'}`;
      }),
      ...missed.map((step) => `  not reached: ${step.what} (${step.thread}, ${step.occurrence})`),
    ].join('\n'),
  );
  // A sweep that killed nobody proves nothing.
  expect(hits.size).toBeGreaterThanOrEqual(tried * 0.95);
};
