import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { processState } from '../../src/platform/process-identity.ts';
import { need } from '../support/need.ts';
import { hasProcessGroups, IN_ITS_OWN_GROUP } from '../support/process-group.ts';

let directory: string;
let runner: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'tokenctl-child-'));
  runner = join(directory, 'runner.mjs');
  await build({
    entryPoints: [join(import.meta.dirname, '../support/child-runner.ts')],
    outfile: runner,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
  });
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Runs it; `out` is all of stdout, when it has ended. */
const start = (...command: string[]) => startBy([process.execPath], ...command);

const startBy = ([program = '', ...before]: readonly string[], ...command: string[]) => {
  const process_ = spawn(program, [...before, runner, ...command], { stdio: 'pipe' });
  const seen = { out: '', err: '' };
  process_.stdout.on('data', (chunk) => {
    seen.out += chunk;
  });
  process_.stderr.on('data', (chunk) => {
    seen.err += chunk;
  });
  const ended = once(process_, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  return { process: process_, seen, ended };
};

const says = ({ seen }: ReturnType<typeof start>, text: string | RegExp) =>
  vi.waitFor(() => expect(seen.out).toMatch(text), { timeout: 60_000 });

describe('another program', () => {
  test.each([0, 1, 3, 125, 255])('that exits with %i makes us exit with the same', async (code) => {
    expect(await start('sh', '-c', `exit ${code}`).ended).toEqual([code, null]);
  });

  test.each(['SIGTERM', 'SIGINT', 'SIGKILL', 'SIGPIPE', 'SIGSEGV', 'SIGUSR1', 'SIGHUP'] as const)(
    'that dies of %s makes us die of the same',
    async (signal) => {
      const run = start('sh', '-c', `ulimit -c 0; kill -${signal.slice(3)} $$`);
      expect(await run.ended).toEqual([null, signal]);
    },
  );

  test('is found by PATH, and gets its arguments as they are', async () => {
    const run = start('printf', '[%s]', '', 'a b', '$HOME', '*', '--', "'");
    await once(run.process, 'close');
    expect(run.seen.out).toBe("[][a b][$HOME][*][--][']");
  });

  test('that there is none of is 127, with a hint', async () => {
    const run = start('no-such-program-of-anybody');
    await once(run.process, 'close');
    expect(run.process.exitCode).toBe(127);
    expect(run.seen.err).toBe(
      "tokenctl: 'no-s…' was not started: there is no such program (check its name, and PATH; a function or alias of the shell is no program)\n",
    );
  });

  test('that cannot be executed is 126', async () => {
    const file = join(directory, 'data');
    writeFileSync(file, 'x');
    chmodSync(file, 0o600);
    expect(await start(file).ended).toEqual([126, null]);
    expect(await start(directory).ended).toEqual([126, null]);
  });

  test('leaves others in the background that nobody waits for', async () => {
    const run = start('sh', '-c', 'sleep 600 & echo "$!"; exit 3');
    expect(await run.ended).toEqual([3, null]);
    await says(run, /\d+/);
    process.kill(Number(run.seen.out));
  });

  test('reads and writes what we were given, byte by byte', async () => {
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7) % 256));
    const run = spawn(process.execPath, [runner, 'cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
    run.stdin.end(bytes);
    const chunks: Buffer[] = [];
    for await (const chunk of run.stdout) {
      chunks.push(chunk);
    }
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
  });
});

describe('a signal', () => {
  const SIGNALS = [
    'SIGINT',
    'SIGTERM',
    'SIGHUP',
    'SIGQUIT',
    'SIGUSR1',
    'SIGUSR2',
    'SIGWINCH',
    'SIGALRM',
  ] as const;

  test.each(SIGNALS)('%s reaches it, once, and its answer is our exit code', async (signal) => {
    const run = start(
      process.execPath,
      '-e',
      `let n = 0;
      process.on('${signal}', () => { n += 1; console.log('got ' + n); setTimeout(() => process.exit(40 + n), 300); });
      console.log('ready'); setInterval(() => {}, 1e6);`,
    );
    await says(run, 'ready');
    run.process.kill(signal);
    expect(await run.ended).toEqual([41, null]);
  });

  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s that ends it ends us', async (signal) => {
    const run = start('sh', '-c', 'echo ready; exec sleep 600');
    await says(run, 'ready');
    run.process.kill(signal);
    expect(await run.ended).toEqual([null, signal]);
  });

  test('SIGTSTP stops both, and SIGCONT lets both go on', async (context) => {
    need(context, hasProcessGroups, 'perl(1)');
    const node = [...IN_ITS_OWN_GROUP, process.execPath];
    const run = startBy(node, 'sh', '-c', 'echo "$$"; exec sleep 600');
    await says(run, /\d+\n/);
    const pids = [pidOf(run.process), Number(run.seen.out)];
    for (let round = 0; round < 3; round += 1) {
      run.process.kill('SIGTSTP');
      await vi.waitFor(() => expect(pids.map(processState)).toEqual(['T', 'T']), {
        timeout: 60_000,
      });
      run.process.kill('SIGCONT');
      await vi.waitFor(() => expect(pids.map(processState)).toEqual(['S', 'S']), {
        timeout: 60_000,
      });
    }
    run.process.kill('SIGTERM');
    expect(await run.ended).toEqual([null, 'SIGTERM']);
  });
});

const pidOf = (child: ChildProcess): number => {
  if (child.pid === undefined) {
    throw new Error('it was not started');
  }
  return child.pid;
};
