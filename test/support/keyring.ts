import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** gnome-keyring, a session bus for it, and what asks and locks it from outside. */
export const hasKeyring = (): boolean =>
  ['gnome-keyring-daemon', 'dbus-run-session', 'dbus-send', 'secret-tool'].every(
    (program) => spawnSync('sh', ['-c', `command -v ${program}`]).status === 0,
  );

export interface Keyring {
  /** What a process needs to find it. */
  readonly env: NodeJS.ProcessEnv;
  lock(): void;
  unlock(): Promise<void>;
  /** Sent to the daemon itself. */
  signal(signal: NodeJS.Signals): Promise<void>;
  /** What tokenctl keeps there; only while it is unlocked. */
  entries(): { readonly slot: string; readonly secret: string }[];
}

const PASSWORD = 'of the keyring';
const SERVICE = 'org.freedesktop.secrets';
const COLLECTION = '/org/freedesktop/secrets/collection/login';

/** An unlocked keyring on a session bus of its own, for one test. */
export const startKeyring = async (): Promise<Keyring> => {
  const directory = mkdtempSync(join(tmpdir(), 'tokenctl-keyring-'));
  const runtime = join(directory, 'runtime');
  mkdirSync(runtime, { mode: 0o700 });
  const plain = { PATH: process.env.PATH, HOME: directory, XDG_RUNTIME_DIR: runtime };
  // The bus ends when this does.
  const bus = spawn(
    'dbus-run-session',
    ['--', 'sh', '-c', 'echo "$DBUS_SESSION_BUS_ADDRESS"; exec cat >/dev/null'],
    { env: plain, stdio: ['pipe', 'pipe', 'ignore'] },
  );
  let daemon: ChildProcess | null = null;
  onTestFinished(async () => {
    const ended = once(bus, 'exit');
    daemon?.kill('SIGKILL');
    bus.stdin.end();
    await ended;
    rmSync(directory, { recursive: true, force: true });
  });
  const [address] = await once(bus.stdout, 'data');
  const env = { ...plain, DBUS_SESSION_BUS_ADDRESS: String(address).trim() };
  const run = (program: string, ...args: string[]): string =>
    spawnSync(program, args, { env, encoding: 'utf8', timeout: 10_000 }).stdout;
  const send = (to: string, ...rest: string[]) =>
    run('dbus-send', '--session', '--print-reply', `--dest=${to}`, ...rest);
  const started = spawn(
    'gnome-keyring-daemon',
    ['--foreground', '--unlock', '--components=secrets'],
    {
      env,
      stdio: ['pipe', 'ignore', 'ignore'],
    },
  );
  daemon = started;
  started.stdin.end(PASSWORD);
  // Not by asking it: the bus would start another one, which is locked.
  await until(() =>
    send(
      'org.freedesktop.DBus',
      '/org/freedesktop/DBus',
      ...['org.freedesktop.DBus.NameHasOwner', `string:${SERVICE}`],
    ).includes('true'),
  );
  const isLocked = () =>
    send(
      SERVICE,
      ...[COLLECTION, 'org.freedesktop.DBus.Properties.Get'],
      ...['string:org.freedesktop.Secret.Collection', 'string:Locked'],
    ).includes('true');
  await until(() => !isLocked());
  return {
    env,
    lock: () => {
      const lock = 'org.freedesktop.Secret.Service.Lock';
      send(SERVICE, '/org/freedesktop/secrets', lock, `array:objpath:${COLLECTION}`);
      if (!isLocked()) {
        throw new Error('it cannot be locked');
      }
    },
    unlock: async () => {
      await unlockAsPamDoes(join(runtime, 'keyring/control'));
      await until(() => !isLocked());
    },
    signal: async (signal) => {
      const ended = signal === 'SIGKILL' ? once(started, 'exit') : null;
      started.kill(signal);
      await ended;
    },
    entries: () =>
      run('secret-tool', 'search', '--all', 'service', 'tokenctl')
        .split(/^\[\//m)
        .slice(1)
        .map((entry) => ({
          slot: /^label = tokenctl\/(.*)$/m.exec(entry)?.[1] ?? '',
          secret: /^secret = (.*)$/m.exec(entry)?.[1] ?? '',
        })),
  };
};

const until = async (holds: () => boolean): Promise<void> => {
  for (let tries = 0; !holds(); tries += 1) {
    if (tries === 200) {
      throw new Error('the keyring does not do as it should');
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

/** A byte for the credentials; then lengths and words, of which the first says: unlock (pam/gkr-pam-client.c). */
const unlockAsPamDoes = async (path: string): Promise<void> => {
  const password = Buffer.from(PASSWORD);
  const packet = Buffer.concat([Buffer.alloc(13), password]);
  [12 + password.length, 1, password.length].forEach((word, nth) => {
    packet.writeUInt32BE(word, 1 + 4 * nth);
  });
  const socket = connect(path);
  await once(socket, 'connect');
  socket.write(packet.subarray(0, 1), () => socket.write(packet.subarray(1)));
  await once(socket, 'data');
  socket.destroy();
};
