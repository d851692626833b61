import { covers, coversUsername, type HostBinding, isHostOf } from './binding.ts';
import type { Target } from './target.ts';

/** A login, and where its token may go. */
export interface BoundLogin {
  readonly login: string;
  readonly bindings: readonly HostBinding[];
}

export type Choice =
  | { readonly kind: 'one'; readonly login: string; readonly binding: HostBinding }
  | { readonly kind: 'none' }
  /** It would be these, if the program said for which path it asks. */
  | { readonly kind: 'path-needed'; readonly logins: readonly string[] }
  | { readonly kind: 'ambiguous'; readonly logins: readonly string[] };

/**
 * The one login that may answer for a target. Of several, the one that is bound more closely, by path
 * and by account; if none is closer than every other, none answers.
 */
export const chooseLogin = (target: Target, logins: readonly BoundLogin[]): Choice => {
  const candidates = logins.flatMap(({ login, bindings }) =>
    bindings
      .filter((binding) => covers(binding, target))
      .map((binding) => ({ login, binding, ...closeness(binding, target) })),
  );
  if (candidates.length === 0) {
    const deeper = loginsBelow(target, logins);
    return deeper.length > 0 ? { kind: 'path-needed', logins: deeper } : { kind: 'none' };
  }
  const closest = candidates.find((one) =>
    candidates.every((other) => other.login === one.login || isCloser(one, other)),
  );
  return closest === undefined
    ? { kind: 'ambiguous', logins: [...new Set(candidates.map(({ login }) => login))] }
    : { kind: 'one', login: closest.login, binding: closest.binding };
};

interface Closeness {
  readonly byPath: number;
  readonly byUsername: number;
}

/** An account that was asked for is closest; one that was not is further away than none. */
const closeness = ({ path, username }: HostBinding, target: Target): Closeness => ({
  byPath: path?.length ?? 0,
  byUsername: username === null ? 1 : target.username === null ? 0 : 2,
});

const isCloser = (one: Closeness, other: Closeness): boolean =>
  one.byPath >= other.byPath &&
  one.byUsername >= other.byUsername &&
  (one.byPath > other.byPath || one.byUsername > other.byUsername);

const loginsBelow = (target: Target, logins: readonly BoundLogin[]): string[] =>
  target.path !== null
    ? []
    : logins
        .filter(({ bindings }) =>
          bindings.some((binding) => isHostOf(binding, target) && coversUsername(binding, target)),
        )
        .map(({ login }) => login);
