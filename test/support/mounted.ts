import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { execa } from 'execa';
import type { SharedLogin } from './login.ts';

const BIN = resolve(import.meta.dirname, '../../bin/tokenctl.js');

/** Mounting takes a mount namespace of our own, and that takes root. */
export const canMount =
  process.platform === 'linux' &&
  process.geteuid?.() === 0 &&
  spawnSync('unshare', ['-m', 'true']).status === 0;

/** Lifeboats go where no mount of a test is. */
export const runtimeOf = ({ home }: SharedLogin): string => {
  const runtime = join(dirname(home), 'runtime');
  mkdirSync(runtime, { recursive: true, mode: 0o700 });
  return runtime;
};

/**
 * Runs a shell script in a mount namespace of its own, with $HOME_DIR, $RECORD and tokenctl as "$@".
 * `whileOut` is run in there as well, once, when the server has rotated and not answered yet.
 */
export const mounted = (login: SharedLogin, script: string, whileOut?: string) => {
  const env = {
    TOKENCTL_HOME: login.home,
    HOME_DIR: login.home,
    RECORD: login.recordPath('work'),
    XDG_RUNTIME_DIR: runtimeOf(login),
  };
  const running = execa('unshare', ['-m', 'sh', '-c', script, 'sh', process.execPath, BIN], {
    env,
    reject: false,
  });
  if (whileOut !== undefined) {
    const end = login.server.onRotated(async () => {
      end();
      await execa('nsenter', ['-t', `${running.pid}`, '-m', 'sh', '-ec', whileOut], { env });
    });
  }
  return running;
};

/** A tmpfs of this kind in the place of the home, with what was in it: elsewhere it would be a copy. */
export const onTmpfs = (options: string): string =>
  `rm -rf "$HOME_DIR.saved" && cp -a "$HOME_DIR" "$HOME_DIR.saved" &&
   mount -t tmpfs -o "mode=700,${options}" tmpfs "$HOME_DIR" &&
   cp -a "$HOME_DIR.saved/." "$HOME_DIR" && chmod 700 "$HOME_DIR/credentials"`;

/** Takes all the room there is; and gives it back. */
export const FILL = 'dd if=/dev/zero of="$HOME_DIR/rest" bs=1k 2>/dev/null || :';
export const EMPTY = 'rm "$HOME_DIR/rest"';
