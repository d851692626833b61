import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { errnoOf } from '../errors.ts';
import { afterRunning } from '../platform/running-time.ts';
import { Secret } from '../secret.ts';
import type { KeptFault } from './kept-fault.ts';

const MAX_BYTES = 64 * 1024;
const { O_RDONLY, O_NONBLOCK = 0 } = constants;

/**
 * What the secrets of an encrypted record are encrypted with: the first line of the file that
 * TOKENCTL_PASSPHRASE_FILE names, or of what TOKENCTL_KEY_COMMAND prints. Never the passphrase itself
 * in a variable or an argument, where others could see it.
 */
export const readPassphrase = async (
  env: NodeJS.ProcessEnv,
  limitMs: number,
): Promise<Secret | KeptFault> => {
  const { TOKENCTL_PASSPHRASE_FILE: file, TOKENCTL_KEY_COMMAND: command } = env;
  if (file) {
    return fromFile(file);
  }
  return command ? fromCommand(command, env, limitMs) : fault('absent', '');
};

const fromFile = async (path: string): Promise<Secret | KeptFault> => {
  try {
    const file = await open(path, O_RDONLY | O_NONBLOCK);
    try {
      const stats = await file.stat();
      if (!stats.isFile() || stats.size > MAX_BYTES) {
        return fault('absent', 'TOKENCTL_PASSPHRASE_FILE is no small regular file');
      }
      return firstLine(await file.readFile('utf8'), 'TOKENCTL_PASSPHRASE_FILE');
    } finally {
      await file.close();
    }
  } catch (error) {
    return fault('absent', `TOKENCTL_PASSPHRASE_FILE cannot be read: ${errnoOf(error)}`);
  }
};

/** Without a shell: the words as they stand, quotes hold them together, and nothing is expanded. */
const fromCommand = (
  command: string,
  env: NodeJS.ProcessEnv,
  limitMs: number,
): Promise<Secret | KeptFault> => {
  const [program = '', ...args] = wordsOf(command);
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      env,
      stdio: ['ignore', 'pipe', 'ignore'],
      windowsHide: true,
    });
    const chunks: Buffer[] = [];
    let size = 0;
    const cancel = afterRunning(limitMs, () => {
      end(fault('slow', `nothing within ${limitMs} ms`));
    });
    const end = (result: Secret | KeptFault) => {
      cancel();
      child.kill('SIGKILL');
      // What it started may hold the pipe open.
      child.stdout.destroy();
      resolve(result);
    };
    child.on('error', (error) => end(fault('absent', `TOKENCTL_KEY_COMMAND: ${errnoOf(error)}`)));
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_BYTES) {
        end(fault('absent', 'TOKENCTL_KEY_COMMAND prints more than any passphrase'));
        return;
      }
      chunks.push(chunk);
    });
    child.on('close', (code, signal) =>
      end(
        code === 0
          ? firstLine(Buffer.concat(chunks).toString('utf8'), 'TOKENCTL_KEY_COMMAND')
          : fault('absent', `TOKENCTL_KEY_COMMAND failed: ${signal ?? `exit ${code}`}`),
      ),
    );
  });
};

const wordsOf = (command: string): string[] =>
  (command.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? []).map((word) =>
    word.replace(/"([^"]*)"|'([^']*)'/g, '$1$2'),
  );

const firstLine = (text: string, source: string): Secret | KeptFault => {
  const line = text.split(/\r?\n/, 1)[0] ?? '';
  return line === '' ? fault('absent', `${source} gives an empty passphrase`) : new Secret(line);
};

const fault = (kind: KeptFault['kind'], what: string): KeptFault => ({
  place: 'encrypted',
  kind,
  what,
});
