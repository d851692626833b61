import type { Misbehaviour } from '../../src/demo/fault-modes.ts';
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

export type Blow =
  | { readonly signal: 'SIGKILL' | 'SIGTERM' | 'SIGINT' | 'SIGHUP' }
  /** SIGSTOP, and SIGCONT so much later. */
  | { readonly stopMs: number };

/** A blow to a process, so long after its start. */
export interface Fate {
  readonly afterMs: number;
  readonly blow: Blow;
}

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
      return { kind, lifetime: lifetime(random), fate: fate(random) };
    case 'remove':
      return { kind, absentMs: random.between(0, 1_500), fate: fate(random) };
    case 'invalidate':
      return { kind, targeted: random.chance(0.5), fate: fate(random) };
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
    fate: fate(random),
  });
  return { kind: 'gets', gets: Array.from({ length: count }, get), rejects: random.chance(0.7) };
};

const fate = (random: Random): Fate | null =>
  random.chance(0.18)
    ? {
        afterMs: random.weighted([
          [1, random.between(0, 150)],
          [3, random.between(150, 700)],
          [1, random.between(700, 2_500)],
        ]),
        blow: blow(random),
      }
    : null;

const blow = (random: Random): Blow =>
  random.weighted<Blow>([
    [70, { signal: 'SIGKILL' }],
    [20, { signal: random.pick(['SIGTERM', 'SIGINT', 'SIGHUP'] as const) }],
    [10, { stopMs: random.between(100, 3_000) }],
  ]);

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

/** What happens to the sender of a login's nth token request. */
export interface Shot {
  /**
   * When the request has arrived; when the server has rotated and not answered yet; when the next
   * record is complete, and not in its place yet …
   */
  readonly instant: 'arrival' | 'rotation' | 'saving';
  /** … or so long after that; at 0 the server waits for it. */
  readonly afterMs: number;
  readonly blow: Blow;
  /** The server breaks off without having processed the request. */
  readonly unprocessed: boolean;
}

export const planShots = (seed: string, login: string): (() => Shot | null) => {
  const random = createRandom(`${seed}: shots at ${login}`);
  return () => (random.chance(0.45) ? shot(random) : null);
};

const KILL: Blow = { signal: 'SIGKILL' };

const shot = (random: Random): Shot => {
  const polite: Blow = { signal: random.pick(['SIGTERM', 'SIGINT', 'SIGHUP'] as const) };
  const instant = random.pick(['arrival', 'rotation'] as const);
  const stop = (low: number, high: number): Blow => ({ stopMs: random.between(low, high) });
  const soon = random.pick([
    random.between(1, 20),
    random.between(20, 80),
    random.between(80, 300),
  ]);
  return random.weighted<Shot>([
    [18, { instant: 'arrival', afterMs: 0, blow: KILL, unprocessed: true }],
    [3, { instant: 'arrival', afterMs: 0, blow: KILL, unprocessed: false }],
    [4, { instant: 'rotation', afterMs: 0, blow: KILL, unprocessed: false }],
    [30, { instant: 'rotation', afterMs: soon, blow: KILL, unprocessed: false }],
    [18, { instant: 'saving', afterMs: 0, blow: KILL, unprocessed: false }],
    [17, { instant, afterMs: random.between(0, 30), blow: polite, unprocessed: false }],
    [8, { instant, afterMs: 0, blow: stop(200, 2_500), unprocessed: false }],
    // Longer than an answer is waited for.
    [3, { instant, afterMs: 0, blow: stop(11_000, 13_000), unprocessed: false }],
  ]);
};

/** After how long the person at the keyboard signs in again, each time a login is found dead or gone. */
export const planReturns = (
  seed: string,
  login: string,
): (() => { ms: number; lifetime: number }) => {
  const random = createRandom(`${seed}: returns to ${login}`);
  return () => ({ ms: random.between(20, 500), lifetime: lifetime(random) });
};
