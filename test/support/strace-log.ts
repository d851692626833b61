/** The two threads that make system calls of interest: JavaScript's, and libuv's one worker. */
export type Thread = 'main' | 'worker';

export interface Call {
  readonly thread: Thread;
  readonly name: string;
  /** It is the nth call of this name in its thread. */
  readonly nth: number;
  /** As strace(1) prints it when it begins, strings left out. */
  readonly text: string;
  /** It was tampered with. Known only where one thread is traced. */
  readonly injected: boolean;
}

/** What all threads did. */
export const parseAll = (log: string, threads: Readonly<Record<Thread, number>>): Call[] => {
  const counters = { main: new Map<string, number>(), worker: new Map<string, number>() };
  return log.split('\n').flatMap((line) => {
    const [, id, text = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const thread = (['main', 'worker'] as const).find((role) => threads[role] === Number(id));
    return thread === undefined ? [] : parseCall(text, thread, counters[thread]);
  });
};

/** What the one thread did to which strace was attached. */
export const parseThread = (log: string, thread: Thread): Call[] => {
  const counter = new Map<string, number>();
  return log.split('\n').flatMap((line) => parseCall(line, thread, counter));
};

const parseCall = (line: string, thread: Thread, counter: Map<string, number>): Call[] => {
  // `<... read resumed>`, `+++ exited +++` and `--- SIGCONT ---` begin no call.
  const [, name] = /^([a-z]\w*)\(/.exec(line) ?? [];
  if (name === undefined) {
    return [];
  }
  const nth = (counter.get(name) ?? 0) + 1;
  counter.set(name, nth);
  // What it returned is known of some calls only.
  const text = line.replace(/ += [^=]*$| <unfinished \.\.\.>$/, '');
  return [{ thread, name, nth, text, injected: line.endsWith(' (INJECTED)') }];
};
