// Starts a storm's processes and reports on them: a process of its own, so that forking two hundred
// does not hold up the authorization server. Run as: launcher.mjs NODE BIN HOME LOGIN…
import { type ChildProcess, spawn } from 'node:child_process';
import type { RecordSight } from './storm-history.ts';
import { seeRecord } from './storm-sight.ts';

export interface Order {
  readonly id: number;
  readonly login: string;
  readonly args: readonly string[];
  readonly input: string;
}

export type Report =
  | { kind: 'started'; id: number; pid: number; startedAt: number; spawnedAt: number }
  | {
      kind: 'ended';
      id: number;
      endedAt: number;
      code: number | null;
      signal: NodeJS.Signals | null;
      stdout: string;
      stderr: string;
      atPrint: RecordSight | null;
    }
  | { kind: 'reads'; count: number; torn: string[] };

const [node = '', bin = '', home = '', ...logins] = process.argv.slice(2);
const children = new Set<ChildProcess>();
const reads = { count: 0, torn: [] as string[] };
const report = (message: Report): void => {
  process.send?.(message);
};

interface Child {
  readonly child: ChildProcess;
  readonly begun: Report & { kind: 'started' };
}

/** Together: nobody of a burst runs before all are there, and nobody is shot at before. */
const startAll = (orders: readonly Order[]): void => {
  const burst = orders.map((order) => {
    const begun = start(order);
    if (orders.length > 1) {
      begun.child.kill('SIGSTOP');
    }
    return begun;
  });
  for (const { child, begun } of burst) {
    child.kill('SIGCONT');
    report(begun);
  }
};

const start = ({ id, login, args, input }: Order): Child => {
  const startedAt = Date.now();
  const child = spawn(node, [bin, ...args], {
    env: { PATH: process.env.PATH, HOME: '/nonexistent', TOKENCTL_HOME: home },
  });
  const pid = child.pid ?? 0;
  children.add(child);
  let stdout = '';
  let stderr = '';
  let atPrint: RecordSight | null = null;
  let endedAt = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    // Persist before print: what is printed now must be in the store by now.
    atPrint ??= read(login);
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  child.stdin.on('error', () => {
    // It was ended before it read everything.
  });
  child.stdin.end(input);
  child.on('exit', () => {
    endedAt = Date.now();
  });
  child.on('close', (code, signal) => {
    children.delete(child);
    report({ kind: 'ended', id, endedAt, code, signal, stdout, stderr, atPrint });
  });
  return { child, begun: { kind: 'started', id, pid, startedAt, spawnedAt: Date.now() } };
};

const read = (login: string): RecordSight => {
  const sight = seeRecord(home, login);
  reads.count += 1;
  if (sight.kind === 'torn') {
    reads.torn.push(`${login}: ${sight.what}`);
  }
  return sight;
};

process.on('message', (message: { orders: Order[] } | 'finish') => {
  if (message === 'finish') {
    report({ kind: 'reads', ...reads });
    clearInterval(reading);
  } else {
    startAll(message.orders);
  }
});

process.on('disconnect', () => {
  for (const child of children) {
    child.kill('SIGKILL');
  }
  process.exit();
});

/** A reader that never stops: no reader may ever see half a record. */
const reading = setInterval(() => logins.forEach(read), 20);
