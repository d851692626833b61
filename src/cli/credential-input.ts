import { TokenctlError } from '../errors.ts';
import type { Input } from '../protocols/protocol.ts';

/** More than any request of any protocol; what is given by mistake stops here. */
const MAX_REQUEST_BYTES = 1024 * 1024;

/** The requests, one after the other: for `lines` one each, else a single one. */
export async function* readRequests(input: Input): AsyncGenerator<string> {
  if (input === 'nothing') {
    yield '';
  } else if (typeof input === 'object') {
    yield process.env[input.environment] ?? '';
  } else {
    yield* readStdinUpTo({ block: /(^|\n)\n/, lines: /\n/, all: null }[input], input === 'lines');
  }
}

async function* readStdinUpTo(end: RegExp | null, goOn: boolean): AsyncGenerator<string> {
  // One decoder for all of it: a chunk may end within a character.
  process.stdin.setEncoding('utf8');
  let text = '';
  for await (const chunk of process.stdin) {
    text += chunk;
    if (Buffer.byteLength(text) > MAX_REQUEST_BYTES) {
      process.stdin.destroy();
      throw new TokenctlError('usage', 'stdin is larger than 1 MiB');
    }
    for (let found = end?.exec(text); found != null; found = end?.exec(text)) {
      yield text.slice(0, found.index);
      if (!goOn) {
        process.stdin.destroy();
        return;
      }
      text = text.slice(found.index + found[0].length);
    }
  }
  if (!goOn || text !== '') {
    yield text;
  }
}
