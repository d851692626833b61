import { relative } from 'node:path';
import { expect } from 'vitest';
import { type Call, runTraced, type TraceOptions } from './strace.ts';
import type { Home } from './tokenctl.ts';

/** A system call that touches the store, the token endpoint or the output. */
export interface Step extends Call {
  /** The call and what it is about, without what differs from run to run. */
  readonly what: string;
  /** Among the steps of its thread that look the same. */
  readonly occurrence: number;
}

/** One `get` to the end: its steps, in the order in which they began, from where it first looks at the store. */
export const traceGet = async (home: Home, options?: TraceOptions): Promise<Step[]> => {
  const { result, calls } = await runTraced(home, ['get', 'work'], undefined, options);
  expect(result).toMatchObject({ code: 0, stderr: '' });
  const steps = stepsAmong(home, calls);
  return steps.slice(steps.findIndex(({ text }) => text.includes(home.home)));
};

export const stepsAmong = ({ home }: Home, calls: readonly Call[]): Step[] => {
  const occurrences = new Map<string, number>();
  return calls.flatMap((call) => {
    const subject = subjectOf(call, home);
    if (subject === null) {
      return [];
    }
    const what = `${call.name} ${subject}`;
    const key = `${call.thread} ${what}`;
    const occurrence = (occurrences.get(key) ?? 0) + 1;
    occurrences.set(key, occurrence);
    return [{ ...call, what, occurrence }];
  });
};

export const isSame = (one: Step, other: Step): boolean =>
  one.thread === other.thread && one.what === other.what && one.occurrence === other.occurrence;

/** Waiting (epoll) changes nothing. */
const subjectOf = ({ name, text }: Call, home: string): string | null => {
  if (name.startsWith('epoll')) {
    return null;
  }
  const paths = text.match(/(?<=["<])\/[^">]*/g)?.filter((path) => path.startsWith(home)) ?? [];
  if (paths.length > 0) {
    const names = paths.map((path) => relative(home, path).replace(LEASE, 'LEASE') || '.');
    return [...new Set(names)].join(' → ');
  }
  if (/<TCP:|AF_INET/.test(text)) {
    return 'token endpoint';
  }
  return /^writev?\(1</.test(text) ? 'stdout' : name === 'exit_group' ? 'end' : null;
};

const LEASE = /[1-9]\d*\.[\w-]+\.[0-9a-f]{12}\.[0-9-]+\.[0-9a-f]{16}/g;
