import type { Person } from '../../src/login/person.ts';

export interface TestPerson extends Person {
  /** Everything that was said. */
  readonly said: string[];
  readonly shown: string[];
  /** The address that is to be opened. */
  readonly url: Promise<URL>;
  /** Answers the next question for a hidden line. */
  readonly paste: (text: string) => void;
}

/** Somebody at a terminal, or nobody. */
export const createPerson = (env: NodeJS.ProcessEnv = {}, interactive = false): TestPerson => {
  const said: string[] = [];
  const shown: string[] = [];
  const pasted: string[] = [];
  let wake = () => {};
  let opened: (url: URL) => void = () => {};
  const url = new Promise<URL>((resolve) => {
    opened = resolve;
  });
  return {
    interactive,
    env,
    said,
    shown,
    url,
    paste: (text) => {
      pasted.push(text);
      wake();
    },
    say: (line) => {
      said.push(line);
      const [, address] = /\n {2}(https?:\S+)\n/.exec(line) ?? [];
      if (address !== undefined) {
        opened(new URL(address));
      }
    },
    progress: (line) => void shown.push(line),
    askHidden: async (_, signal) => {
      while (pasted.length === 0) {
        await new Promise<void>((resolve, reject) => {
          wake = resolve;
          signal.addEventListener('abort', () => reject(new Error('not asked any more')));
        });
      }
      return pasted.shift() ?? '';
    },
  };
};
