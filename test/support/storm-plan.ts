import type { Misbehaviour } from '../../src/demo/fault-modes.ts';
import { type Fate, planFate } from './storm-blows.ts';
import { createRandom, type Random } from './storm-random.ts';

/**
 * What happens in a storm, and when. The same seed gives the same plan: the same steps in the same
 * order, the same blows to the same processes and requests. What the scheduler makes of it differs.
 */

export const LOGINS = [
  'work',
  'alice.github',
  'build_2',
  'a@b.example',
  'X',
  'night-shift',
] as const;

export interface Get {
  readonly what: 'plain' | 'force' | 'rejected';
  readonly timeoutMs: number;
  readonly fate: Fate | null;
}

export type Weather =
  | { readonly kind: 'fault'; readonly fault: Misbehaviour; readonly times: number }
  | { readonly kind: 'outage'; readonly ms: number }
  | { readonly kind: 'latency'; readonly beforeMs: number; readonly afterMs: number }
  | { readonly kind: 'lifetime'; readonly seconds: number };

export type Action =
  /** `rejects`: the resource answers 401 to the token that is handed back. */
  | { readonly kind: 'gets'; readonly gets: readonly Get[]; readonly rejects: boolean }
  | { readonly kind: 'import'; readonly lifetime: number; readonly fate: Fate | null }
  | { readonly kind: 'remove'; readonly absentMs: number; readonly fate: Fate | null }
  | { readonly kind: 'invalidate'; readonly targeted: boolean; readonly fate: Fate | null }
  /** At the provider, by a person. */
  | { readonly kind: 'revoke' }
  | { readonly kind: 'weather'; readonly weather: Weather };

export type Step = Action & { readonly login: string; readonly pauseMs: number };

/** Never ends: whoever carries it out decides when it is enough. */
export function* planSteps(seed: string): Generator<Step, never> {
  const random = createRandom(`${seed}: steps`);
  for (;;) {
    yield { ...action(random), login: random.pick(LOGINS), pauseMs: random.between(0, 150) };
  }
}

const action = (random: Random): Action => {
  const kind = random.weighted<Action['kind']>([
    [70, 'gets'],
    [6, 'invalidate'],
    [4, 'import'],
    [2, 'remove'],
    [1, 'revoke'],
    [17, 'weather'],
  ]);
  switch (kind) {
    case 'gets':
      return gets(random);
    case 'import':
      return { kind, lifetime: lifetime(random), fate: planFate(random) };
    case 'remove':
      return { kind, absentMs: random.between(0, 1_500), fate: planFate(random) };
    case 'invalidate':
      return { kind, targeted: random.chance(0.5), fate: planFate(random) };
    case 'revoke':
      return { kind };
    case 'weather':
      return { kind, weather: weather(random) };
  }
};

const gets = (random: Random): Action => {
  const count = random.weighted([
    [68, random.between(1, 2)],
    [25, random.between(3, 10)],
    [6, random.between(15, 60)],
    [1, random.between(100, 200)],
  ]);
  const mood = random.weighted<readonly (readonly [number, Get['what']])[]>([
    [65, [[1, 'plain']]],
    [
      20,
      [
        [4, 'plain'],
        [1, 'force'],
      ],
    ],
    [
      15,
      [
        [1, 'plain'],
        [1, 'rejected'],
      ],
    ],
  ]); // prettier-ignore
  const get = (): Get => ({
    what: random.weighted(mood),
    timeoutMs: random.chance(0.12) ? random.between(1, 4) * 1_000 : 30_000,
    fate: planFate(random),
  });
  return { kind: 'gets', gets: Array.from({ length: count }, get), rejects: random.chance(0.7) };
};

const lifetime = (random: Random): number => random.pick([0, 0, 1, 2, 4, 15]);

const weather = (random: Random): Weather =>
  random.weighted<Weather>([
    [25, { kind: 'lifetime', seconds: random.pick([1, 1, 2, 2, 3, 5, 15]) }],
    [20, { kind: 'latency', beforeMs: latency(random), afterMs: latency(random) }],
    [12, { kind: 'outage', ms: random.between(200, 3_000) }],
    [43, { kind: 'fault', fault: fault(random), times: random.between(1, 3) }],
  ]);

const latency = (random: Random): number =>
  random.weighted([
    [3, 0],
    [2, random.between(1, 40)],
    [1, random.between(40, 300)],
  ]);

const fault = (random: Random): Misbehaviour =>
  random.weighted<Misbehaviour>([
    [6, { kind: 'status', status: random.pick([500, 502, 503]) }],
    [2, { kind: 'status', status: 429, headers: { 'retry-after': '2' } }],
    [3, { kind: 'html', status: random.pick([200, 502]) }],
    [5, { kind: 'reset', after: 'before-rotation' }],
    [2, { kind: 'reset', after: 'rotation' }],
    [2, { kind: 'reset', after: 'half-answer' }],
    [4, { kind: 'slow-body', bytesPerSecond: random.between(300, 3_000) }],
    [1, { kind: 'endless-body' }],
    [1, { kind: 'redirect', location: 'http://127.0.0.1:9/elsewhere' }],
    [1, { kind: 'hang', after: random.pick(['before-rotation', 'rotation'] as const) }],
  ]);

/** After how long the person at the keyboard signs in again, each time a login is found dead or gone. */
export const planReturns = (
  seed: string,
  login: string,
): (() => { ms: number; lifetime: number }) => {
  const random = createRandom(`${seed}: returns to ${login}`);
  return () => ({ ms: random.between(20, 500), lifetime: lifetime(random) });
};
