import type { NotRevealed } from './secret.ts';

/**
 * What may be told in debug mode. Neither a `Secret` nor what its `reveal()` gives is one of these:
 * a line of code that tells a token does not compile.
 */
export type Loggable = NotRevealed | number | boolean | null;

export type Details = Readonly<Record<string, Loggable>>;

/** Is told what happens, step by step, as it happens. Must not throw. */
export type Trace = (step: NotRevealed, details?: Details) => void;
