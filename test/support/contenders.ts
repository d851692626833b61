import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';

export type Kind = 'plain' | 'ours';

export interface RoundResult {
  /** Contenders that held the lock in this round. */
  readonly held: number;
  /** Of those, how many found somebody else inside. */
  readonly overlaps: number;
  /** Milliseconds until the first of them held it. */
  readonly firstHeldMs: number;
}

export interface Contenders {
  /** All of them try for the lock at this path at once; `holdMs` is how long each keeps it. */
  round(lockPath: string, holdMs: number): Promise<RoundResult>;
  /** Ends one of them the hard way, in the middle of whatever it is doing. */
  kill(): void;
  readonly directory: string;
  stop(): Promise<void>;
}

interface Report {
  readonly held: boolean;
  readonly overlap: boolean;
  readonly heldMs: number;
}

/** Processes that live through many rounds, so that a round costs milliseconds. */
export const startContenders = async (
  kind: Kind,
  count: number,
  parent = tmpdir(),
): Promise<Contenders> => {
  const directory = await mkdtemp(join(parent, 'tokenctl-lock-'));
  const worker = join(directory, 'worker.mjs');
  await build({
    entryPoints: [resolve(import.meta.dirname, 'contender.ts')],
    outfile: worker,
    bundle: true,
    platform: 'node',
    format: 'esm',
    banner: {
      js: "import { createRequire as r } from 'node:module'; const require = r(import.meta.url);",
    },
  });
  const start = async (): Promise<ChildProcess> => {
    const child = fork(worker, [kind], { stdio: 'inherit' });
    await once(child, 'message');
    return child;
  };
  const children = await Promise.all(Array.from({ length: count }, start));

  const ask = (child: ChildProcess, message: object): Promise<Report | null> =>
    new Promise((done) => {
      // It may have been killed just after its last report.
      if (child.exitCode !== null || child.signalCode !== null) {
        done(null);
        return;
      }
      child.once('message', (report) => done(report as Report));
      child.once('exit', () => done(null));
      child.send(message, () => {
        // A failure to send means that it is gone, which `exit` says.
      });
    });

  return {
    directory,
    round: async (lockPath, holdMs) => {
      const startAt = Date.now() + 10;
      const reports = await Promise.all(
        children.map((child) => ask(child, { lockPath, holdMs, startAt })),
      );
      for (const [index, report] of reports.entries()) {
        children[index]?.removeAllListeners();
        if (report === null) {
          children[index] = await start();
        }
      }
      const held = reports.filter((report) => report?.held === true);
      return {
        held: held.length,
        overlaps: held.filter((report) => report?.overlap).length,
        firstHeldMs: Math.min(...held.map((report) => report?.heldMs ?? Number.POSITIVE_INFINITY)),
      };
    },
    kill: () => {
      children[Math.floor(Math.random() * children.length)]?.kill('SIGKILL');
    },
    stop: async () => {
      for (const child of children) {
        child.removeAllListeners();
        child.kill('SIGKILL');
      }
      await rm(directory, { recursive: true, force: true });
    },
  };
};
