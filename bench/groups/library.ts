import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileStore, importTokens } from '../../src/index.ts';
import { type Bench, PROGRAMS } from '../bench.ts';
import { freshTokens, tokenOf } from '../homes.ts';
import type { Noticed, Told } from '../library-process.ts';
import { CALL, LIBRARY } from '../names.ts';
import type { Library } from '../results.ts';
import { spreadOf } from '../statistics.ts';

const ROUND_MS = 500;

const heard = (child: ChildProcess) => once(child, 'message') as Promise<[never]>;

/** `getValidToken` in a process that lives: how often it can be asked, and how soon it sees a change. */
export const measureLibrary = async (bench: Bench): Promise<Library | null> => {
  if (!bench.wants(LIBRARY, CALL)) {
    return null;
  }
  bench.progress('library');
  const path = join(bench.directory('disk'), 'credential.json');
  const give = (length: number) => importTokens(fileStore(path), freshTokens(tokenOf(length)));
  await give(40);
  const { repeats } = bench.effort;
  const child = fork(join(PROGRAMS, 'library.mjs'), [path, String(repeats), String(ROUND_MS)]);
  bench.atEnd(() => {
    child.kill();
  });
  const [{ callsPerSecond, residentMb }]: [Told] = await heard(child);
  const noticed: number[] = [];
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    const told = heard(child);
    const changedAfter = Date.now();
    await give(41 + repeat);
    const [{ at }]: [Noticed] = await told;
    noticed.push(at - changedAfter);
  }
  child.kill();
  bench.progress('');
  return {
    callsPerSecond: spreadOf(callsPerSecond),
    noticedMs: Math.max(...noticed),
    residentMb,
  };
};
