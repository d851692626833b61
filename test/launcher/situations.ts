import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { parseDuration } from '../../src/cli/duration.ts';
import { type Credential, LOGIN_NAME, proactiveMs } from '../../src/credential.ts';
import { type Ask, decide } from '../../src/decide.ts';
import { currentBootId, later, type Moment, systemClock } from '../../src/platform/clock.ts';
import { Secret } from '../../src/secret.ts';
import { credentials, OTHER_BOOT } from '../support/records.ts';
import { save } from './driver.ts';

/** A record of some age, and a call that asks for it or for something like it. */
export interface Situation {
  readonly record: Credential;
  /** Milliseconds since the issue by the wall clock, which may have been stepped. */
  readonly wallAge: number;
  readonly uptimeAge: number;
  readonly boot: 'this' | 'another' | 'nameless';
  readonly name: string;
  readonly options: readonly Option[];
  /** Where among the options the name stands. */
  readonly place: number;
}

interface Option {
  readonly words: readonly string[];
  /** What it asks for; null if only Node.js may know. */
  readonly ask: { readonly minTtlMs?: number; readonly header?: true } | null;
}

export const argsOf = ({ name, options, place }: Situation): string[] => {
  const words = options.map((option) => option.words);
  return ['get', ...words.slice(0, place).flat(), name, ...words.slice(place).flat()];
};

/** Saves the record as it would be now. */
export const arrange = async (home: string, situation: Situation): Promise<Credential> => {
  const record = agedRecord(situation, systemClock());
  await save(home, loginOf(situation), record);
  // As in a directory that is not as new as this one.
  const anchorMs = record.issued.epochMs - 30_000;
  if (anchorMs < Date.now()) {
    utimesSync(join(home, 'credentials', 'tokenctl-anchor'), 1, anchorMs / 1000);
  }
  return record;
};

const loginOf = ({ name }: Situation): string => (LOGIN_NAME.test(name) ? name : 'other');

const agedRecord = ({ record, wallAge, uptimeAge, boot }: Situation, now: Moment): Credential => ({
  ...record,
  issued: {
    epochMs: Math.floor(now.epochMs - wallAge),
    uptimeMs: boot === 'nameless' ? null : Math.max(0, Math.floor((now.uptimeMs ?? 0) - uptimeAge)),
    bootId: { this: currentBootId(), another: OTHER_BOOT, nameless: null }[boot],
  },
});

/** The line that Node.js prints for this, now and without a warning; null if it does something else. */
export const lineOf = (situation: Situation, record: Credential, now: Moment): string | null => {
  const ask = askOf(situation, now);
  const { accessToken, tokenType } = record;
  if (ask === null || accessToken === null || !LOGIN_NAME.test(situation.name)) {
    return null;
  }
  const decision = decide(record, ask, { now, renewable: false, foreign: null });
  if (decision.kind !== 'serve' || decision.warning !== null) {
    return null;
  }
  const header = situation.options.some((option) => option.ask?.header);
  return header && tokenType.toLowerCase() !== 'bearer'
    ? null
    : `${header ? 'Authorization: Bearer ' : ''}${accessToken.reveal()}\n`;
};

const askOf = ({ options }: Situation, asked: Moment): Ask | null => {
  const asks = options.map(({ ask }) => ask);
  return asks.includes(null)
    ? null
    : {
        ...{ asked, force: false, noRefresh: false, rejected: null },
        minTtlMs: asks.reduce((last, ask) => ask?.minTtlMs ?? last, 0),
      };
};

/** So clearly fresh, and asked for in such a way, that the launcher must answer. */
export const isClear = (situation: Situation, record: Credential): boolean => {
  const now = systemClock();
  const ask = askOf(situation, now);
  const soon = later(now, (ask?.minTtlMs ?? 0) + 60_000);
  const left =
    record.lifetime === null ||
    proactiveMs(record) >
      Math.max(
        soon.epochMs - record.issued.epochMs,
        (soon.uptimeMs ?? 0) - (record.issued.uptimeMs ?? 0),
      );
  return (
    ask !== null &&
    // It knows durations of few digits, which any shell can count with.
    situation.options.every(({ words }) =>
      /^--[a-z-]+($|.[1-9]\d{0,3}[smhd]$)/.test(words.join('=')),
    ) &&
    lineOf(situation, record, now) !== null &&
    left &&
    situation.boot === 'this' &&
    situation.wallAge >= 0 &&
    record.lifeboat === null &&
    record.tokenType.toLowerCase() === 'bearer' &&
    !/[^A-Za-z0-9._~+/=:@%,!-]/.test(record.accessToken?.reveal() ?? '')
  );
};

const plainTokens = fc
  .string({ unit: fc.constantFrom(...'aZ09._~+/=:@%,!-'), minLength: 1, maxLength: 80 })
  .map((value) => new Secret(value));
const longTokens = fc
  .integer({ min: 1000, max: 4000 })
  .map((length) => new Secret('x'.repeat(length)));

const often = <T>(value: T, other: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 6, arbitrary: fc.constant(value) }, { weight: 1, arbitrary: other });

const records: fc.Arbitrary<Credential> = credentials.chain((any) =>
  fc
    .record({
      accessToken: fc.oneof(
        { weight: 6, arbitrary: plainTokens },
        { weight: 1, arbitrary: longTokens },
        { weight: 1, arbitrary: fc.constant(any.accessToken) },
      ),
      state: often({ kind: 'active', reason: null, at: null }, fc.constant(any.state)),
      tokenType: often('Bearer', fc.constant(any.tokenType)),
      rejected: often(false, fc.constant(true)),
      lifeboat: often(null, fc.constant('/tmp/lifeboat')),
      lifetime: fc.constantFrom(null, 2, 60, 3600, 36_000, 90 * 86_400),
    })
    // Nothing to renew it with: what Node.js does then depends on nobody else.
    .map((members) => ({ ...any, ...members, refreshToken: null })),
);

const DURATIONS = [
  ...['0s', '1s', '90s', '10m', '2h', '1d', '400d', '9999s', '10000s'],
  ...['100ms', '010m', '5', '-5s', '1h30m', '', 'm', '1 m', '1w', '99999999999h'],
];

const durationOptions = (name: string): Option[] =>
  DURATIONS.flatMap((text) => {
    const ms = durationMs(text);
    const ask = ms === null ? null : name === '--min-ttl' ? { minTtlMs: ms } : {};
    return [
      { words: [name, text], ask },
      { words: [`${name}=${text}`], ask },
    ];
  });

const durationMs = (text: string): number | null => {
  try {
    return parseDuration(text, '');
  } catch {
    return null;
  }
};

const options: fc.Arbitrary<Option> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Option>({ words: ['--header'], ask: { header: true } }) },
  { weight: 2, arbitrary: fc.constant<Option>({ words: ['--no-refresh'], ask: {} }) },
  { weight: 2, arbitrary: fc.constantFrom(...durationOptions('--min-ttl')) },
  { weight: 1, arbitrary: fc.constantFrom(...durationOptions('--timeout')) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Option>(
      ...[
        ['--json'],
        ['--force'],
        ['--id-token'],
        ['--header=x'],
        ['--HEADER'],
        ['-x'],
        ['--'],
      ].map((words) => ({ words, ask: null })),
    ),
  },
);

const names = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('work', 'a', 'Z.9_@-', 'get', 'x'.repeat(64)) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('x'.repeat(65), '.a', '_', 'a/b', '../work', 'a b', 'é', ''),
  },
);

export const situations: fc.Arbitrary<Situation> = fc
  .record({
    record: records,
    part: fc.constantFrom(0, 0.1, 0.5, 0.7, 0.75, 0.8, 1, 1.5),
    jitter: fc.integer({ min: 0, max: 3000 }),
    step: fc.constantFrom(0, 0, 0, 0, 20_000, -20_000, 600_000, -600_000, 1e9, -1e9),
    boot: fc.constantFrom<Situation['boot']>('this', 'this', 'this', 'another', 'nameless'),
    name: names,
    options: fc.array(options, { maxLength: 3 }),
    place: fc.nat(3),
  })
  .map(({ part, jitter, step, record, ...rest }) => {
    const uptimeAge = (record.lifetime ?? 1000) * 1000 * part + jitter;
    return { ...rest, record, uptimeAge, wallAge: uptimeAge + step };
  });
