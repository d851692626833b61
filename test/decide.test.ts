import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EXIT_CODES } from '../src/cli/exit-codes.ts';
import {
  type Attempt,
  attemptKey,
  type Credential,
  freshness,
  type Verdict,
} from '../src/credential.ts';
import {
  type Ask,
  afterFailure,
  type Decision,
  decide,
  type Refresh,
  type Surroundings,
  sharedFailure,
  unanswered,
} from '../src/decide.ts';
import { later, type Moment } from '../src/platform/clock.ts';
import { Secret } from '../src/secret.ts';
import { afterAttempt, at, credentialOf, credentials, moments, START } from './support/records.ts';

const COPIED = 'this store was copied here from elsewhere';
const STORED = new Secret('access-1');
const ANOTHER = new Secret('access-0');
const DEAD = { kind: 'dead', reason: 'invalid_grant', at: START } as const;
const PAUSED = { kind: 'paused', reason: 'by a person', at: START } as const;
const REVOKES = { ...credentialOf().client, quirks: ['refresh-revokes-access-token'] };

/** Seconds into the life of an hour's token. */
const FRESH = 60;
const WINDOW = 3000;
const EXPIRED = 3600;

interface Situation {
  readonly record?: Partial<Credential>;
  readonly ask?: Partial<Ask>;
  readonly around?: Partial<Surroundings>;
  /** Seconds after the token was issued. */
  readonly now: number;
}

const SITUATIONS = {
  fresh: { now: FRESH },
  window: { now: WINDOW },
  expired: { now: EXPIRED },
  'no access token': { record: { accessToken: null }, now: FRESH },
  'no stated lifetime': { record: { lifetime: null }, now: 1e9 },
  rejected: { ask: { rejected: STORED }, now: FRESH },
  'rejected, as somebody said before': { record: { rejected: true }, now: FRESH },
  'rejected, without a lifetime': {
    record: { lifetime: null },
    ask: { rejected: STORED },
    now: FRESH,
  },
  'rejected, but the stored token is another one': { ask: { rejected: ANOTHER }, now: FRESH },
  'another one was rejected, and the stored one has expired': {
    ask: { rejected: ANOTHER },
    now: EXPIRED,
  },
  'rejected again within 30 s of its own issue': { ask: { rejected: STORED }, now: 29.999 },
  '… 30 s after it': { ask: { rejected: STORED }, now: 30 },
  '… a minute of life, rejected after 14 s': {
    record: { lifetime: 60 },
    ask: { rejected: STORED },
    now: 14.999,
  },
  '… a minute of life, rejected after 15 s': {
    record: { lifetime: 60 },
    ask: { rejected: STORED },
    now: 15,
  },
  '… no stated lifetime': { record: { lifetime: null }, ask: { rejected: STORED }, now: 29 },
  '… but it was imported, not refreshed': {
    record: { obtained: 'import' },
    ask: { rejected: STORED },
    now: 1,
  },
  'dead, fresh': { record: { state: DEAD }, now: FRESH },
  'dead, window': { record: { state: DEAD }, now: WINDOW },
  'dead, expired': { record: { state: DEAD }, now: EXPIRED },
  'dead, rejected': { record: { state: DEAD }, ask: { rejected: STORED }, now: FRESH },
  'dead, rejected again': { record: { state: DEAD }, ask: { rejected: STORED }, now: 10 },
  'dead, no stated lifetime': { record: { state: DEAD, lifetime: null }, now: FRESH },
  'paused, fresh': { record: { state: PAUSED }, now: FRESH },
  'paused, expired': { record: { state: PAUSED }, now: EXPIRED },
  'paused, rejected': { record: { state: PAUSED }, ask: { rejected: STORED }, now: FRESH },
  'copied from elsewhere, fresh': { around: { foreign: COPIED }, now: FRESH },
  'copied from elsewhere, window': { around: { foreign: COPIED }, now: WINDOW },
  'copied from elsewhere, expired': { around: { foreign: COPIED }, now: EXPIRED },
  'copied from elsewhere, rejected': {
    around: { foreign: COPIED },
    ask: { rejected: STORED },
    now: FRESH,
  },
  'copied from elsewhere, dead, fresh': {
    record: { state: DEAD },
    around: { foreign: COPIED },
    now: FRESH,
  },
  'copied from elsewhere, dead, expired': {
    record: { state: DEAD },
    around: { foreign: COPIED },
    now: EXPIRED,
  },
  'copied from elsewhere, paused': {
    record: { state: PAUSED },
    around: { foreign: COPIED },
    now: FRESH,
  },
  'no refresh token, fresh': { around: { renewable: false }, now: FRESH },
  'no refresh token, window': { around: { renewable: false }, now: WINDOW },
  'no refresh token, expired': { around: { renewable: false }, now: EXPIRED },
  'no refresh token, rejected': {
    around: { renewable: false },
    ask: { rejected: STORED },
    now: FRESH,
  },
  'a refresh kills the old token, not due': { record: { client: REVOKES }, now: WINDOW },
  'a refresh kills the old token, due': { record: { client: REVOKES }, now: 3570 },
  '--force, fresh': { ask: { force: true }, now: FRESH },
  '--force, expired': { ask: { force: true }, now: EXPIRED },
  '--force, no stated lifetime': { record: { lifetime: null }, ask: { force: true }, now: FRESH },
  '--force, rejected again': { ask: { force: true, rejected: STORED }, now: 1 },
  '--force, dead': { record: { state: DEAD }, ask: { force: true }, now: FRESH },
  '--force, paused': { record: { state: PAUSED }, ask: { force: true }, now: FRESH },
  '--force, copied from elsewhere': {
    ask: { force: true },
    around: { foreign: COPIED },
    now: FRESH,
  },
  '--force, no refresh token': { ask: { force: true }, around: { renewable: false }, now: FRESH },
  '--force, refreshed since it was asked for': { ask: { force: true, asked: at(-5) }, now: FRESH },
  '--force, refreshed since and already due': { ask: { force: true, asked: at(-5) }, now: WINDOW },
  '--force, imported since it was asked for': {
    record: { obtained: 'import' },
    ask: { force: true, asked: at(-5) },
    now: FRESH,
  },
  '--no-refresh, fresh': { ask: { noRefresh: true }, now: FRESH },
  '--no-refresh, window': { ask: { noRefresh: true }, now: WINDOW },
  '--no-refresh, expired': { ask: { noRefresh: true }, now: EXPIRED },
  '--no-refresh, rejected': { ask: { noRefresh: true, rejected: STORED }, now: FRESH },
  '--no-refresh, dead, expired': {
    record: { state: DEAD },
    ask: { noRefresh: true },
    now: EXPIRED,
  },
  '--min-ttl that it has': { ask: { minTtlMs: 600_000 }, now: FRESH },
  '--min-ttl that it no longer has': { ask: { minTtlMs: 600_000 }, now: WINDOW + 1 },
  '--min-ttl that it has no more, imported just now': {
    record: { obtained: 'import' },
    ask: { minTtlMs: 7_200_000 },
    now: 1,
  },
  '--min-ttl beyond any life, just refreshed': { ask: { minTtlMs: 7_200_000 }, now: FRESH },
  '--min-ttl beyond any life, refreshed for this caller': {
    ask: { minTtlMs: 7_200_000, asked: at(-1) },
    now: WINDOW,
  },
  '--min-ttl beyond any life, a while later': { ask: { minTtlMs: 7_200_000 }, now: 1000 },
  '--min-ttl, expired': { ask: { minTtlMs: 600_000 }, now: EXPIRED },
  '--min-ttl, no stated lifetime': {
    record: { lifetime: null },
    ask: { minTtlMs: 1e9 },
    now: FRESH,
  },
  '--min-ttl, dead': { record: { state: DEAD }, ask: { minTtlMs: 7_200_000 }, now: 1000 },
  '--min-ttl, no refresh token': {
    ask: { minTtlMs: 7_200_000 },
    around: { renewable: false },
    now: 1000,
  },
  '--min-ttl, --no-refresh': { ask: { minTtlMs: 7_200_000, noRefresh: true }, now: 1000 },
} satisfies Record<string, Situation>;

/**
 * The decision table of the design, row by row and column by column. Numbers are exit codes;
 * `print*` is print with a warning; `-`: it does not come to that.
 */
const TABLE = `
state of the record                                      | lease free | lease busy | fails passingly | fails for good

fresh                                                    | print      | print      | -               | -
window                                                   | refresh    | print      | print           | print*
expired                                                  | refresh    | wait       | 5               | 4
no access token                                          | refresh    | wait       | 5               | 4
no stated lifetime                                       | print      | print      | -               | -
rejected                                                 | refresh    | wait       | 5               | 4
rejected, as somebody said before                        | refresh    | wait       | 5               | 4
rejected, without a lifetime                             | refresh    | wait       | 5               | 4
rejected, but the stored token is another one            | print      | print      | -               | -
another one was rejected, and the stored one has expired | refresh    | wait       | 5               | 4
rejected again within 30 s of its own issue              | 5          | 5          | -               | -
… 30 s after it                                          | refresh    | wait       | 5               | 4
… a minute of life, rejected after 14 s                  | 5          | 5          | -               | -
… a minute of life, rejected after 15 s                  | refresh    | wait       | 5               | 4
… no stated lifetime                                     | 5          | 5          | -               | -
… but it was imported, not refreshed                     | refresh    | wait       | 5               | 4
dead, fresh                                              | print*     | print*     | -               | -
dead, window                                             | print*     | print*     | -               | -
dead, expired                                            | 4          | 4          | -               | -
dead, rejected                                           | 4          | 4          | -               | -
dead, rejected again                                     | 4          | 4          | -               | -
dead, no stated lifetime                                 | print*     | print*     | -               | -
paused, fresh                                            | 7          | 7          | -               | -
paused, expired                                          | 7          | 7          | -               | -
paused, rejected                                         | 7          | 7          | -               | -
copied from elsewhere, fresh                             | print      | print      | -               | -
copied from elsewhere, window                            | print*     | print*     | -               | -
copied from elsewhere, expired                           | 6          | 6          | -               | -
copied from elsewhere, rejected                          | 6          | 6          | -               | -
copied from elsewhere, dead, fresh                       | print*     | print*     | -               | -
copied from elsewhere, dead, expired                     | 4          | 4          | -               | -
copied from elsewhere, paused                            | 7          | 7          | -               | -
no refresh token, fresh                                  | print      | print      | -               | -
no refresh token, window                                 | print      | print      | -               | -
no refresh token, expired                                | 4          | 4          | -               | -
no refresh token, rejected                               | 4          | 4          | -               | -
a refresh kills the old token, not due                   | print      | print      | -               | -
a refresh kills the old token, due                       | refresh    | wait       | 5               | 4

--force, fresh                                           | refresh    | wait       | 5               | 4
--force, expired                                         | refresh    | wait       | 5               | 4
--force, no stated lifetime                              | refresh    | wait       | 5               | 4
--force, rejected again                                  | refresh    | wait       | 5               | 4
--force, dead                                            | refresh    | wait       | 5               | 4
--force, paused                                          | 7          | 7          | -               | -
--force, copied from elsewhere                           | 6          | 6          | -               | -
--force, no refresh token                                | 4          | 4          | -               | -
--force, refreshed since it was asked for                | print      | print      | -               | -
--force, refreshed since and already due                 | refresh    | print      | print           | print*
--force, imported since it was asked for                 | refresh    | wait       | 5               | 4
--no-refresh, fresh                                      | print      | print      | -               | -
--no-refresh, window                                     | print      | print      | -               | -
--no-refresh, expired                                    | 5          | 5          | -               | -
--no-refresh, rejected                                   | 5          | 5          | -               | -
--no-refresh, dead, expired                              | 4          | 4          | -               | -
--min-ttl that it has                                    | print      | print      | -               | -
--min-ttl that it no longer has                          | refresh    | wait       | print*          | print*
--min-ttl that it has no more, imported just now         | refresh    | wait       | print*          | print*
--min-ttl beyond any life, just refreshed                | print*     | print*     | -               | -
--min-ttl beyond any life, refreshed for this caller     | print*     | print*     | -               | -
--min-ttl beyond any life, a while later                 | refresh    | wait       | print*          | print*
--min-ttl, expired                                       | refresh    | wait       | 5               | 4
--min-ttl, no stated lifetime                            | print      | print      | -               | -
--min-ttl, dead                                          | print*     | print*     | -               | -
--min-ttl, no refresh token                              | print*     | print*     | -               | -
--min-ttl, --no-refresh                                  | print*     | print*     | -               | -
`;

const ROWS = TABLE.trim()
  .split('\n')
  .slice(1)
  .filter((line) => line !== '')
  .map((line) => line.split('|').map((cell) => cell.trim()));

describe('the decision table', () => {
  it.each(ROWS)(
    '%s: %s, busy: %s, passing failure: %s, permanent failure: %s',
    (name, ...cells) => {
      expect(cellsOf(SITUATIONS[name as keyof typeof SITUATIONS])).toEqual(cells);
    },
  );

  it('has a row for every situation', () => {
    expect(ROWS.map(([name]) => name)).toEqual(Object.keys(SITUATIONS));
  });

  it('prints the current token after a permanent failure only until it expires', () => {
    const failed = permanentlyFailed(credentialOf());
    expect(decideOn(failed, { now: WINDOW })).toMatchObject({ kind: 'serve' });
    expect(decideOn(failed, { now: 3569 })).toMatchObject({ kind: 'serve' });
    expect(decideOn(failed, { now: 3570 })).toMatchObject({ kind: 'fail', code: 'login_required' });
  });

  it('tells a person why, in the words of the provider', () => {
    const failed = permanentlyFailed(credentialOf());
    expect(decideOn(failed, { now: WINDOW })).toMatchObject({
      warning: 'login required soon: invalid_grant: revoked',
    });
    expect(decideOn(failed, { now: EXPIRED })).toMatchObject({ why: 'invalid_grant: revoked' });
  });

  it.each([FRESH, WINDOW, EXPIRED])('never says "null" for want of a reason (%d)', (now) => {
    for (const kind of ['dead', 'paused'] as const) {
      const record = credentialOf({ state: { kind, reason: null, at: null } });
      expect(JSON.stringify(decideOn(record, { now }))).not.toMatch(/: null"/);
    }
  });
});

describe('what a failure comes to', () => {
  const cases: readonly [Verdict, string, string, string][] = [
    // verdict       | the old token lives | it does not | it is good, but not for long enough
    ['unavailable', 'print', '5', 'print*'],
    ['dead', 'print*', '4', 'print*'],
    ['interaction', 'print*', '4', 'print*'],
    ['configuration', 'print*', '6', 'print*'],
  ];

  it.each(cases)('%s: %s, %s, %s', (verdict, lives, gone, short) => {
    const after = (reason: Refresh['reason'], onFailure: Refresh['onFailure']) =>
      cellOf(
        afterFailure(
          { kind: 'refresh', reason, meanwhile: 'wait', onFailure },
          { verdict, error: 'why', description: null },
        ),
      );
    expect([after('window', 'serve'), after('expired', 'fail'), after('min-ttl', 'serve')]).toEqual(
      [lives, gone, short],
    );
  });
});

describe('a failed attempt is shared', () => {
  const expired = { now: EXPIRED } as const;
  const ended = at(EXPIRED);
  const failedAt = (members: Partial<Attempt> = {}): Credential =>
    afterAttempt(credentialOf(), { ended, ...members });
  const asked = (seconds: number) => ({ asked: at(seconds) });

  it('with everybody who asked before it ended, however long ago that was', () => {
    const now = EXPIRED + 600;
    expect(shared(failedAt(), { now, ask: asked(EXPIRED - 1) })).toBe('5');
    expect(shared(failedAt(), { now, ask: asked(EXPIRED + 1) })).toBe('refresh');
  });

  it('with those who forced a refresh too, if they had asked before', () => {
    const force = true;
    expect(shared(failedAt(), { ...expired, ask: { force, ...asked(EXPIRED - 1) } })).toBe('5');
    expect(shared(failedAt(), { ...expired, ask: { force, ...asked(EXPIRED) } })).toBe('refresh');
  });

  it('with everybody else until its back-off is over', () => {
    const ask = asked(EXPIRED);
    expect(shared(failedAt(), { now: EXPIRED + 0.999, ask })).toBe('5');
    expect(shared(failedAt(), { now: EXPIRED + 1, ask })).toBe('refresh');
    expect(shared(failedAt({ backoffMs: 60_000 }), { now: EXPIRED + 59, ask })).toBe('5');
  });

  it.each([
    ['interaction', '4'],
    ['configuration', '6'],
  ] as const)('as what it was: %s is %s for five minutes', (verdict, code) => {
    const failed = failedAt({ verdict, backoffMs: 300_000 });
    const ask = asked(EXPIRED + 1);
    expect(shared(failed, { now: EXPIRED + 299, ask })).toBe(code);
    expect(shared(failed, { now: EXPIRED + 300, ask })).toBe('refresh');
  });

  it('but costs nobody a token that is still valid', () => {
    const failed = afterAttempt(credentialOf(), { ended: at(WINDOW), backoffMs: 60_000 });
    expect(shared(failed, { now: WINDOW + 1 })).toBe('print');
    expect(shared(failed, { now: FRESH })).toBe('print');
  });

  it.each<[string, Partial<Credential>]>([
    ['the refresh token', { refreshToken: new Secret('refresh-2') }],
    ['the client id', { client: { ...credentialOf().client, clientId: 'new' } }],
    ['the client secret', { client: { ...credentialOf().client, clientSecret: new Secret('s') } }],
    [
      'the endpoint',
      { client: { ...credentialOf().client, tokenEndpoint: 'https://new.example' } },
    ],
  ])('but no longer when %s has changed', (_what, change) => {
    const failed = failedAt({ verdict: 'configuration', backoffMs: 300_000 });
    expect(shared({ ...failed, ...change }, { ...expired, ask: asked(0) })).toBe('refresh');
  });

  it('but not if it succeeded', () => {
    const succeeded = failedAt({ verdict: 'refreshed', backoffMs: 300_000 });
    expect(shared(succeeded, { ...expired, ask: asked(0) })).toBe('refresh');
  });

  it('gives exactly the attempt', () => {
    const failed = failedAt();
    expect(sharedFailure(failed, askOf({ ask: asked(0), now: EXPIRED }), ended)).toBe(
      failed.lastAttempt,
    );
  });

  describe('and a wall clock that was stepped back', () => {
    const YEAR = 365 * 86_400;
    const wall = (moment: Moment): Moment => ({ ...moment, uptimeMs: null, bootId: null });

    it.each([
      ['on another boot', (moment: Moment): Moment => ({ ...moment, bootId: 'another' })],
      ['where boots have no name', wall],
    ])('does not make it last for a year, %s', (_where, recorded) => {
      const failed = failedAt({
        verdict: 'configuration',
        ended: recorded(at(EXPIRED + YEAR)),
        backoffMs: 300_000,
      });
      for (const force of [false, true]) {
        const ask = { ...askOf({ now: EXPIRED }), asked: wallOf(recorded, EXPIRED), force };
        expect(sharedFailure(failed, ask, wallOf(recorded, EXPIRED + 1))).toBeNull();
      }
    });

    it('does not end it early on the same boot', () => {
      const now = { ...at(EXPIRED + 1), epochMs: START.epochMs - YEAR * 1000 };
      const failed = failedAt({ backoffMs: 300_000 });
      expect(sharedFailure(failed, { ...askOf({ now: EXPIRED }), asked: now }, now)).toBe(
        failed.lastAttempt,
      );
    });

    const wallOf = (recorded: (moment: Moment) => Moment, seconds: number): Moment =>
      recorded === wall ? wall(at(seconds)) : at(seconds);
  });
});

describe('a refresh "since it was asked for"', () => {
  it('is none that a clock puts into the future', () => {
    const issued = { epochMs: START.epochMs + 1e9, uptimeMs: null, bootId: null };
    const record = credentialOf({ issued });
    expect(decideOn(record, { ask: { force: true }, now: FRESH })).toMatchObject({
      kind: 'refresh',
      reason: 'forced',
    });
    expect(decideOn(record, { ask: { minTtlMs: 7_200_000 }, now: FRESH })).toMatchObject({
      kind: 'refresh',
    });
  });
});

describe('a refresh token that went out unanswered', () => {
  const record = afterAttempt(credentialOf(), { unanswered: 1, ended: START });

  it('is not sent again while the old token lives', () => {
    expect(unanswered(record)).toBe(1);
    expect(decideOn(record, { now: WINDOW })).toEqual({ kind: 'serve', warning: null });
    expect(decideOn(record, { now: 3569 })).toMatchObject({ kind: 'serve' });
    expect(decideOn(record, { ask: { minTtlMs: 3_000_000 }, now: 1000 })).toMatchObject({
      kind: 'serve',
      warning: 'could not refresh: no answer',
    });
  });

  it('is sent again when there is nothing left to lose, or when somebody insists', () => {
    expect(decideOn(record, { now: 3570 })).toMatchObject({ kind: 'refresh', reason: 'expired' });
    expect(decideOn(record, { ask: { rejected: STORED }, now: FRESH })).toMatchObject({
      kind: 'refresh',
    });
    expect(decideOn(record, { ask: { force: true }, now: FRESH })).toMatchObject({
      kind: 'refresh',
    });
  });

  it('is another one after a rotation', () => {
    const rotated = { ...record, refreshToken: new Secret('refresh-2') };
    expect(unanswered(rotated)).toBe(0);
    expect(decideOn(rotated, { now: WINDOW })).toMatchObject({ kind: 'refresh', reason: 'window' });
  });
});

describe('whatever is stored and whoever asks,', () => {
  const asks: fc.Arbitrary<Ask> = fc.record({
    asked: moments,
    force: fc.boolean(),
    noRefresh: fc.boolean(),
    minTtlMs: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 10_000_000 })),
    rejected: fc.option(fc.constant(STORED), { nil: null }),
  });
  const surroundings: fc.Arbitrary<Surroundings> = fc.record({
    now: moments,
    renewable: fc.boolean(),
    foreign: fc.constantFrom(null, COPIED),
  });
  /** Half of all tokens are the rejected one, and half of all moments within its life. */
  const situations = fc
    .tuple(
      credentials,
      asks,
      surroundings,
      fc.boolean(),
      fc.option(fc.integer({ min: -100, max: 8000 })),
    )
    .map(([record, ask, around, same, age]) => ({
      record: same && record.accessToken !== null ? { ...record, accessToken: STORED } : record,
      ask,
      around: age === null ? around : { ...around, now: later(record.issued, age * 1000) },
    }));
  const always = (
    check: (decision: Decision, record: Credential, ask: Ask, around: Surroundings) => void,
  ) =>
    fc.assert(
      fc.property(situations, ({ record, ask, around }) => {
        check(decide(record, ask, around), record, ask, around);
      }),
      { numRuns: 3000 },
    );

  it('the decision is printed in words, without a token', () => {
    always((decision, { accessToken, refreshToken }) => {
      const text = JSON.stringify(decision);
      expect(text).not.toContain('undefined');
      for (const token of [accessToken, refreshToken]) {
        // Shorter ones may be part of any word.
        if (token !== null && token.reveal().length > 8) {
          expect(text).not.toContain(JSON.stringify(token.reveal()).slice(1, -1));
        }
      }
    });
  });

  it('an expired or rejected token is never handed out, nor one that is not there', () => {
    always((decision, record, ask, { now }) => {
      const given =
        decision.kind === 'serve' ||
        (decision.kind === 'refresh' &&
          (decision.meanwhile === 'serve' || decision.onFailure === 'serve'));
      if (given) {
        expect(record.accessToken).not.toBeNull();
        expect(freshness(record, now)).not.toBe('expired');
        expect(record.rejected).toBe(false);
        expect(ask.rejected?.equals(record.accessToken) ?? false).toBe(false);
      }
    });
  });

  it('a paused, dead or copied login is never refreshed (a dead one if forced)', () => {
    always((decision, { state }, ask, { foreign, renewable }) => {
      if (decision.kind === 'refresh') {
        expect(state.kind).not.toBe('paused');
        expect(state.kind === 'dead' && !ask.force).toBe(false);
        expect({ foreign, renewable, noRefresh: ask.noRefresh }).toEqual({
          foreign: null,
          renewable: true,
          noRefresh: false,
        });
      }
    });
  });

  it('a paused login gives nothing', () => {
    always((decision, { state }) => {
      if (state.kind === 'paused') {
        expect(decision).toMatchObject({ kind: 'fail', code: 'paused' });
      }
    });
  });

  it('nobody who asks plainly is kept from a token that is still valid', () => {
    always((decision, record, ask, { now }) => {
      const plain =
        !ask.force &&
        !record.rejected &&
        !(ask.rejected?.equals(record.accessToken) ?? false) &&
        record.state.kind !== 'paused';
      if (plain && freshness(record, now) !== 'expired') {
        expect(decision.kind).not.toBe('fail');
        if (decision.kind === 'refresh') {
          expect(decision.onFailure).toBe('serve');
          expect(decision.meanwhile).toBe(decision.reason === 'min-ttl' ? 'wait' : 'serve');
        }
      }
    });
  });

  it('a fresh token is served at once unless somebody wants another one', () => {
    always((decision, record, ask, { now }) => {
      const wantsAnother = ask.force || ask.minTtlMs > 0 || ask.rejected !== null;
      if (!wantsAnother && !record.rejected && record.state.kind === 'active') {
        expect(decision.kind === 'serve' || freshness(record, now) !== 'fresh').toBe(true);
      }
    });
  });

  it('what failed is not tried again within its back-off, unless forced', () => {
    always((decision, record, ask, { now }) => {
      const attempt = record.lastAttempt;
      if (
        attempt !== null &&
        attempt.key === attemptKey(record) &&
        attempt.verdict !== 'refreshed' &&
        attempt.ended.bootId !== null &&
        attempt.ended.bootId === now.bootId &&
        (now.uptimeMs ?? 0) >= (attempt.ended.uptimeMs ?? 0) &&
        (now.uptimeMs ?? 0) < (attempt.ended.uptimeMs ?? 0) + attempt.backoffMs &&
        !ask.force
      ) {
        expect(decision.kind).not.toBe('refresh');
      }
    });
  });
});

/** What the four columns of the table say of a situation. */
function cellsOf(situation: Situation): string[] {
  const decision = decideOn(credentialOf(situation.record), situation);
  if (decision.kind !== 'refresh') {
    return [cellOf(decision), cellOf(decision), '-', '-'];
  }
  const failing = (verdict: Verdict) =>
    cellOf(afterFailure(decision, { verdict, error: 'why', description: null }));
  const busy = decision.meanwhile === 'serve' ? 'print' : 'wait';
  return ['refresh', busy, failing('unavailable'), failing('dead')];
}

function cellOf(decision: Decision): string {
  switch (decision.kind) {
    case 'serve':
      return decision.warning === null ? 'print' : 'print*';
    case 'refresh':
      return 'refresh';
    case 'fail':
      return String(EXIT_CODES[decision.code]);
  }
}

function shared(record: Credential, situation: Situation): string {
  return cellOf(decideOn(record, situation));
}

function decideOn(record: Credential, situation: Situation): Decision {
  return decide(record, askOf(situation), {
    now: at(situation.now),
    renewable: true,
    foreign: null,
    ...situation.around,
  });
}

function askOf({ ask, now }: Situation): Ask {
  return { asked: at(now), force: false, noRefresh: false, minTtlMs: 0, rejected: null, ...ask };
}

/** As a failed refresh leaves it (spend.ts). */
function permanentlyFailed(record: Credential): Credential {
  return {
    ...afterAttempt(record, { verdict: 'dead', error: 'invalid_grant', backoffMs: 300_000 }),
    state: { kind: 'dead', reason: 'invalid_grant: revoked', at: START },
  };
}
