import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { currentProcess, livenessOf, processState } from '../../src/platform/process-identity.ts';
import { startZombie } from '../support/lock-processes.ts';

const self = currentProcess();

describe('whether the process that somebody names still runs', () => {
  it('this process is alive', () => {
    expect(livenessOf(self)).toBe('alive');
  });

  it('a process that has ended is dead', async () => {
    const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
    await once(child, 'exit');
    expect(livenessOf({ ...self, pid: child.pid ?? 0 })).toBe('dead');
  });

  it('a process that cannot be seen from here is neither', () => {
    expect(livenessOf({ ...self, machine: 'another boot, or another machine' })).toBe('unknown');
    expect(livenessOf({ ...self, namespaces: '1-1' })).toBe('unknown');
  });

  it('nor is one whose start is not known', () => {
    expect(livenessOf({ ...self, startTime: null })).toBe('unknown');
  });
});

describe.skipIf(process.platform === 'win32')(
  'where the system tells when a process started',
  () => {
    it('a process id that was given to somebody else does not keep its former owner alive', () => {
      expect(livenessOf({ ...self, startTime: `${self.startTime}0` })).toBe('dead');
    });

    it('a process that is stopped is alive', async () => {
      const child = spawn('sleep', ['600'], { stdio: 'ignore' });
      const pid = child.pid ?? 0;
      const identity = { ...self, pid, startTime: startTimeOf(pid) };
      child.kill('SIGSTOP');
      expect(livenessOf(identity)).toBe(identity.startTime === null ? 'unknown' : 'alive');
      child.kill('SIGKILL');
      await once(child, 'exit');
      expect(livenessOf(identity)).toBe('dead');
    });

    it('a zombie is dead, although it can still be sent signals', async () => {
      const zombie = await startZombie();
      try {
        await untilZombie(zombie.pid);
        expect(process.kill(zombie.pid, 0)).toBe(true);
        const startTime = startTimeOf(zombie.pid);
        expect(livenessOf({ ...self, pid: zombie.pid, startTime })).toBe('dead');
      } finally {
        await zombie.end();
      }
    });
  },
);

/** As the kernel tells it, read independently of the code under test; null where there is no procfs. */
const startTimeOf = (pid: number): string | null => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
};

const untilZombie = async (pid: number): Promise<void> => {
  while (process.platform === 'linux' && processState(pid) !== 'Z') {
    await sleep(5);
  }
};
