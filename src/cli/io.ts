import { TokenctlError } from '../errors.ts';
import { EXIT_SIGPIPE, EXIT_UNFORESEEN } from './exit-codes.ts';

/** Writes the answer to stdout and waits until it is out. */
export const print = (text: string): Promise<void> =>
  new Promise((resolve) => {
    process.stdout.write(text, (error) => {
      if (error == null) {
        resolve();
      }
      // Otherwise the listener below ends the process.
    });
  });

/** Writes to stderr: talk, never the answer. */
export const say = (text: string): void => {
  process.stderr.write(text);
};

/** A reader that went away (`tokenctl … | head -1`) is not a fault to report. */
export const endQuietlyOnBrokenPipe = (): void => {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') {
      process.exit(EXIT_SIGPIPE);
    }
    say(`tokenctl: stdout cannot be written to (${error.code})\n`);
    process.exit(EXIT_UNFORESEEN);
  });
  process.stderr.on('error', () => {});
};

/** A token response of some tokens; a file given by mistake stops here. */
const MAX_STDIN_BYTES = 1024 * 1024;

/** All of stdin as text. @throws {TokenctlError} `usage` if it is larger than any answer of a provider. */
export const readStdin = async (prompt: string): Promise<string> => {
  if (process.stdin.isTTY) {
    say(`${prompt}, then Ctrl-D:\n`);
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin) {
    size += (chunk as Buffer).length;
    if (size > MAX_STDIN_BYTES) {
      process.stdin.destroy();
      throw new TokenctlError('usage', 'stdin is larger than 1 MiB');
    }
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
};

/** Whether to colour what goes to this stream (https://no-color.org, https://force-color.org). */
export const wantsColor = (stream: { isTTY?: boolean }): boolean => {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (NO_COLOR !== undefined && NO_COLOR !== '') {
    return false;
  }
  if (FORCE_COLOR !== undefined && FORCE_COLOR !== '') {
    return FORCE_COLOR !== '0';
  }
  return stream.isTTY === true && TERM !== 'dumb';
};
