import { describe, expect, it } from 'vitest';
import { EXPIRED, EXPIRED_TLS, USUAL } from '../../bench/names.ts';
import type { Results } from '../../bench/results.ts';
import { targetsOf } from '../../bench/targets.ts';
import { burst, resultsOf, timing } from './results.ts';

describe('the targets of a warm get', () => {
  it('are met by one that is near the shell and before every peer', () => {
    expect(verdicts(resultsOf())).toEqual([
      `${USUAL}: ≤ 1.25 × sh -c : true`,
      `${USUAL}: as fast as git credential-store (0.80 × it) true`,
    ]);
  });

  it('are missed by one that is slower than some peer', () => {
    const timings = [timing(USUAL, 1.3, { by: 'tokenctl' }), timing('gh', 50), timing('git', 1.29)];
    expect(verdicts(resultsOf({ timings }))).toEqual([
      `${USUAL}: ≤ 1.25 × sh -c : false`,
      `${USUAL}: as fast as git (1.01 × it) false`,
    ]);
  });

  it('compare many logins with one', () => {
    const timings = [
      timing(USUAL, 1, { by: 'tokenctl' }),
      timing('tokenctl get, among 10,000 logins', 1.2, { by: 'tokenctl' }),
    ];
    expect(verdicts(resultsOf({ timings })).at(-1)).toBe(
      'tokenctl get, among 10,000 logins: as with 1 login (1.20 × it) false',
    );
  });
});

describe('the target of an expired get', () => {
  it.each([EXPIRED, EXPIRED_TLS])('(%s) is about ours and not about the peers', (group) => {
    const at = { group, base: 'bare' };
    const timings = [timing('ours', 1.4, { ...at, by: 'tokenctl' }), timing('theirs', 2, at)];
    expect(verdicts(resultsOf({ timings }))).toEqual(['ours: ≤ 1.25 × bare false']);
  });
});

describe('the targets of a burst', () => {
  it('are one request, seven starts of Node.js, and five in time beside the provider', () => {
    expect(verdicts(only([burst(100)]))).toEqual([
      '100 × tokenctl get: 1 request true',
      '100 × tokenctl get: CPU ≤ 7 × node -e 0 true',
      '100 × tokenctl get: wall ≤ 400 ms true',
    ]);
    const bad = burst(100, { requests: 2, cpuMs: 281, wallMs: { low: 0, median: 401, high: 500 } });
    expect(targetsOf(only([bad])).map(({ met }) => met)).toEqual([false, false, false]);
  });

  it('are at most four shells for each further process', () => {
    const met = (cpuMs: number) => verdicts(only([burst(100), burst(500, { cpuMs })])).at(-1);
    expect(met(200 + 400 * 2)).toBe(
      '500 × tokenctl get: each more ≤ 4 × sh -c : in CPU (4.0 ×) true',
    );
    expect(met(200 + 400 * 2.1)).toContain('(4.2 ×) false');
  });

  it('say nothing where no CPU time is told', () => {
    expect(verdicts(only([burst(100, { cpuMs: null }), burst(500)]))).toHaveLength(3);
  });
});

const only = (bursts: Results['bursts']) => resultsOf({ timings: [], bursts });

const verdicts = (results: Results) =>
  targetsOf(results).map(({ name, text, met }) => `${name}: ${text} ${met}`);
