import { readFile, writeFile } from 'node:fs/promises';
import { cpus, loadavg, release, type } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { createBench, FULL, QUICK, ROOT } from './bench.ts';
import { measureAll } from './measure-all.ts';
import { drawPlot } from './plot.ts';
import { renderMarkdown, renderText } from './render.ts';
import { choose, type Machine, type Results } from './results.ts';

const HELP = `npm run bench -- [--quick] [--only PATTERN] [--json FILE] [--plot FILE] [--markdown]

Measures tokenctl and its peers, prints what came out and keeps it as JSON.

  --quick          fewer rounds, fewer logins, smaller bursts
  --only PATTERN   only rows whose 'group: name' matches this regular expression
  --json FILE      where the figures go (bench/results.json)
  --from FILE      measure nothing: read the figures of an earlier run
  --plot FILE      draw warm get as an SVG
  --markdown       print the tables as the README has them`;

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      json: { type: 'string', default: join(ROOT, 'bench', 'results.json') },
      from: { type: 'string' },
      plot: { type: 'string' },
      markdown: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(HELP);
    return;
  }
  const only = new RegExp(values.only);
  const results: Results =
    values.from === undefined
      ? await measureNow(values.quick, only)
      : JSON.parse(await readFile(values.from, 'utf8'));
  if (values.from === undefined) {
    await writeFile(values.json, `${JSON.stringify(results, null, 2)}\n`);
  }
  if (values.plot !== undefined) {
    await writeFile(values.plot, drawPlot(results));
  }
  const chosen = choose(results, (group, name) => only.test(`${group}: ${name}`));
  console.log(values.markdown ? renderMarkdown(chosen) : renderText(chosen));
};

const measureNow = async (quick: boolean, only: RegExp): Promise<Results> => {
  const machine = describeMachine();
  const bench = createBench(quick ? QUICK : FULL, only);
  const stop = async () => {
    await bench.end();
    process.exit(130);
  };
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    const measured = await measureAll(bench);
    const at = new Date().toISOString();
    return { at, quick, machine, ...measured, missing: bench.missing };
  } finally {
    await bench.end();
  }
};

const describeMachine = (): Machine => ({
  cpu: cpus()[0]?.model ?? 'unknown CPU',
  cores: cpus().length,
  system: `${type()} ${release().split('.').slice(0, 2).join('.')}`,
  node: process.versions.node,
  load: loadavg()[0] ?? 0,
});

await main();
