// One of many that renew a record under the lock and die while they do; see test/chaos/lock-kills.test.ts.
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { tryAcquireKept } from '../../src/lock/heartbeat.ts';
import { createJudge } from '../../src/lock/judge.ts';
import { newLeaseName } from '../../src/lock/lease-name.ts';
import { removeRemains } from '../../src/lock/remains.ts';
import { nodeFileSystem as fs } from '../../src/platform/fs.ts';
import {
  currentProcess,
  livenessOf,
  type ProcessIdentity,
} from '../../src/platform/process-identity.ts';

export type Report =
  | { readonly kind: 'overlap' }
  /** The successor of this generation was durable before anybody was told. */
  | { readonly kind: 'written'; readonly generation: number }
  | { readonly kind: 'done'; readonly adopted: boolean };

const [lockPath = '', recordPath = '', mortality = '0'] = process.argv.slice(2);
const place = { fs, lockPath, judge: createJudge() };

const live = async (): Promise<never> => {
  for (;;) {
    const acquired = await tryAcquireKept(place, newLeaseName(currentProcess()), '{}\n');
    if (acquired.kind === 'held') {
      const since = performance.now();
      const death = Math.random() < Number(mortality) ? dieWithin(usualMs * 1.5) : undefined;
      enter();
      await renew(acquired.lease);
      leave();
      await acquired.release();
      clearTimeout(death);
      usualMs = performance.now() - since;
    }
    await sleep(1 + Math.random() * 4);
  }
};

/** How long a renewal took here last: a fraction of a millisecond in memory, many on a disk. */
let usualMs = 4;

/** Whatever is being done then. */
const dieWithin = (ms: number) =>
  setTimeout(() => process.kill(process.pid, 'SIGKILL'), Math.random() * ms);

type Held = Extract<Awaited<ReturnType<typeof tryAcquireKept>>, { kind: 'held' }>['lease'];

const renew = async (lease: Held): Promise<void> => {
  let adopted = false;
  for (const remains of await lease.remains()) {
    const next = remains.nextPath === null ? null : readGeneration(remains.nextPath);
    if (remains.nextPath !== null && next === (readGeneration(recordPath) ?? 0) + 1) {
      await fs.rename(remains.nextPath, recordPath);
      adopted = true;
    }
    await removeRemains(place, remains);
  }
  const generation = (readGeneration(recordPath) ?? 0) + 1;
  await lease.reserve('x'.repeat(5000));
  await lease.gate(generation, 1);
  await lease.write(`${JSON.stringify({ generation, padding: 'y'.repeat(2000) })}\n`);
  await say({ kind: 'written', generation });
  await lease.commit(recordPath);
  await say({ kind: 'done', adopted });
};

const readGeneration = (path: string): number | null => {
  try {
    return (JSON.parse(readFileSync(path, 'utf8')) as { generation: number }).generation;
  } catch {
    return null;
  }
};

const say = (report: Report): Promise<void> =>
  new Promise((said) => process.send?.(report, () => said()));

const MARKER = `${lockPath}.inside`;

/** Whoever is inside has written who it is; if that one lives, there are two of us. */
const enter = (): void => {
  try {
    writeFileSync(MARKER, JSON.stringify(currentProcess()), { flag: 'wx' });
  } catch {
    const other = JSON.parse(readFileSync(MARKER, 'utf8') || 'null') as ProcessIdentity | null;
    if (other !== null && livenessOf(other) !== 'dead') {
      void say({ kind: 'overlap' });
    }
    rmSync(MARKER, { force: true });
    writeFileSync(MARKER, JSON.stringify(currentProcess()), { flag: 'wx' });
  }
};

const leave = (): void => rmSync(MARKER, { force: true });

await live();
