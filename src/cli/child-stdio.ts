import type { StdioOptions } from 'node:child_process';
import { constants, fstatSync, readdirSync, type Stats } from 'node:fs';

type Entry = 'inherit' | 'ignore' | number;

/**
 * Our own stdin, stdout and stderr, and what the arguments name as /dev/fd/N: a shell hands a program
 * `<(…)` like that. Of the others Node.js keeps those up to 15 from what it starts
 * (https://docs.libuv.org/en/v1.x/process.html#c.uv_disable_stdio_inheritance).
 */
export const inheritedStdio = (args: readonly string[]): StdioOptions => placed(args, []).stdio;

/** The same with descriptors of ours, under numbers that no argument names. */
export const placed = (
  args: readonly string[],
  ours: readonly number[],
): { stdio: Entry[]; numbers: number[] } => {
  const named = new Set(
    [...args.join('\n').matchAll(/\/(?:dev|proc\/(?:thread-)?self)\/fd\/(\d{1,4})(?!\d)/g)].map(
      ([, number]) => Number(number),
    ),
  );
  const stdio: Entry[] = ['inherit', 'inherit', 'inherit'];
  for (const descriptor of named) {
    if (descriptor > 2 && !ours.includes(descriptor) && isInherited(descriptor)) {
      stdio[descriptor] = descriptor;
    }
  }
  const numbers = ours.map((descriptor) => {
    let number = 3;
    while (named.has(number) || stdio[number] !== undefined) {
      number += 1;
    }
    stdio[number] = descriptor;
    return number;
  });
  return { stdio: Array.from(stdio, (each) => each ?? 'ignore'), numbers };
};

/**
 * Not what Node.js lives by itself, which would wait for ever if somebody else read it: epoll and the like, which
 * have no type, and pipes of which both ends are here.
 */
const isInherited = (descriptor: number): boolean => {
  const stats = look(descriptor);
  return (
    stats !== null &&
    (stats.mode & constants.S_IFMT) !== 0 &&
    !(
      stats.isFIFO() &&
      readdirSync('/dev/fd').some((other) => isOtherEnd(Number(other), descriptor, stats))
    )
  );
};

const isOtherEnd = (other: number, descriptor: number, { dev, ino }: Stats): boolean => {
  const stats = other === descriptor ? null : look(other);
  return stats?.dev === dev && stats.ino === ino;
};

const look = (descriptor: number): Stats | null => {
  try {
    return fstatSync(descriptor);
  } catch {
    return null;
  }
};
