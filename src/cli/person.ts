import type { Person } from '../login/person.ts';
import { askHidden } from './ask-hidden.ts';
import { say } from './io.ts';

/** The person at this terminal, if it is one. */
export const person = (): Person => {
  const interactive = process.stdin.isTTY === true && process.stderr.isTTY === true;
  let shown = false;
  return {
    interactive,
    env: process.env,
    say: (line) => say(`${line}\n`),
    askHidden,
    progress: (line) => {
      if (process.stderr.isTTY && (shown || line !== '')) {
        // Back to the beginning of the line, and erase it (ECMA-48 8.3.41).
        say(`\r\u001b[K${line}`);
        shown = line !== '';
      }
    },
  };
};
