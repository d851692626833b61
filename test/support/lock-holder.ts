// A process that holds the lock; see lock-holders.ts. Run as: holder.mjs LOCK RECORD STEP THEN
import { tryAcquireKept } from '../../src/lock/heartbeat.ts';
import { createJudge } from '../../src/lock/judge.ts';
import { newLeaseName } from '../../src/lock/lease-name.ts';
import { type FileSystem, nodeFileSystem } from '../../src/platform/fs.ts';
import { currentProcess } from '../../src/platform/process-identity.ts';
import type { Step, Then } from './lock-holders.ts';

const [lockPath = '', recordPath = '', last, then] = process.argv.slice(2) as [
  string,
  string,
  Step,
  Then,
];

/** Goes as far as it was told, and then stays there, ends, or has nothing more to do. */
const reached = async (step: Step): Promise<void> => {
  if (step !== last) {
    return;
  }
  await new Promise((written) => process.stdout.write(`${step}\n`, written));
  if (then === 'exit') {
    process.exit();
  }
  if (then === 'wait') {
    setInterval(() => {}, 1_000_000);
  }
  await new Promise(() => {});
};

const fs: FileSystem = {
  ...nodeFileSystem,
  rename: async (from, to) => {
    if (from.endsWith('.new') && to === lockPath) {
      await reached('prepared');
    }
    await nodeFileSystem.rename(from, to);
  },
};

const acquired = await tryAcquireKept(
  { fs, lockPath, judge: createJudge() },
  newLeaseName(currentProcess()),
  '{}\n',
);
if (acquired.kind !== 'held') {
  throw new Error(`not held but ${acquired.kind}`);
}
const { lease } = acquired;
await reached('acquired');
await lease.reserve('reserved');
await reached('reserved');
await lease.gate(1, 1);
await reached('gated');
await lease.write('written');
await reached('written');
await lease.commit(recordPath);
await reached('committed');
await acquired.release();
await reached('released');
