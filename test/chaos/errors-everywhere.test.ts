import { beforeAll, expect, type TestContext, test } from 'vitest';
import { environmentOf } from '../support/aftermath.ts';
import { takeOver, takeOverDue } from '../support/expired-login.ts';
import type { Fault } from '../support/faults.ts';
import { need } from '../support/need.ts';
import { type Step, traceGet } from '../support/steps.ts';
import { canTrace } from '../support/strace.ts';
import { type Sweep, sufferOnce, summaryOf, sweep } from '../support/sweep.ts';

/**
 * A `tokenctl get` in which a system call that touches the store, the token endpoint or the output
 * returns an error, or it and those that follow: one run for each call, error and extent. What it
 * says, and what the next `get` makes of what it left, is held against what the server saw.
 */

/** Every how many faults one is tried. */
const STRIDE = Number(process.env.TOKENCTL_CHAOS_STEP ?? 1);

let traceable = false;
beforeAll(async () => {
  traceable = await canTrace();
});

const sweepAll = async (context: TestContext, plan: Sweep) => {
  need(context, traceable, 'strace(1), and leave to attach it to a process');
  const swept = await sweep(plan, STRIDE);
  const { text, wrong } = summaryOf(plan, swept);
  console.log([text, ...wrong.map((line) => `  WRONG ${line}`)].join('\n'));
  expect(wrong).toEqual([]);
  // A sweep that hit nothing proves nothing.
  expect(swept.suffered.length).toBeGreaterThanOrEqual(swept.tried * 0.95);
};

test('no error of a system call in a refresh costs the login', async (context) => {
  await sweepAll(context, {
    what: 'a refresh',
    prepare: async (login) => {
      await takeOver(login);
      return null;
    },
    allow: (fault, steps) => ({
      ...whereabouts(fault, steps),
      codes: {
        preparing: [0, 6],
        connecting: [0, 5],
        receiving: [0, 4, 5],
        // A disk that fails once gets a second chance.
        saving: fault.extent === 'once' ? [0] : [0, 8],
        ending: [0],
        printing: [6, 141],
      }[phaseOf(fault.step, steps)],
      requests: [1],
      settled: true,
    }),
  });
});

test('nor withholds a token that still works, once it has been read', async (context) => {
  await sweepAll(context, {
    what: 'a refresh ahead of time',
    prepare: async (login) => {
      await takeOverDue(login);
      return null;
    },
    concerns: ({ effect, extent }) =>
      effect === 'error=EIO' ? extent !== 'every such call' : /EROFS|ETIMEDOUT|EMFILE/.test(effect),
    allow: (fault, steps) => ({
      ...whereabouts(fault, steps),
      codes: {
        preparing: steps.indexOf(fault.step) <= steps.findIndex(isRead) ? [0, 6] : [0],
        connecting: [0],
        receiving: [0],
        saving: fault.extent === 'once' ? [0] : [0, 8],
        ending: [0],
        printing: [6],
      }[phaseOf(fault.step, steps)],
      // It is due again at once.
      requests: [0, 1, 2],
      settled: false,
    }),
  });
});

test.for([
  ['in its lease', /^rename .*\/next\.json → /, 'every such call', 0],
  ['in a lifeboat', /^pwrite64 .*\/next\.json$/, 'every call', 8],
] as const)(
  'nor has what a dead process saved %s forgotten',
  async ([where, call, extent, code], context) => {
    let steps: Step[] = [];
    await sweepAll(context, {
      what: `an adoption of what was saved ${where}`,
      prepare: async (login) => {
        if (steps.length === 0) {
          await takeOver(login);
          steps = await traceGet(login, { env: environmentOf(login) });
        }
        const step = steps.findLast(({ what }) => call.test(what)) ?? expect.fail('no such step');
        const fault: Fault = { step, extent, effect: 'error=EIO' };
        const result = await sufferOnce(fault, login, steps, () => takeOver(login));
        expect(result.code).toBe(code);
        login.server.clearLog();
        return result.stdout.trim();
      },
      // For the rest it is a `get` like any other. What may not be read is another user's.
      concerns: ({ step, effect }) =>
        step.files.some((file) => /DEAD|runtime/.test(file)) && effect !== 'error=EACCES',
      allow: () => ({
        ...{ beforeSending: false, answerLost: false, mute: false },
        codes: [0, 6],
        requests: [0],
        settled: true,
      }),
    });
  },
);

const whereabouts = ({ step }: Fault, steps: readonly Step[]) => {
  const phase = phaseOf(step, steps);
  return {
    beforeSending: phase === 'preparing' || phase === 'connecting',
    answerLost: phase === 'receiving',
    mute: phase === 'printing',
  };
};

const phaseOf = (step: Step, steps: readonly Step[]) => {
  const at = steps.indexOf(step);
  const { what } = step;
  if (what.endsWith(' stdout')) {
    return 'printing';
  }
  if (what === 'read token endpoint') {
    return 'receiving';
  }
  const isSending = (one: Step) => /^(writev?|sendto) token endpoint$/.test(one.what);
  if (at <= steps.findIndex(isSending)) {
    return what.endsWith(' token endpoint') ? 'connecting' : 'preparing';
  }
  // Until the new record is in the record's place: from then on there is nothing to lose.
  const isCommit = (one: Step) => /^rename .*\/next\.json → /.test(one.what);
  return at <= steps.findLastIndex(isCommit) ? 'saving' : 'ending';
};

/** The first look at the record is over. */
const isRead = ({ what }: Step): boolean => what === 'close credentials/work.json';
