import { type ChildProcess, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { expect, it } from 'vitest';
import type { Report } from '../support/lock-mortal.ts';

const KILLS = Number(process.env.TOKENCTL_CHAOS_ROUNDS ?? 500);
const CONTENDERS = 12;
/** One holding in so many ends with the death of its holder. */
const MORTALITY = 0.2;

const places = [
  ['in memory', '/dev/shm'],
  ['on disk', tmpdir()],
] as const;

it.each(places.filter(([, parent]) => existsSync(parent)))(
  'holders that die in the middle of a renewal lose nothing that was written, and never overlap (%s)',
  async (_what, parent) => {
    const directory = await mkdtemp(join(parent, 'tokenctl-kills-'));
    try {
      const program = await bundle(directory);
      const seen = await haveThemDie(program, directory);
      const record = JSON.parse(await readFile(join(directory, 'x.json'), 'utf8'));
      console.log(
        `${seen.kills} holders killed in ${seen.holdings} holdings: ${seen.overlaps} overlaps, ` +
          `${seen.adopted} next records adopted, ${seen.lost} lost; generation ${record.generation}`,
      );
      expect(seen).toMatchObject({ overlaps: 0, lost: 0 });
      expect(seen.adopted).toBeGreaterThan(0);
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  },
);

const haveThemDie = async (program: string, directory: string) => {
  const seen = { kills: 0, holdings: 0, overlaps: 0, adopted: 0, lost: 0 };
  const written = new Set<number>();
  const args = [join(directory, 'x.lock'), join(directory, 'x.json'), String(MORTALITY)];
  await writeFile(join(directory, 'x.json'), '{"generation":0}\n');
  const children = new Set<ChildProcess>();
  await new Promise<void>((enough) => {
    const start = (): void => {
      const child = fork(program, args);
      children.add(child);
      child.on('message', (report: Report) => {
        if (report.kind === 'written') {
          // Once it is written, nobody else may come to write the same generation.
          seen.lost += written.has(report.generation) ? 1 : 0;
          written.add(report.generation);
        } else if (report.kind === 'done') {
          seen.holdings += 1;
          seen.adopted += report.adopted ? 1 : 0;
        } else {
          seen.overlaps += 1;
        }
      });
      child.once('exit', () => {
        children.delete(child);
        seen.kills += 1;
        if (seen.kills < KILLS) {
          start();
        } else {
          enough();
        }
      });
    };
    for (let count = 0; count < CONTENDERS; count += 1) {
      start();
    }
  });
  for (const child of children) {
    child.removeAllListeners();
    child.kill('SIGKILL');
  }
  return seen;
};

const bundle = async (directory: string): Promise<string> => {
  const outfile = join(directory, 'mortal.mjs');
  await build({
    entryPoints: [resolve(import.meta.dirname, '../support/lock-mortal.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    // proper-lockfile is CommonJS.
    banner: {
      js: "import { createRequire as r } from 'node:module'; const require = r(import.meta.url);",
    },
    logLevel: 'warning',
  });
  return outfile;
};
