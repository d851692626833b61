import { existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { expect } from 'vitest';
import { runTraced, type Traced, type TraceOptions } from './strace.ts';
import type { Call } from './strace-log.ts';
import type { Home } from './tokenctl.ts';

/** A system call that touches the store, the token endpoint or the output. */
export interface Step extends Call {
  /** The call and what it is about, without what differs from run to run. */
  readonly what: string;
  /** What of that are files, below the home. */
  readonly files: readonly string[];
  /** Among the steps of its thread that look the same. */
  readonly occurrence: number;
}

/** One `get` to the end: its steps, in the order in which they began, from where it first looks at the store. */
export const traceGet = async (home: Home, options?: TraceOptions): Promise<Step[]> => {
  const traced = await runTraced(home, ['get', 'work'], undefined, options);
  expect(traced.result).toMatchObject({ code: 0, stderr: '' });
  const steps = stepsAmong(home, traced);
  return steps.slice(steps.findIndex(({ text }) => text.includes(home.home)));
};

export const stepsAmong = (
  { home }: Home,
  { pid, calls }: Pick<Traced, 'pid' | 'calls'>,
): Step[] => {
  const occurrences = new Map<string, number>();
  return calls.flatMap((call) => {
    const files = filesIn(call, home, pid);
    const subject = files.length > 0 ? files.join(' → ') : subjectOf(call);
    if (subject === null) {
      return [];
    }
    const what = `${call.name} ${subject}`;
    const key = `${call.thread} ${what}`;
    const occurrence = (occurrences.get(key) ?? 0) + 1;
    occurrences.set(key, occurrence);
    return [{ ...call, what, files, occurrence }];
  });
};

export const isSame = (one: Step, other: Step): boolean =>
  one.thread === other.thread && one.what === other.what && one.occurrence === other.occurrence;

const filesIn = ({ name, text }: Call, home: string, pid: number): string[] => {
  const quoted = isWaiting(name) ? null : text.match(/(?<=["<])\/[^">]*/g);
  const paths = quoted?.filter((path) => path.startsWith(home)) ?? [];
  return [...new Set(paths.map((path) => nameOf(relative(home, path), pid)))];
};

const subjectOf = ({ name, text }: Call): string | null => {
  if (/<TCP:|AF_INET/.test(text)) {
    return isWaiting(name) ? null : 'token endpoint';
  }
  return /^writev?\(1</.test(text) ? 'stdout' : name === 'exit_group' ? 'end' : null;
};

/** It changes nothing. */
const isWaiting = (name: string): boolean => name.startsWith('epoll');

/** Without what is random in it: see lease-name.ts, seen.ts and lifeboat.ts. */
const nameOf = (path: string, pid: number): string =>
  path
    .replace(LEASE, (name) => (name.startsWith(`${pid}.`) ? 'LEASE' : 'DEAD'))
    .replace(GRANT, 'GRANT')
    .replace(BOAT, 'BOAT') || '.';

const LEASE = /[1-9]\d*\.[\w-]+\.[0-9a-f]{12}\.[0-9-]+\.[0-9a-f]{16}/g;
const GRANT = /(?<=^seen\/)[0-9a-f]{32}/g;
const BOAT = /(?<=^runtime\/)tokenctl-lifeboat-[0-9a-f-]+/g;

/** The paths that a name without what is random stands for, before a process begins: there may be none yet. */
export const pathsOf = (name: string, { home }: Home, ownLease: string): string[] => {
  const own = name.replaceAll('LEASE', ownLease);
  const [placeholder] = /DEAD|GRANT|BOAT/.exec(own) ?? [];
  if (placeholder === undefined) {
    return [join(home, own)];
  }
  const [directory = '', pattern = LEASE] =
    placeholder === 'DEAD'
      ? ['credentials', LEASE]
      : placeholder === 'GRANT'
        ? ['seen', /^[0-9a-f]{32}/]
        : ['runtime', /^tokenctl-lifeboat-.*/];
  const found = existsSync(join(home, directory))
    ? readdirSync(join(home, directory), { recursive: true })
    : [];
  const random = new Set(found.flatMap((entry) => String(entry).match(pattern) ?? []));
  return [...random].map((each) => join(home, own.replaceAll(placeholder, each)));
};
