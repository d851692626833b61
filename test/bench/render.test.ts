import { describe, expect, it } from 'vitest';
import { USUAL, WARM } from '../../bench/names.ts';
import { renderMarkdown, renderText } from '../../bench/render.ts';
import { choose } from '../../bench/results.ts';
import { burst, resultsOf, timing } from './results.ts';

describe('the tables', () => {
  it('have each figure with its verdict', () => {
    const text = renderText(resultsOf());
    expect(text).toMatch(
      /tokenctl get, 40 characters +1\.20 ms .* 1\.20 × .* target ≤ 1\.25 .*: ok/,
    );
  });

  it('say MISSED where a target is', () => {
    const timings = [timing(USUAL, 1.3, { by: 'tokenctl' })];
    expect(renderText(resultsOf({ timings }))).toContain('target ≤ 1.25 × sh -c :: MISSED');
  });

  it('tell of runs that failed, and of what processes complained about', () => {
    const timings = [timing('broken', 1, { failures: 3 })];
    const bursts = [burst(10, { served: 9, said: 'it did not work' })];
    const text = renderText(resultsOf({ timings, bursts }));
    expect(text).toContain('3 of 100 FAILED');
    expect(text).toMatch(/10 × tokenctl get .* 9 .*said: it did not work/);
  });

  it('name who is missing, and a machine that was busy', () => {
    const missing = [{ name: 'warm get: gh', why: 'it is not installed' }];
    const machine = { ...resultsOf().machine, load: 9 };
    const text = renderText(resultsOf({ missing, machine }));
    expect(text).toContain('not measured: warm get: gh: it is not installed');
    expect(text).toContain('BUSY');
    expect(renderText(resultsOf())).not.toContain('BUSY');
  });

  it('have as many cells in each row of Markdown as in the first', () => {
    const lines = renderMarkdown(resultsOf({ bursts: [burst(10)] })).split('\n');
    for (const title of ['wall', 'requests']) {
      const first = lines.findIndex((line) => line.startsWith('|') && line.includes(title));
      const end = lines.findIndex((line, index) => index > first && !line.startsWith('|'));
      const cells = lines.slice(first, end).map((line) => line.split('|').length);
      expect(cells.length).toBeGreaterThan(2);
      expect(new Set(cells).size).toBe(1);
    }
  });
});

describe('a choice', () => {
  it('keeps the base that its rows are compared with', () => {
    const chosen = choose(resultsOf(), (group, name) => group === WARM && name.includes('git'));
    expect(chosen.timings.map(({ name }) => name)).toEqual(['sh -c :', 'git credential-store']);
  });

  it('keeps what is missing of it', () => {
    const missing = ['warm get: sh -c :', 'burst: gh'].map((name) => ({ name, why: '' }));
    const chosen = choose(
      resultsOf({ missing }),
      (group, name) => `${group}|${name}` === 'warm get|sh -c :',
    );
    expect(chosen.missing.map(({ name }) => name)).toEqual(['warm get: sh -c :']);
  });
});
