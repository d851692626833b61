import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import type {
  Autopsy,
  Command,
  Fingerprint,
  History,
  Phase,
  ProcessRun,
  SentSignal,
} from './storm-history.ts';
import type { Order, Report } from './storm-launcher.ts';
import { fingerprint } from './storm-sight.ts';

/** A process of the storm, while it runs. */
export interface Running {
  readonly pid: number;
  readonly login: string;
  readonly startedAt: number;
  readonly signals: SentSignal[];
  autopsy: Autopsy | null;
  hung: boolean;
  /** No more signals: it is being killed, or has ended. */
  over: boolean;
}

export interface Errand {
  readonly login: string;
  readonly phase: Phase;
  readonly command: Command;
  readonly args: readonly string[];
  readonly input?: string;
  readonly onStart?: (running: Running) => void;
  /** Told the token that it printed, too. */
  readonly onEnd?: (run: ProcessRun, token: string | null) => void;
}

export interface Processes {
  readonly runs: readonly ProcessRun[];
  readonly started: () => number;
  readonly inFlight: () => number;
  /** By process id. */
  readonly running: ReadonlyMap<number, Running>;
  start(errands: readonly Errand[]): Promise<ProcessRun>[];
  finish(): Promise<History['reads']>;
}

/** Starts tokenctl, any number of it, through a launcher that does nothing else. */
export const startProcesses = async (
  { node, bin, home, directory }: { node: string; bin: string; home: string; directory: string },
  logins: readonly string[],
): Promise<Processes> => {
  const launcher = await startLauncher(directory, [node, bin, home, ...logins]);
  const runs: ProcessRun[] = [];
  const running = new Map<number, Running>();
  const expected = new Map<number, (report: Report & { kind: 'started' | 'ended' }) => void>();
  let ids = 0;
  launcher.on('message', (report: Report) => {
    if (report.kind !== 'reads') {
      expected.get(report.id)?.(report);
    }
  });

  const expectRun = (id: number, errand: Errand) =>
    new Promise<ProcessRun>((done) => {
      const { login } = errand;
      let begun: Report & { kind: 'started' };
      let self: Running;
      expected.set(id, (report) => {
        if (report.kind === 'started') {
          begun = report;
          const { pid, startedAt } = report;
          self = { pid, login, startedAt, signals: [], autopsy: null, hung: false, over: false };
          running.set(pid, self);
          errand.onStart?.(self);
          return;
        }
        expected.delete(id);
        running.delete(begun.pid);
        self.over = true;
        const { token, ...run } = runOf(errand, begun, report, self);
        runs.push(run);
        errand.onEnd?.(run, token);
        done(run);
      });
    });

  return {
    runs,
    running,
    started: () => ids,
    inFlight: () => expected.size,
    start: (errands) => {
      const orders = errands.map(({ login, args, input = '' }): Order => {
        ids += 1;
        return { id: ids, login, args, input };
      });
      const results = orders.map(({ id }, index) => expectRun(id, errands[index] as Errand));
      launcher.send({ orders });
      return results;
    },
    finish: async () => {
      const reads = new Promise<History['reads']>((done) => {
        launcher.on('message', (report: Report) => report.kind === 'reads' && done(report));
      });
      launcher.send('finish');
      const { count, torn } = await reads;
      launcher.disconnect();
      return { count, torn };
    },
  };
};

const startLauncher = async (directory: string, args: readonly string[]): Promise<ChildProcess> => {
  const outfile = join(directory, 'launcher.mjs');
  await build({
    entryPoints: [resolve(import.meta.dirname, 'storm-launcher.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
  });
  const launcher = fork(outfile, args, { execArgv: [], stdio: 'inherit' });
  await once(launcher, 'spawn');
  return launcher;
};

const runOf = (
  { login, phase, command }: Errand,
  { pid, startedAt, spawnedAt }: Report & { kind: 'started' },
  { endedAt, code, signal, stdout, stderr, atPrint }: Report & { kind: 'ended' },
  { signals, autopsy, hung }: Running,
): ProcessRun & { token: string | null } => {
  const token = command.kind === 'get' && stdout !== '' ? stdout.trimEnd() : null;
  const printed: Fingerprint | null = token === null ? null : fingerprint(token);
  const isOdd = command.kind === 'get' && stdout !== '' && !/^[0-9a-f]+\n$/.test(stdout);
  return {
    ...{ pid, login, phase, command, startedAt, spawnedAt, endedAt, code, signal },
    ...{ printed, oddOutput: isOdd ? stdout : null, atPrint, stderr },
    ...{ signals, autopsy, hung, token },
  };
};
