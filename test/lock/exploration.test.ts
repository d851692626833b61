import { describe, expect, it } from 'vitest';
import { type Bounds, type Exploration, explore } from '../support/lock-explorer.ts';
import { FLAWED } from '../support/lock-flaws.ts';
import { INITIAL_WORLDS } from '../support/lock-world.ts';

/**
 * The real code of `src/lock` in every order of its steps, over a file system in memory. Larger
 * bounds: `test/chaos/lock-exploration.test.ts`.
 */
const everywhere = Object.values(INITIAL_WORLDS);

const clean = async (what: string, bounds: Bounds): Promise<Exploration> => {
  const started = performance.now();
  const explored = await explore(bounds);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${what}: ${explored.states} states, ${explored.transitions} moves, ${seconds} s`);
  expect(explored.trace.join('\n')).toBe('');
  expect(explored.violation).toBeNull();
  return explored;
};

describe('three contenders, two of which may die between any two steps', () => {
  it('never spend a refresh token twice and never lose one that was written', async () => {
    await clean('3 contenders, 2 crashes', { initial: everywhere, contenders: 3, crashes: 2 });
  });

  it('do so where no rename replaces a directory, as on Windows', async () => {
    await clean('3 contenders, 2 crashes, Windows', {
      initial: everywhere,
      contenders: 3,
      crashes: 2,
      semantics: 'windows',
    });
  });
});

describe('holders that are silent may be taken for dead, but not past the gate', () => {
  it('three contenders stay safe', async () => {
    await clean('3 contenders, 1 false death', {
      initial: [INITIAL_WORLDS['no lock']],
      contenders: 3,
      falseDeaths: 1,
    });
  });

  it('two contenders stay safe when one of them really dies, from every initial state', async () => {
    await clean('2 contenders, 1 crash, 1 false death', {
      initial: everywhere,
      contenders: 2,
      crashes: 1,
      falseDeaths: 1,
    });
  });

  it('a contender whose prepared lease is swept away starts over', async () => {
    await clean('2 contenders, 1 crash, 1 false death, also of one that prepares', {
      initial: [
        INITIAL_WORLDS['no lock'],
        INITIAL_WORLDS['a dead holder past the gate that had sent'],
      ],
      contenders: 2,
      crashes: 1,
      falseDeaths: 1,
      falseSweeps: true,
      reduced: false,
    });
  });
});

it('the partial-order reduction loses no ending', async () => {
  for (const bounds of [
    { crashes: 2 },
    { crashes: 1, falseDeaths: 1 },
    { crashes: 1, rounds: 2, semantics: 'windows' },
  ] as const) {
    const all = { initial: everywhere, contenders: 2, ...bounds };
    const full = await explore({ ...all, reduced: false });
    const reduced = await explore(all);
    expect(reduced.states).toBeLessThan(full.states);
    expect([...reduced.ends].sort()).toEqual([...full.ends].sort());
  }
});

describe('the exploration finds what is wrong with', () => {
  const finds = async (bounds: Omit<Bounds, 'contenders'>): Promise<string | null> =>
    (await explore({ contenders: 2, reduced: false, ...bounds })).violation;
  const initial = [INITIAL_WORLDS['no lock']];

  it('taking a stale lock over by removing and creating its path, as proper-lockfile does', async () => {
    const variant = FLAWED['takeover by the shared path'];
    expect(await finds({ initial: [INITIAL_WORLDS['an empty lock directory']], variant })).toBe(
      'two living holders at once',
    );
  });

  it('evicting a holder past the gate because it is silent', async () => {
    // Silent twice: as the holder, and when the next one looks at what it left.
    const silence = { falseDeaths: 2, falseSweeps: true, evictPastGate: true };
    expect(await finds({ initial, ...silence })).toBe('two living holders are past the gate');
  });

  it('releasing whatever stands at the shared path', async () => {
    const variant = FLAWED['release by the shared path'];
    expect(await finds({ initial, falseDeaths: 1, variant })).toBe(
      'two living holders are past the gate',
    );
  });

  it('saving a paid-for result under a second lease without passing its gate', async () => {
    const variant = FLAWED['ungated recommit'];
    expect(await finds({ initial, falseDeaths: 2, crashes: 1, variant })).toBe(
      't2 was completely written and is lost',
    );
  });
});
