import type { StdioOptions } from 'node:child_process';
import { fstatSync } from 'node:fs';

/**
 * Our own stdin, stdout and stderr, and what the arguments name as /dev/fd/N: a shell hands a program
 * `<(…)` like that. Of the others Node.js keeps those up to 15 from what it starts
 * (https://docs.libuv.org/en/v1.x/process.html#c.uv_disable_stdio_inheritance).
 */
export const inheritedStdio = (args: readonly string[]): StdioOptions => {
  const named = [...args.join('\n').matchAll(/\/(?:dev|proc\/self)\/fd\/(\d{1,4})(?!\d)/g)]
    .map(([, number]) => Number(number))
    .filter((descriptor) => descriptor > 2 && isOpen(descriptor));
  const last = Math.max(2, ...named);
  return Array.from({ length: last + 1 }, (_, descriptor) =>
    descriptor <= 2 ? 'inherit' : named.includes(descriptor) ? descriptor : 'ignore',
  );
};

const isOpen = (descriptor: number): boolean => {
  try {
    fstatSync(descriptor);
    return true;
  } catch {
    return false;
  }
};
