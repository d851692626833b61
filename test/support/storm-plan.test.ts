import { expect, test } from 'vitest';
import { planShots } from './storm-blows.ts';
import { LOGINS, planReturns, planSteps } from './storm-plan.ts';

const take = <T>(count: number, next: () => T): T[] => Array.from({ length: count }, next);

const stepsOf = (seed: string) => {
  const steps = planSteps(seed);
  return take(500, () => steps.next().value);
};

test('the same seed gives the same plan, and another one another', () => {
  expect(stepsOf('a')).toEqual(stepsOf('a'));
  expect(stepsOf('a')).not.toEqual(stepsOf('b'));
  for (const plan of [planShots, planReturns] as ((
    seed: string,
    login: string,
  ) => () => unknown)[]) {
    expect(take(100, plan('a', 'work'))).toEqual(take(100, plan('a', 'work')));
    expect(take(100, plan('a', 'work'))).not.toEqual(take(100, plan('a', 'X')));
  }
});

test('a plan holds everything that a storm is made of', () => {
  const steps = take(10, () => `seed ${Math.random()}`).flatMap(stepsOf);
  expect(new Set(steps.map(({ login }) => login))).toEqual(new Set(LOGINS));
  const gets = steps.flatMap((step) => (step.kind === 'gets' ? step.gets : []));
  const weather = steps.flatMap((step) => (step.kind === 'weather' ? [step.weather] : []));
  const blows = gets.flatMap(({ fate }) => (fate === null ? [] : [fate.blow]));
  expect(kinds(steps)).toEqual(['gets', 'import', 'invalidate', 'remove', 'revoke', 'weather']);
  expect(kinds(weather)).toEqual(['fault', 'latency', 'lifetime', 'outage']);
  expect(new Set(gets.map(({ what }) => what))).toEqual(new Set(['plain', 'force', 'rejected']));
  expect(blows.some((blow) => 'stopMs' in blow)).toBe(true);
  expect(
    blows.filter((blow) => 'signal' in blow && blow.signal === 'SIGKILL').length,
  ).toBeGreaterThan(gets.length / 10);
  const largest = Math.max(...steps.map((step) => (step.kind === 'gets' ? step.gets.length : 0)));
  expect(largest).toBeGreaterThanOrEqual(100);
});

const kinds = (items: readonly { kind: string }[]): string[] =>
  [...new Set(items.map(({ kind }) => kind))].sort();
