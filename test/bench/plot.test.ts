import { describe, expect, it } from 'vitest';
import { drawPlot } from '../../bench/plot.ts';
import { resultsOf, timing } from './results.ts';

describe('the plot', () => {
  const svg = drawPlot(resultsOf());

  it('has ours first, then the others, the fastest first', () => {
    const names = Array.from(svg.matchAll(/class="name"[^>]*>([^<]*)</g), ([, name]) => name);
    expect(names).toEqual([
      'tokenctl get',
      'git credential-store',
      'a &lt;slow&gt; &amp; heavy one',
    ]);
  });

  it('has bars as long as their logarithm', () => {
    const [ours = 0, git = 0, slow = 0] = Array.from(
      svg.matchAll(/<rect x="[^"]*" y="[^"]*" width="([^"]*)"/g),
      ([, width]) => Number(width),
    );
    expect(git / ours).toBeCloseTo(Math.log(1.5) / Math.log(1.2), 1);
    expect(slow / git).toBeCloseTo(Math.log(50) / Math.log(1.5), 1);
  });

  it('has no bar for what chance makes faster than nothing', () => {
    const timings = [...resultsOf().timings, timing('lucky', 0.9)];
    expect(drawPlot(resultsOf({ timings }))).not.toMatch(/width="-/);
  });

  it('says in words what it shows', () => {
    expect(svg).toMatch(/role="img" aria-labelledby="title desc"/);
    expect(svg).toMatch(/<title id="title">[^<]+</);
    expect(svg).toContain('git credential-store: 1.50 ms, 1.50 times as long.');
  });

  it('is for dark pages too', () => {
    expect(svg).toContain('prefers-color-scheme: dark');
  });

  it('is not drawn of nothing', () => {
    expect(() => drawPlot(resultsOf({ timings: [] }))).toThrow('nothing to draw');
  });
});
