import { describe, expect, it } from 'vitest';
import { createJudge, GATED_SILENCE_MS, SILENCE_MS } from '../../src/lock/judge.ts';
import { newLeaseName } from '../../src/lock/lease-name.ts';
import { currentProcess } from '../../src/platform/process-identity.ts';
import { deadOwner, foreignOwner } from '../support/lock-processes.ts';

const noHeartbeat = async () => {
  throw new Error('nobody needs to ask for the heartbeat');
};

describe('an owner that can be seen from here', () => {
  it('is judged by the system, without waiting and whatever its heartbeat says', async () => {
    const judge = createJudge();
    for (const gated of [false, true]) {
      expect(await judge(newLeaseName(currentProcess()), gated, noHeartbeat)).toBe('alive');
      expect(await judge(newLeaseName(deadOwner()), gated, noHeartbeat)).toBe('dead');
    }
  });
});

describe('an owner on another machine', () => {
  const NOW = Date.parse('2026-03-01T12:00:00Z');
  const LOOK_MS = 100;

  /** Looks every tenth of a second, as one does who waits. */
  const observe = ({ gated = false, beatAgo = 0 } = {}) => {
    let clock = 0;
    let beat: number | null = NOW - beatAgo;
    const judge = createJudge(
      () => NOW,
      () => clock,
    );
    const name = newLeaseName(foreignOwner());
    const look = () => judge(name, gated, async () => beat);
    return {
      look,
      beat: (at: number | null) => {
        beat = at;
      },
      pass: (ms: number) => {
        clock += ms;
      },
      lookFor: async (ms: number) => {
        let verdict = await look();
        for (let passed = 0; passed < ms; passed += LOOK_MS) {
          clock += LOOK_MS;
          verdict = await look();
        }
        return verdict;
      },
    };
  };

  it('is dead when it was silent for long enough, seen by us', async () => {
    expect(await observe().lookFor(SILENCE_MS - LOOK_MS)).toBe('alive');
    expect(await observe().lookFor(SILENCE_MS)).toBe('dead');
  });

  it('is not dead because its last heartbeat is old when we come: that may be its clock, or ours', async () => {
    expect(await observe({ beatAgo: 24 * 3600_000 }).look()).toBe('alive');
  });

  it('lives on with every heartbeat, in whichever direction its clock is stepped', async () => {
    const owner = observe();
    for (const step of [2_000, -3600_000, 3600_000]) {
      expect(await owner.lookFor(SILENCE_MS - LOOK_MS)).toBe('alive');
      owner.beat(NOW + step);
    }
    expect(await owner.lookFor(SILENCE_MS - LOOK_MS)).toBe('alive');
  });

  it('is not dead at once when we have slept: perhaps it has slept too', async () => {
    const owner = observe({ beatAgo: GATED_SILENCE_MS, gated: true });
    expect(await owner.look()).toBe('alive');
    owner.pass(8 * 3600_000);
    expect(await owner.look()).toBe('alive');
    owner.beat(NOW);
    expect(await owner.lookFor(SILENCE_MS)).toBe('alive');
  });

  it('is not succeeded past the gate before a long silence', async () => {
    const soon = observe({ gated: true, beatAgo: GATED_SILENCE_MS - 1 });
    expect(await soon.lookFor(10 * SILENCE_MS)).toBe('alive');
    const late = observe({ gated: true, beatAgo: GATED_SILENCE_MS });
    expect(await late.lookFor(SILENCE_MS)).toBe('dead');
  });

  it('does not freeze the lock with a heartbeat from the far future', async () => {
    const owner = observe({ gated: true, beatAgo: -365 * 24 * 3600_000 });
    expect(await owner.lookFor(SILENCE_MS)).toBe('dead');
  });

  it('is dead after silence also when it never had a heartbeat', async () => {
    const owner = observe();
    owner.beat(null);
    expect(await owner.lookFor(SILENCE_MS)).toBe('dead');
  });

  it('is observed anew by everybody who waits', async () => {
    const first = observe();
    expect(await first.lookFor(SILENCE_MS)).toBe('dead');
    expect(await observe().look()).toBe('alive');
  });
});
