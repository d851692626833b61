import { readSync } from 'node:fs';
import { errnoOf, TokenctlError } from '../errors.ts';
import type { Input } from '../protocols/protocol.ts';

/** The requests, one after the other: for `lines` one each, else a single one. */
export async function* readRequests(input: Input): AsyncGenerator<string> {
  if (input === 'nothing') {
    yield '';
  } else if (typeof input === 'object') {
    yield process.env[input.environment] ?? '';
  } else if (input === 'lines') {
    yield* readLines();
  } else {
    yield input === 'block' ? readStdin(/(^|\n)\n/) : readStdin(null);
  }
}

/** More than any request of any protocol; what is given by mistake stops here. */
const MAX_REQUEST_BYTES = 1024 * 1024;

/**
 * Stdin up to there, or to its end. At once: there is nothing else to do, and a stream with all that it
 * loads would be a third of what an answer costs.
 */
const readStdin = (end: RegExp | null): string => {
  const chunk = Buffer.alloc(65_536);
  let bytes = Buffer.alloc(0);
  for (;;) {
    const size = readSome(chunk);
    bytes = Buffer.concat([bytes, chunk.subarray(0, size)]);
    if (bytes.length > MAX_REQUEST_BYTES) {
      throw tooLarge();
    }
    const text = bytes.toString('utf8');
    const found = end?.exec(text) ?? null;
    if (size === 0 || found !== null) {
      return found === null ? text : text.slice(0, found.index);
    }
  }
};

const readSome = (into: Buffer): number => {
  for (;;) {
    try {
      return readSync(0, into);
    } catch (error) {
      switch (errnoOf(error)) {
        // On Windows, the end of a pipe.
        case 'EOF':
          return 0;
        // Somebody else's end of it does not block, and so ours does not.
        case 'EAGAIN':
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS);
          break;
        default:
          throw error;
      }
    }
  }
};

const PAUSE_MS = 5;

/** Each as soon as it is there: who asks waits for the answer before it asks again. */
async function* readLines(): AsyncGenerator<string> {
  // One decoder for all of it: a chunk may end within a character.
  process.stdin.setEncoding('utf8');
  let text = '';
  for await (const chunk of process.stdin) {
    text += chunk;
    if (Buffer.byteLength(text) > MAX_REQUEST_BYTES) {
      process.stdin.destroy();
      throw tooLarge();
    }
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    yield* lines;
  }
  if (text !== '') {
    yield text;
  }
}

const tooLarge = (): TokenctlError => new TokenctlError('usage', 'stdin is larger than 1 MiB');
