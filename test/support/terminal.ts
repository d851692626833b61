import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Home, TOKENCTL } from './tokenctl.ts';

/** script(1) of util-linux gives a program a terminal of its own. */
export const hasTerminals = (): boolean => {
  const { stdout } = spawnSync('script', ['--version'], { encoding: 'utf8' });
  return (stdout ?? '').includes('util-linux');
};

export interface Terminal {
  /** Presses keys: `\x03` is Ctrl-C, `\x1a` is Ctrl-Z. */
  readonly type: (keys: string) => void;
  /** All that has been shown so far. */
  readonly shown: () => string;
  /** Resolves when this has been shown. */
  readonly shows: (text: RegExp) => Promise<void>;
  /** Takes the terminal away, as closing its window does. */
  readonly close: () => void;
  readonly ended: Promise<unknown>;
}

/** Runs a shell script in a terminal of its own, with the command as "$@". */
export const openTerminal = ({ home }: Home, script: string): Terminal => {
  const file = join(home, 'script.sh');
  writeFileSync(file, script);
  const command = ['exec', 'sh', ...[file, ...TOKENCTL].map((word) => `'${word}'`)].join(' ');
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    env: { PATH: process.env.PATH, HOME: '/nonexistent', TOKENCTL_HOME: home, SHELL: '/bin/sh' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let shown = '';
  child.stdout.on('data', (chunk) => {
    shown += chunk;
  });
  const ended = once(child, 'close');
  return {
    type: (keys) => child.stdin.write(keys),
    shown: () => shown,
    shows: async (text) => {
      while (!text.test(shown)) {
        const more = await Promise.race([once(child.stdout, 'data'), ended.then(() => null)]);
        if (more === null && !text.test(shown)) {
          throw new Error(`it ended and had shown only:\n${shown}`);
        }
      }
    },
    close: () => child.kill('SIGKILL'),
    ended,
  };
};
