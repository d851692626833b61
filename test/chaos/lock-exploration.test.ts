import { expect, it } from 'vitest';
import { type Bounds, explore } from '../support/lock-explorer.ts';
import { INITIAL_WORLDS } from '../support/lock-world.ts';

/** What `test/lock/exploration.test.ts` explores, within larger bounds: minutes, and some gigabytes. */
const everywhere = Object.values(INITIAL_WORLDS);
const noLock = [INITIAL_WORLDS['no lock']];

const cases: [string, Bounds][] = [
  ['4 contenders, 2 crashes', { initial: noLock, contenders: 4, crashes: 2 }],
  ['3 contenders, 2 crashes, 2 rounds', { initial: noLock, contenders: 3, crashes: 2, rounds: 2 }],
  [
    '3 contenders, 2 crashes, 2 rounds, Windows',
    { initial: noLock, contenders: 3, crashes: 2, rounds: 2, semantics: 'windows' },
  ],
  [
    '3 contenders, 1 crash, 1 false death',
    { initial: noLock, contenders: 3, crashes: 1, falseDeaths: 1 },
  ],
  [
    '3 contenders, 1 false death, after a dead holder',
    {
      initial: [INITIAL_WORLDS['a dead holder past the gate that had sent']],
      contenders: 3,
      falseDeaths: 1,
    },
  ],
  [
    '2 contenders, 2 rounds, 1 crash, 1 false death',
    { initial: everywhere, contenders: 2, rounds: 2, crashes: 1, falseDeaths: 1 },
  ],
  [
    '2 contenders, 1 crash, 2 false deaths',
    { initial: everywhere, contenders: 2, crashes: 1, falseDeaths: 2 },
  ],
  [
    '2 contenders, 1 crash, 2 false deaths, also of one that prepares',
    {
      initial: noLock,
      contenders: 2,
      crashes: 1,
      falseDeaths: 2,
      falseSweeps: true,
      reduced: false,
    },
  ],
];

it.each(cases)('%s: no refresh token is spent twice and none is lost', async (what, bounds) => {
  const started = performance.now();
  const explored = await explore(bounds);
  const seconds = Math.round((performance.now() - started) / 1000);
  console.log(`${what}: ${explored.states} states, ${explored.transitions} moves, ${seconds} s`);
  expect(explored.trace.join('\n')).toBe('');
  expect(explored.violation).toBeNull();
});
