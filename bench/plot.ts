import { USUAL, USUAL_BY_NODE, WARM } from './names.ts';
import type { Results, Timing } from './results.ts';

const WIDTH = 760;
const LEFT = 190;
const RIGHT = 130;
const TOP = 76;
const ROW = 27;
const BAR = 15;
const AXIS = 40;

/**
 * Warm get as bars, ours first: how many times an empty shell script, on a logarithmic scale. From
 * one pair of neighbours to the next that is steadier than the milliseconds, which are said beside it.
 *
 * @throws {Error} if these results have no warm get
 */
export const drawPlot = (results: Results): string => {
  const warm = results.timings.filter(({ group }) => group === WARM);
  const floor = warm.find(({ name, base }) => name === base);
  const rows = rowsOf(warm);
  if (floor === undefined || rows.length === 0) {
    throw new Error('there is nothing to draw: warm get was not measured');
  }
  const most = Math.max(2, ...rows.map(({ ratio }) => ratio.median));
  const x = (ratio: number) =>
    LEFT + Math.max(0, Math.log(ratio) / Math.log(most)) * (WIDTH - LEFT - RIGHT);
  const bottom = TOP + rows.length * ROW;
  return `${[
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${bottom + AXIS}" width="${WIDTH}" height="${bottom + AXIS}" role="img" aria-labelledby="title desc">`,
    '<title id="title">How long a token takes: tokenctl and other tools</title>',
    `<desc id="desc">${escapeXml(describe(rows, floor))}</desc>`,
    STYLE,
    `<rect class="page" width="${WIDTH}" height="${bottom + AXIS}" rx="6"/>`,
    text(16, 26, 'head', 'How long a valid token takes to get'),
    text(16, 46, 'note', 'A whole process, as many times an empty shell script (logarithmic)'),
    ...TICKS.filter((ratio) => ratio <= most).map((ratio) => tick(x(ratio), bottom, `${ratio} ×`)),
    ...rows.map((row, index) => bar(row, TOP + index * ROW, x)),
    `<line class="floor" x1="${LEFT}" x2="${LEFT}" y1="${TOP - 8}" y2="${bottom + 6}"/>`,
    text(LEFT - 24, bottom + 22, 'axis', `sh -c : (${milliseconds(floor)} ms)`),
    '</svg>',
  ].join('\n')}\n`;
};

const NAMES: Readonly<Record<string, string>> = {
  [USUAL]: 'tokenctl get',
  [USUAL_BY_NODE]: 'tokenctl get in Node.js',
  'node -e 0': 'Node.js doing nothing',
};

/** Ours first, then whoever is next. */
const rowsOf = (warm: readonly Timing[]): Timing[] =>
  warm
    .filter(({ name, by }) => by === 'peer' || name in NAMES)
    .sort((a, b) => rank(a) - rank(b) || a.ratio.median - b.ratio.median);

const rank = ({ name }: Timing): number => (name === USUAL ? 0 : 1);

const titleOf = ({ name }: Timing): string => NAMES[name] ?? name;

const describe = (rows: readonly Timing[], floor: Timing): string =>
  [
    `An empty shell script takes ${floor.wallMs.median.toPrecision(3)} ms.`,
    ...rows.map(
      (row) =>
        `${titleOf(row)}: ${row.wallMs.median.toPrecision(3)} ms, ${row.ratio.median.toPrecision(3)} times as long.`,
    ),
  ].join(' ');

/** With a page of its own, for where the media query is not heeded. */
const STYLE = `<style>
  text { font: 13px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #57606a }
  .page { fill: #ffffff }
  .head { font-size: 16px; font-weight: 600; fill: #1f2328 }
  .note, .tick, .axis, .beside { font-size: 12px }
  .name, .axis { text-anchor: end }
  .tick { text-anchor: middle }
  .times { fill: #1f2328; stroke: #ffffff; stroke-width: 3px; paint-order: stroke }
  .beside { fill: #57606a; font-weight: 400 }
  .own .name, .own .times { font-weight: 700 }
  .own .name { fill: #1f2328 }
  .own rect { fill: #1a7f37 }
  .peer rect { fill: #8c959f }
  .floor rect { fill: none; stroke: #8c959f }
  line { stroke: #d0d7de }
  line.floor { stroke: #57606a }
  @media (prefers-color-scheme: dark) {
    text, .beside { fill: #9198a1 }
    .page { fill: #0d1117 }
    .head, .own .name { fill: #f0f6fc }
    .times { fill: #f0f6fc; stroke: #0d1117 }
    .own rect { fill: #3fb950 }
    .peer rect { fill: #656c76 }
    .floor rect { stroke: #656c76 }
    line { stroke: #3d444d }
    line.floor { stroke: #9198a1 }
  }
</style>`;

const bar = (row: Timing, y: number, x: (ms: number) => number): string => {
  const end = x(row.ratio.median);
  const kind = { tokenctl: 'own', peer: 'peer', floor: 'floor' }[row.by];
  const middle = y + BAR - 3;
  return [
    `<g class="${kind}">`,
    text(LEFT - 10, middle, 'name', titleOf(row)),
    `<rect x="${LEFT}" y="${y}" width="${Math.max(1, end - LEFT).toFixed(1)}" height="${BAR}"/>`,
    `<text class="times" x="${(end + 7).toFixed(1)}" y="${middle}">${times(row)} ×<tspan class="beside" dx="9">${milliseconds(row)} ms</tspan></text>`,
    '</g>',
  ].join('');
};

const milliseconds = ({ wallMs: { median } }: Timing): string =>
  median < 10 ? median.toFixed(2) : median.toFixed(median < 100 ? 1 : 0);

const times = ({ ratio: { median } }: Timing): string => median.toFixed(median < 10 ? 2 : 0);

const tick = (x: number, bottom: number, label: string): string =>
  `<line x1="${x.toFixed(1)}" x2="${x.toFixed(1)}" y1="${TOP - 8}" y2="${bottom + 6}"/>${text(x, bottom + 22, 'tick', label)}`;

const TICKS = [1, 2, 5, 10, 20, 50, 100, 200, 500];

const text = (x: number, y: number, kind: string, content: string): string =>
  `<text class="${kind}" x="${x.toFixed(1)}" y="${y}">${escapeXml(content)}</text>`;

const escapeXml = (content: string): string =>
  content.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
