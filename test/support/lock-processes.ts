import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type LeaseName, newLeaseName } from '../../src/lock/lease-name.ts';
import { OWNER } from '../../src/lock/place.ts';
import { currentProcess, type ProcessIdentity } from '../../src/platform/process-identity.ts';

/** One who was here and is gone: our own process id, but another start. */
export const deadOwner = (): ProcessIdentity => ({ ...currentProcess(), startTime: '1' });

/** One on another machine: whether it lives cannot be seen, only whether it is silent. */
export const foreignOwner = (): ProcessIdentity => ({ ...currentProcess(), machine: 'elsewhere' });

/** Puts a lease there as its owner would have left it, with these further files. */
export const layLease = async (
  inside: string,
  owner: ProcessIdentity,
  files: Readonly<Record<string, string>> = {},
  name = newLeaseName(owner),
): Promise<LeaseName> => {
  await mkdir(join(inside, name), { recursive: true });
  for (const [file, text] of Object.entries({ [OWNER]: '{}', ...files })) {
    await writeFile(join(inside, name, file), text);
  }
  return name;
};

export interface Zombie {
  readonly pid: number;
  /** Ends the parent that does not care for its dead child. */
  end(): Promise<void>;
}

/** A process that has ended and that its parent never asks about. */
export const startZombie = async (): Promise<Zombie> => {
  // The shell has a child, and then turns into a program that knows nothing of it. The child ends
  // only then: before, the shell could still ask about it.
  const child = '(until ps -o comm= -p $$ | grep -q sleep; do :; done)';
  const parent = spawn('sh', ['-c', `${child} & echo $!; exec sleep 600`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const pid = Number(await firstLine(parent));
  return {
    pid,
    end: async () => {
      parent.kill('SIGKILL');
      await once(parent, 'exit');
    },
  };
};

export const firstLine = async (child: ChildProcess): Promise<string> => {
  if (child.stdout === null) {
    throw new Error('its output is not piped');
  }
  for await (const line of createInterface(child.stdout)) {
    return line;
  }
  throw new Error('it ended without a word');
};
