import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import type { Bench } from './bench.ts';
import type { By } from './results.ts';
import { type Command, environment } from './shell-loop.ts';

/** A command that is ready to be measured. */
export interface Prepared {
  readonly command: Command;
  /** What it must print: a quick failure must not pass for a quick answer. */
  readonly expected: RegExp;
  readonly note?: string | undefined;
  /** Processes that must run all the time for it. */
  readonly daemons?: readonly number[] | undefined;
}

export interface Case extends Prepared {
  readonly name: string;
  readonly by: By;
}

export interface CaseKind {
  readonly name: string;
  readonly by: By;
  /** Throws an error that says why this cannot be measured here. */
  readonly prepare: (bench: Bench) => Promise<Prepared>;
}

/** Those that any of these groups wants, if they answer as they must; else they are named as missing. */
export const prepareCases = async (
  bench: Bench,
  groups: readonly string[],
  kinds: readonly CaseKind[],
): Promise<Case[]> => {
  const [group = ''] = groups;
  const cases: Case[] = [];
  const wanted = kinds.filter(({ name }) => groups.some((one) => bench.wants(one, name)));
  for (const { name, by, prepare } of wanted) {
    bench.progress(`${group}: preparing ${name}`);
    try {
      const prepared = await prepare(bench);
      requireAnswer(prepared);
      cases.push({ name, by, ...prepared });
    } catch (error) {
      bench.miss(`${group}: ${name}`, error instanceof Error ? error.message : String(error));
    }
  }
  bench.progress('');
  return cases;
};

const requireAnswer = ({ command, expected }: Prepared): void => {
  const { status, stdout, stderr, error } = ask(command);
  if (status !== 0 || !expected.test(stdout)) {
    const why = error?.message ?? stderr.trim().split('\n').at(-1);
    throw new Error(`wrong answer, exit ${status}: ${why}`);
  }
};

/** Runs it once, to see what it says. */
export const ask = (command: Command) => {
  const [file = '', ...args] = command.argv;
  return spawnSync(file, args, {
    env: environment(command),
    input: command.stdin === undefined ? '' : readFileSync(command.stdin),
    encoding: 'utf8',
    timeout: 60_000,
  });
};

const floor = (name: string, argv: readonly string[]): Case => ({
  ...{ name, by: 'floor', command: { argv }, expected: /^$/ },
});

/** What nothing that is a shell script, or a Node.js program, can be faster than. */
export const SHELL = floor('sh -c :', ['/bin/sh', '-c', ':']);
export const NODE = floor('node -e 0', [process.execPath, '-e', '0']);

export const kindOf = ({ name, by, ...prepared }: Case): CaseKind => ({
  ...{ name, by, prepare: async () => prepared },
});
