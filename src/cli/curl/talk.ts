import type { Readable } from 'node:stream';

/** What curl said on stderr. */
export interface Talk {
  /** All has been said. */
  readonly ended: Promise<void>;
  /** Says what was held back. */
  readonly release: () => void;
}

const OWN_ERROR = 'curl: (';

/**
 * Passes on what curl says, as it comes, without the secrets (`--verbose` shows what is sent). That a request
 * failed which may be sent once more (`curl: (22) …`) is held back until that is known.
 */
export const passTalk = (
  stderr: Readable,
  secrets: readonly string[],
  holds: boolean,
  say: (text: string) => void,
): Talk => {
  let pending = '';
  let held = '';
  let isHolding = holds;
  stderr.setEncoding('utf8');
  const pass = (text: string) => {
    if (text !== '') {
      say(text);
    }
  };
  const take = (isLast: boolean) => {
    const text = secrets.reduce((clean, secret) => clean.replaceAll(secret, '[redacted]'), pending);
    const keep = isLast ? 0 : unfinished(text, secrets, isHolding);
    pending = text.slice(text.length - keep);
    const ready = text.slice(0, text.length - keep);
    // It comes in pieces; after it there is nothing more.
    const error = held !== '' ? 0 : isHolding ? ready.search(/^curl: \(/m) : -1;
    pass(error === -1 ? ready : ready.slice(0, error));
    held += error === -1 ? '' : ready.slice(error);
  };
  const ended = new Promise<void>((resolve) => {
    stderr.on('data', (text: string) => {
      pending += text;
      take(false);
    });
    stderr.once('close', () => {
      take(true);
      resolve();
    });
  });
  return {
    ended,
    release: () => {
      isHolding = false;
      pass(held);
      held = '';
    },
  };
};

/** How much of the end may be the beginning of something that is not to be passed on. */
const unfinished = (text: string, secrets: readonly string[], isHolding: boolean): number =>
  Math.max(
    0,
    ...[...secrets, ...(isHolding ? [OWN_ERROR] : [])].map((whole) => {
      let length = Math.min(whole.length - 1, text.length);
      while (length > 0 && !text.endsWith(whole.slice(0, length))) {
        length -= 1;
      }
      return length;
    }),
  );
