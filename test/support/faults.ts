import { readFileSync, readlinkSync } from 'node:fs';
import { newLeaseName } from '../../src/lock/lease-name.ts';
import { currentProcess } from '../../src/platform/process-identity.ts';
import { pathsOf, type Step } from './steps.ts';
import type { Held, Injection, Tampering } from './strace.ts';
import type { Home } from './tokenctl.ts';

type Effect = Injection['effect'];

/** What goes wrong at a step of a refresh, and for how long. */
export interface Fault {
  readonly step: Step;
  readonly effect: Effect;
  readonly extent:
    | 'once'
    /** Every call of this name about the store (the server, the output), from this one on. */
    | 'every such call'
    /** Every call about the store from this one on: the disk died. */
    | 'every call'
    /** Every call from this one on that changes the store: it is read-only or full from now on. */
    | 'every change';
}

export const describeFault = ({ step, extent, effect }: Fault): string =>
  `${effect} at ${step.what} (${step.occurrence}), ${extent}`;

/** Every fault that the calls in question can return at this step. */
export const faultsAt = (step: Step): Fault[] => {
  const { name, files } = step;
  const effects = effectsOn(step);
  const having = (extent: Fault['extent'], which: readonly Effect[]) =>
    which.map((effect): Fault => ({ step, effect, extent }));
  if (files.length === 0) {
    // The main thread reads its own wake-ups too, and could not go on without them.
    const canLast = step.what.endsWith(' stdout') || !['read', 'close'].includes(name);
    return [...having('once', effects), ...having('every such call', canLast ? effects : [])];
  }
  const once = having('once', effects);
  if (FILES[name] === undefined || !files.some((each) => STORE.includes(each))) {
    return once;
  }
  const isChange = files.some((each) => CHANGED.includes(each));
  return [
    ...once,
    ...having(
      'every such call',
      effects.filter((effect) => /EIO|retval=0/.test(effect)),
    ),
    ...having('every call', ['error=EIO']),
    ...having(
      'every change',
      effects.filter((effect) => isChange && CHANGES[effect]?.includes(name)),
    ),
  ];
};

/** What each call may be answered with instead of being made, after its manual page. */
const effectsOn = ({ name, what, text }: Step): readonly Effect[] => {
  if (what.endsWith(' token endpoint')) {
    return NETWORK[name] ?? [];
  }
  if (what.endsWith(' stdout')) {
    return OUTPUT;
  }
  const onFiles = FILES[name] ?? [];
  if (name !== 'openat' || text.includes('O_CREAT')) {
    return onFiles;
  }
  const forReading = text.includes('O_RDONLY');
  return onFiles.filter(
    (effect) => !NO_ROOM.includes(effect) && !(forReading && effect === 'error=EROFS'),
  );
};

const errors = (...names: string[]): Effect[] => names.map((name): Effect => `error=${name}`);

const NO_ROOM: readonly Effect[] = errors('ENOSPC', 'EDQUOT');
const OUTPUT: readonly Effect[] = errors('EIO', 'EPIPE', 'ENOSPC');

/** Of the others (getsockopt, setsockopt) nothing of the kind is known. */
const NETWORK: Readonly<Record<string, readonly Effect[]>> = {
  socket: errors('EMFILE', 'EACCES'),
  connect: errors('ECONNRESET', 'ETIMEDOUT', 'ENETUNREACH'),
  write: errors('ECONNRESET', 'ETIMEDOUT', 'ENETUNREACH'),
  writev: errors('ECONNRESET', 'ETIMEDOUT', 'ENETUNREACH'),
  read: errors('ECONNRESET', 'ETIMEDOUT', 'ENETUNREACH'),
  close: errors('EIO'),
};

const FILES: Readonly<Record<string, readonly Effect[]>> = {
  openat: errors('ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EACCES', 'EMFILE', 'EINTR'),
  close: errors('ENOSPC', 'EDQUOT', 'EIO', 'EINTR'),
  read: errors('EIO', 'EINTR'),
  // Written at the place of `{`, or of random bytes, a write that is not made is a short one.
  write: [...errors('ENOSPC', 'EDQUOT', 'EIO', 'EINTR'), 'retval=1', 'retval=0'],
  pwrite64: [...errors('ENOSPC', 'EDQUOT', 'EIO', 'EINTR'), 'retval=1', 'retval=0'],
  ftruncate: errors('ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EINTR'),
  fsync: errors('ENOSPC', 'EDQUOT', 'EIO', 'EINTR'),
  rename: errors('ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EACCES', 'EBUSY', 'EXDEV'),
  link: errors('ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EACCES', 'EPERM', 'EXDEV'),
  unlink: errors('EIO', 'EROFS', 'EACCES', 'EBUSY'),
  rmdir: errors('EIO', 'EROFS', 'EACCES', 'EBUSY'),
  mkdir: errors('ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EACCES'),
  utimensat: errors('EIO', 'EROFS', 'EACCES'),
  statx: errors('EIO', 'EACCES'),
  newfstatat: errors('EIO', 'EACCES'),
  getdents64: errors('EIO'),
  readlink: errors('EIO', 'EACCES'),
};

const FULL = ['mkdir', 'link', 'rename', 'write', 'pwrite64', 'fsync'];

/** Which calls a store that is read-only, or full, answers so. */
const CHANGES: Readonly<Partial<Record<Effect, readonly string[]>>> = {
  'error=EROFS': [
    ...['openat', 'mkdir', 'link', 'rename', 'unlink', 'rmdir', 'utimensat'],
    ...['write', 'pwrite64', 'ftruncate'],
  ],
  'error=ENOSPC': FULL,
  'error=EDQUOT': FULL,
};

/** Whether it came about where it should; elsewhere, calls were more or less than in the run without one. */
export const isHit = ({ step }: Fault, made: readonly Step[]): boolean => {
  const first = made.find(({ injected }) => injected);
  return (
    first?.what === step.what && (step.files.length === 0 || first.occurrence === step.occurrence)
  );
};

/** How a fault is brought about, `steps` being those of a run without one. */
export const tamperingFor = (
  { step, extent, effect }: Fault,
  home: Home,
  steps: readonly Step[],
  nth = step.nth,
): Tampering => {
  const { thread, name, files } = step;
  const [file] = files;
  const from = (call: string, count: number): Injection => ({
    name: call,
    effect,
    when: extent === 'once' ? `${count}` : `${count}+`,
  });
  if (file === undefined) {
    return step.what.endsWith(' stdout')
      ? { thread, injections: [from(name, step.occurrence)], about: ({ pid }) => [stdoutOf(pid)] }
      : { thread, injections: [from(name, nth)] };
  }
  const among = extent === 'once' ? [file] : extent === 'every change' ? CHANGED : STORE;
  const concerned = steps
    .slice(0, steps.indexOf(step))
    .filter((one) => one.files.some((each) => among.includes(each)));
  const injections = namesOf({ step, extent, effect }).map((call) =>
    from(call, concerned.filter((one) => one.name === call).length + 1),
  );
  const about = (held: Held) => among.flatMap((each) => pathsOf(each, home, leaseNameOf(held)));
  return { thread, injections, about };
};

const namesOf = ({ step, extent, effect }: Fault): readonly string[] => {
  switch (extent) {
    case 'once':
    case 'every such call':
      return [step.name];
    case 'every call':
      return Object.keys(FILES);
    case 'every change':
      return CHANGES[effect] ?? [];
  }
};

const IN_LEASE = [
  ...['', '/next.json', '/next.json.probe', '/next.json.new', '/next.json.anchor'],
  ...['/spent-1-1', '/spent-1-2', '/concluded'],
];

/**
 * Every path of the store at which a refresh may change something; without the lease's heartbeat,
 * which is touched the more often the slower the machine is …
 */
const CHANGED: readonly string[] = [
  ...['audit.jsonl', 'seen/GRANT.new', 'credentials/work.lock.LEASE.new'],
  'credentials/work.herd',
  'credentials/work.lock.LEASE.new/LEASE/owner.json',
  ...['LEASE', 'DEAD'].flatMap((lease) =>
    IN_LEASE.flatMap((each) => [
      `credentials/work.lock/${lease}${each}`,
      `credentials/work.lock.${lease}.new/${lease}${each}`,
      `credentials/work.lock.${lease}.dead${each}`,
    ]),
  ),
];

/** … and those that can be read where nothing can be changed. */
const STORE: readonly string[] = [
  ...CHANGED,
  ...['.', 'credentials', 'credentials/work.json', 'credentials/work.lock', 'seen', 'seen/GRANT'],
  'credentials/tokenctl-anchor',
];

const leaseNameOf = ({ pid, nonce }: Held): string => {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  // proc_pid_stat(5): the twenty-second field, the command being the second.
  const startTime = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  return newLeaseName({ ...currentProcess(), pid, startTime }).replace(/[0-9a-f]{16}$/, nonce);
};

const stdoutOf = (pid: number): string => readlinkSync(`/proc/${pid}/fd/1`);
