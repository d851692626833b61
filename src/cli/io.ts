import { errnoOf, TokenctlError } from '../errors.ts';
import { EXIT_SIGPIPE } from './exit-codes.ts';

/** The login that the last thing printed is about. */
let subject: string | undefined;

/** Writes the answer to stdout and waits until it is out. */
export const print = (text: string, login?: string): Promise<void> =>
  new Promise((resolve) => {
    subject = login;
    process.stdout.write(text, (error) => {
      if (error == null) {
        resolve();
      }
      // Otherwise the listener below ends the process.
    });
  });

/** Waits until all is out. Asks for nothing to be written where nothing is waiting: that can fail too. */
export const flush = (): Promise<void> =>
  process.stdout.writableLength === 0 ? Promise.resolve() : print('', subject);

let isStderrWatched = false;

/** Writes to stderr: talk, never the answer. That nobody can hear it is no fault. */
export const say = (text: string): void => {
  if (!isStderrWatched) {
    isStderrWatched = true;
    process.stderr.on('error', () => {});
  }
  process.stderr.write(text);
};

/**
 * Ends the process when stdout breaks. A reader that went away (`tokenctl … | head -1`) is not a
 * fault to report; of any other, `report` gives the exit code.
 */
export const endWithStdout = (report: (error: TokenctlError) => number): void => {
  process.stdout.on('error', (error) => {
    const code = errnoOf(error);
    process.exit(
      code === 'EPIPE'
        ? EXIT_SIGPIPE
        : report(
            new TokenctlError('refused', `stdout cannot be written to (${code})`, {
              login: subject,
              hint: 'run it again with an output that can be written to',
            }),
          ),
    );
  });
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
