import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { currentBootId, systemClock } from '../../src/platform/clock.ts';
import { Secret } from '../../src/secret.ts';
import { need } from '../support/need.ts';
import { credentialOf } from '../support/records.ts';
import { ago, createPlace, isInstalled, LAUNCHER, type Place, SHELLS, whereIs } from './driver.ts';

const isRoot = process.getuid?.() === 0;
const canUnshare = (...options: string[]) =>
  isRoot && spawnSync('unshare', [...options, 'true']).status === 0;
const isTraceable =
  isInstalled('strace') && spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0;

const TOKEN = 'SECRET-token';
const SECONDS = Date.now() / 1000;

let place: Place;
beforeEach(async () => {
  place = createPlace();
  await place.save(credentialOf({ accessToken: new Secret(TOKEN), issued: ago(100) }));
  utimesSync(place.anchorPath, 1, SECONDS - 60);
});

/** The second of this boot until which the record says that the token is fresh, from now. */
const setSecondsLeft = (seconds: number) => {
  const uptime = Math.floor(systemClock().uptimeMs ?? 0) / 1000 + seconds;
  const text = readFileSync(place.recordPath(), 'utf8');
  const changed = text.replace(/^(\{"fresh":"\d+ )\d+/, `$1${Math.floor(uptime)}`);
  writeFileSync(place.recordPath(), changed);
  utimesSync(place.recordPath(), 1, Date.now() / 1000 + 1000);
};
const isAnswered = (shell: readonly string[], ...options: string[]): boolean => {
  const { node, ...outcome } = place.launch({ args: ['get', 'work', ...options], shell });
  const stdout = node === null ? `${TOKEN}\n` : '';
  expect(outcome).toEqual({ code: 0, stdout, stderr: '' });
  return node === null;
};

describe.each(SHELLS)('in %s, of two clocks', (name, ...shell) => {
  it('both must say that the token is fresh', (context) => {
    need(context, isInstalled(shell[0] ?? ''), name);
    need(context, currentBootId() !== null, 'boots that have a name');
    setSecondsLeft(1000);
    expect(isAnswered(shell)).toBe(true);
    expect(isAnswered(shell, '--min-ttl', '10m')).toBe(true);
    expect(isAnswered(shell, '--min-ttl', '20m')).toBe(false);
    setSecondsLeft(-1);
    expect(isAnswered(shell)).toBe(false);
    expect(isAnswered(shell, '--timeout', '1s')).toBe(false);
    setSecondsLeft(10_000);
    expect(isAnswered(shell)).toBe(true);
    utimesSync(place.recordPath(), 1, Date.now() / 1000 - 1);
    expect(isAnswered(shell)).toBe(false);
    expect(isAnswered(shell, '--timeout', '1s')).toBe(false);
  });
});

it('asks nobody in the usual case: it starts no process and opens nothing to write', (context) => {
  need(context, isTraceable, 'strace(1)');
  for (const [name, command = '', ...options] of SHELLS.filter(([, program = '']) =>
    isInstalled(program),
  )) {
    const log = join(place.directory, 'log');
    const { stdout } = spawnSync(
      whereIs('strace'),
      ['-f', '-o', log, '-s', '1000', command, ...options, LAUNCHER, 'get', 'work'],
      { env: { PATH: place.path, TOKENCTL_HOME: place.home }, encoding: 'utf8' },
    );
    expect({ name, stdout }).toEqual({ name, stdout: `${TOKEN}\n` });
    const calls = readFileSync(log, 'utf8').split('\n');
    const some = (pattern: RegExp) => calls.filter((call) => pattern.test(call));
    expect(some(/ execve\(/)).toHaveLength(1);
    expect(some(/ (clone|clone3|fork|vfork)\(/)).toEqual([]);
    expect(some(/ (openat|open|creat)\(.*O_(CREAT|TRUNC|APPEND)/)).toEqual([]);
    expect(some(/SECRET/).filter((call) => !/ (read|write)\(/.test(call))).toEqual([]);
  }
});

it('is not deceived by an entry of procfs that was looked at long ago', (context) => {
  need(context, currentBootId() !== null, 'procfs');
  // What ps, top and lsof look at.
  const LOOK =
    'cd /proc/$$ && ls -ld . fd fd/* fdinfo/* stat status cmdline task/*/stat >/dev/null 2>&1; cd /';
  // A shell that has been there for a while becomes the launcher, as the last command of `sh -c` does.
  const after = (wait: string) => isAnswered(['sh', '-c', `${LOOK}; ${wait} exec sh "$@"`, 'sh']);
  expect(after('')).toBe(true);
  utimesSync(place.recordPath(), 1, Date.now() / 1000 + 0.7);
  expect(after('sleep 1.2;')).toBe(false);
});

it('believes the wall clock where the boot clock is another one', (context) => {
  need(context, canUnshare('-T', '--boottime', '86400'), 'root and time namespaces');
  const inNamespace = (seconds: number) =>
    isAnswered(['unshare', '-T', '--boottime', `${seconds}`, '--fork', 'sh']);
  expect(inNamespace(0)).toBe(true);
  expect(inNamespace(86_400)).toBe(false);
  utimesSync(place.recordPath(), 1, SECONDS - 1);
  expect(inNamespace(-600)).toBe(false);
});

/** As on a system that has /dev/fd and no procfs. */
const WITHOUT_PROCFS = `
  cd "$0" && mkdir procfs dev && mount -t proc proc procfs && mount -t tmpfs none dev &&
    : >dev/null && mount --bind /dev/null dev/null && ln -s "$0/procfs/self/fd" dev/fd &&
    mount --rbind dev /dev && mount -t tmpfs none /proc && cd / && exec "$@"`;
const withoutProcfs = (...command: string[]) => [
  ...['unshare', '-m', 'sh', '-c', WITHOUT_PROCFS, mkdtempSync(join(place.directory, 'mnt-'))],
  ...command,
];

it('asks the wall clock alone, also by its seconds, where there is no procfs', (context) => {
  need(context, canUnshare('-m'), 'root and mount namespaces');
  for (const [name, command = '', ...options] of SHELLS.filter(([, of = '']) => isInstalled(of))) {
    const isAnsweredHere = (...more: string[]) =>
      isAnswered(withoutProcfs(command, ...options), ...more);
    setSecondsLeft(1000);
    expect({ name, answered: isAnsweredHere() }).toEqual({ name, answered: true });
    expect({ name, answered: isAnsweredHere('--min-ttl', '10m') }).toEqual({
      name,
      answered: true,
    });
    expect({ name, answered: isAnsweredHere('--min-ttl', '1h') }).toEqual({
      name,
      answered: false,
    });
    const text = readFileSync(place.recordPath(), 'utf8');
    writeFileSync(
      place.recordPath(),
      text.replace(/("fresh_until":)\d+/, `$1${Math.floor(SECONDS)}`),
    );
    utimesSync(place.recordPath(), 1, SECONDS + 1000);
    expect({ name, answered: isAnsweredHere() }).toEqual({ name, answered: false });
    writeFileSync(place.recordPath(), text);
    expect({ name, answered: isAnsweredHere() }).toEqual({ name, answered: false });
  }
});

it('finds the records of macOS where macOS is', (context) => {
  need(context, canUnshare('-m'), 'root and mount namespaces');
  const library = join(place.directory, 'user/Library/Application Support/tokenctl');
  mkdirSync(dirname(library), { recursive: true });
  renameSync(place.home, library);
  const root = join(place.directory, 'root');
  mkdirSync(root);
  const script = `
    mount -t tmpfs none '${root}' && cd '${root}' || exit
    for name in bin lib lib64 usr tmp dev; do
      if [ -h /$name ]; then cp -P /$name $name; else mkdir $name && mount --rbind /$name $name; fi
    done
    mkdir -p System/Library/CoreServices '.${dirname(LAUNCHER)}'
    [ -e '.${LAUNCHER}' ] || mount --bind '${dirname(LAUNCHER)}' '.${dirname(LAUNCHER)}'
    exec /usr/sbin/chroot . "$@"`;
  const { stdout, stderr, node } = place.launch({
    args: ['get', 'work'],
    shell: [...withoutProcfs('sh', '-c', script, 'sh', 'sh')],
    env: { HOME: join(place.directory, 'user'), TOKENCTL_HOME: undefined },
  });
  expect({ stdout, stderr, node }).toEqual({ stdout: `${TOKEN}\n`, stderr: '', node: null });
});
