import { createRandom, type Random } from './storm-random.ts';

/** What is done to a storm's processes; see storm-plan.ts. */

export type Blow =
  | { readonly signal: 'SIGKILL' | 'SIGTERM' | 'SIGINT' | 'SIGHUP' }
  /** SIGSTOP, and SIGCONT so much later. */
  | { readonly stopMs: number };

/** A blow to a process, so long after its start. */
export interface Fate {
  readonly afterMs: number;
  readonly blow: Blow;
}

export const planFate = (random: Random): Fate | null =>
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
