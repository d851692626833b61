import { readFileSync, readlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { hostname } from 'node:os';
import { currentBootId } from './clock.ts';

/** Who a process is, precisely enough that a recycled process id is not mistaken for it. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, in the system's own unit and only to be compared for equality; null if unknown. */
  readonly startTime: string | null;
  /** The machine it runs on, this boot of it where the system names its boots. */
  readonly machine: string;
  /**
   * The namespaces that give `pid` and `startTime` their meaning (pid_namespaces(7),
   * time_namespaces(7)); null where there are none.
   */
  readonly namespaces: string | null;
}

/** `unknown`: it cannot be seen from here (another host, another container), so only silence can tell. */
export type Liveness = 'alive' | 'dead' | 'unknown';

export const currentProcess = (): ProcessIdentity => ({
  pid: process.pid,
  startTime: startTimeOf(process.pid) ?? null,
  machine: machine(),
  namespaces: namespaces(),
});

/** Whether the process that `owner` names still runs, as far as this process can see. */
export const livenessOf = (owner: ProcessIdentity): Liveness => {
  if (owner.machine !== machine() || owner.namespaces !== namespaces()) {
    return 'unknown';
  }
  const startTime = startTimeOf(owner.pid);
  if (startTime === undefined) {
    return 'dead';
  }
  if (startTime === null || owner.startTime === null) {
    return 'unknown';
  }
  return startTime === owner.startTime ? 'alive' : 'dead';
};

/** One letter for what the process is doing (`T` stopped, `D` waiting for a disk …), for messages; null if unknown. */
export const processState = (pid: number): string | null =>
  process.platform === 'linux' ? (procStat(pid)?.state ?? null) : null;

/** undefined: no such process (or a zombie); null: it exists, but its start time cannot be told. */
const startTimeOf = (pid: number): string | null | undefined => {
  if (process.platform === 'linux') {
    const stat = procStat(pid);
    if (stat !== undefined) {
      // kill(pid, 0) succeeds on zombies: a dead holder that nobody reaped would keep its lease.
      return stat.state === 'Z' || stat.state === 'X' ? undefined : stat.startTime;
    }
  } else if (process.platform !== 'win32') {
    const startTime = psStartTime(pid);
    if (startTime !== null) {
      return startTime;
    }
  }
  return processExists(pid) ? null : undefined;
};

/** proc_pid_stat(5): the command may hold spaces and parentheses, so fields count from the last `)`. */
const procStat = (pid: number): { state: string; startTime: string } | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const state = fields[0];
    const startTime = fields[19];
    return state === undefined || startTime === undefined ? undefined : { state, startTime };
  } catch {
    return undefined;
  }
};

type ChildProcess = typeof import('node:child_process');

/** ps(1) on macOS and the BSDs; asked only while a lock is contended. undefined: a zombie; null: it cannot tell. */
const psStartTime = (pid: number): string | null | undefined => {
  // Loaded only here: elsewhere nothing is started, and every get would pay for it.
  const { execFileSync } = createRequire(import.meta.url)('node:child_process') as ChildProcess;
  try {
    const [state, ...start] = execFileSync('/bin/ps', ['-o', 'state=,lstart=', '-p', String(pid)], {
      encoding: 'latin1',
      env: { LC_ALL: 'C', TZ: 'UTC' },
      stdio: ['ignore', 'pipe', 'ignore'],
      timeout: 2000,
    })
      .trim()
      .split(/\s+/);
    if (state === undefined || start.length === 0) {
      return null;
    }
    return state.startsWith('Z') ? undefined : start.join('_').replace(/[^A-Za-z0-9_]/g, '');
  } catch {
    return null;
  }
};

const processExists = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it exists and belongs to someone else.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
};

const machine = (): string => currentBootId() ?? `host ${hostname()}`;

let cachedNamespaces: string | null | undefined;

const namespaces = (): string | null => {
  if (cachedNamespaces === undefined) {
    const ids = process.platform === 'linux' ? ['pid', 'time'].map(namespaceId) : [];
    cachedNamespaces = ids.length === 0 ? null : ids.join('-');
  }
  return cachedNamespaces;
};

const namespaceId = (kind: string): string => {
  try {
    return /\[(\d+)\]/.exec(readlinkSync(`/proc/self/ns/${kind}`))?.[1] ?? '';
  } catch {
    return '';
  }
};
