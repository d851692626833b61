import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { type Home, TOKENCTL } from './tokenctl.ts';

/** faketime(1) steps the wall clock of one process; its other clocks and the files' times stay true. */
export const hasFaketime = (): boolean => preload() !== undefined;

let known: { readonly path: string | undefined } | undefined;
const preload = (): string | undefined => {
  known ??= { path: findPreload() };
  return known.path;
};

const findPreload = (): string | undefined => {
  const { stdout } = spawnSync('faketime', ['-m', '-f', '+1d', 'printenv', 'LD_PRELOAD'], {
    encoding: 'utf8',
  });
  return stdout?.trim() || undefined;
};

/** The environment in which the wall clock is off by so many hours. */
export const wallClock = (hours: number): NodeJS.ProcessEnv => ({
  ...faked(),
  FAKETIME: offset(hours),
});

/** The same, with an offset that `step` changes in processes that run. */
export const steppedClock = ({ home }: Home) => {
  const file = join(home, 'offset');
  const step = (hours: number) => writeFileSync(file, `${offset(hours)}\n`);
  step(0);
  return { env: { ...faked(), FAKETIME_TIMESTAMP_FILE: file, FAKETIME_NO_CACHE: '1' }, step };
};

const faked = (): NodeJS.ProcessEnv => ({
  LD_PRELOAD: preload(),
  // Else timers would go off, or never do: no step of a wall clock does that.
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
  TZ: 'UTC',
});

const offset = (hours: number): string => `${hours < 0 ? '-' : '+'}${Math.abs(hours)}h`;

const runsAsRoot = (...args: string[]): boolean =>
  process.platform === 'linux' &&
  process.geteuid?.() === 0 &&
  spawnSync('unshare', args).status === 0;

/** Whether we may mount, and so give a process another boot to live on. */
export const canFakeBoots = (): boolean => runsAsRoot('-m', 'true');
/** time_namespaces(7). */
export const canShiftUptime = (): boolean => runsAsRoot('-T', '--boottime', '1', '-f', 'true');

/** A machine that has been booted anew, as far as the kernel's name for the boot tells. */
export const newBoot = ({ home }: Home): readonly string[] => {
  const file = join(home, `boot-${randomUUID()}`);
  writeFileSync(file, `${randomUUID()}\n`);
  const mount = `mount --bind '${file}' /proc/sys/kernel/random/boot_id && exec "$@"`;
  return ['unshare', '-m', 'sh', '-c', mount, 'sh'];
};

/** A container whose time since boot is ten days more than outside. */
export const SHIFTED_UPTIME = ['unshare', '-T', '--boottime', '864000', '-f'];

/** The command within such surroundings. */
export const startWithin = (
  { home }: Home,
  surroundings: readonly string[],
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
) => {
  const [file = '', ...rest] = [...surroundings, ...TOKENCTL, ...args];
  return execa(file, rest, {
    env: { PATH: process.env.PATH, HOME: '/nonexistent', TOKENCTL_HOME: home, ...env },
    extendEnv: false,
    reject: false,
    forceKillAfterDelay: false,
  });
};
