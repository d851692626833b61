// One of many processes that want the same lock; see contenders.ts. Run as: contender.mjs plain|ours
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import lockfile from 'proper-lockfile';
import { tryAcquireKept } from '../../src/lock/heartbeat.ts';
import { createJudge } from '../../src/lock/judge.ts';
import { newLeaseName } from '../../src/lock/lease-name.ts';
import { nodeFileSystem } from '../../src/platform/fs.ts';
import { currentProcess } from '../../src/platform/process-identity.ts';

interface Round {
  readonly lockPath: string;
  readonly holdMs: number;
  readonly startAt: number;
}

type Release = () => Promise<void>;

/** A contender gives up after this; nobody holds the lock that long. */
const PATIENCE_MS = 10_000;

process.on('message', async ({ lockPath, holdMs, startAt }: Round) => {
  await sleep(Math.max(0, startAt - Date.now()));
  const release = await acquire(lockPath, startAt + PATIENCE_MS);
  const heldMs = Date.now() - startAt;
  let overlap = false;
  if (release !== null) {
    overlap = !(await alone(`${lockPath}.inside`, holdMs));
    await release().catch(() => {});
  }
  process.send?.({ held: release !== null, overlap, heldMs });
});
process.send?.('ready');

const acquire = async (lockPath: string, until: number): Promise<Release | null> => {
  const tryOnce = process.argv[2] === 'plain' ? plain : ours;
  while (Date.now() < until) {
    const release = await tryOnce(lockPath);
    if (release !== null) {
      return release;
    }
    await sleep(1 + Math.random() * 3);
  }
  return null;
};

/** proper-lockfile as it comes, with the shortest stale limit it takes. */
const plain = async (lockPath: string): Promise<Release | null> => {
  try {
    return await lockfile.lock(lockPath.replace(/\.lock$/, ''), {
      realpath: false,
      stale: 2_000,
      onCompromised: () => {},
    });
  } catch {
    return null;
  }
};

const ours = async (lockPath: string): Promise<Release | null> => {
  const place = { fs: nodeFileSystem, lockPath, judge: createJudge() };
  const acquired = await tryAcquireKept(place, newLeaseName(currentProcess()), '');
  return acquired.kind === 'held' ? acquired.release : null;
};

/** True if nobody else was inside at any time while we were. A marker whose owner was killed means nothing. */
const alone = async (marker: string, holdMs: number): Promise<boolean> => {
  for (;;) {
    try {
      writeFileSync(marker, String(process.pid), { flag: 'wx' });
      break;
    } catch {
      if (isAlive(Number(readFileSync(marker, 'utf8')))) {
        return false;
      }
      rmSync(marker, { force: true });
    }
  }
  await sleep(holdMs);
  rmSync(marker, { force: true });
  return true;
};

const isAlive = (pid: number): boolean => {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ');
  } catch {
    return false;
  }
};
