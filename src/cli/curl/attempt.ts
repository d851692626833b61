import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { type Child, type Ending, startChild } from '../child.ts';
import { placed } from '../child-stdio.ts';
import { say } from '../io.ts';
import { configText } from './config.ts';
import type { HeadsOutput } from './dump.ts';
import type { CurlRequest } from './request.ts';
import { isInterim, type ResponseHead, readHeads } from './response-head.ts';
import { passTalk } from './talk.ts';
import { openUnlinked } from './unlinked-file.ts';

/** One run of curl, of whose answer nothing has been shown yet. */
export interface Attempt {
  /** The headers that had come when it began to be shown, or all; the last one's status decides. */
  readonly heads: readonly ResponseHead[];
  /** Shows the answer, as it comes. */
  readonly pass: () => Promise<Ending>;
  /** Lets it run to its end, unseen. */
  readonly drop: () => Promise<Ending>;
}

export interface Sent {
  /** Sent with the request, `NAME: VALUE`. */
  readonly headers: readonly string[];
  /** Not to be shown by `--verbose`. */
  readonly secrets: readonly string[];
}

/** So much of interim answers is held back (`--include`) before all that comes is shown. */
const MAX_HELD_BYTES = 65_536;

export interface Run {
  readonly env: NodeJS.ProcessEnv;
  /** The request may be sent once more. */
  readonly holds: boolean;
  /** For the headers, if they are asked for. */
  readonly output: HeadsOutput;
}

export const startAttempt = async (
  request: CurlRequest,
  { headers, secrets }: Sent,
  { env, holds, output }: Run,
): Promise<Attempt> => {
  const dump = openUnlinked();
  const apart = request.readsStdin ? openUnlinked() : null;
  const ours = [dump, ...(apart === null ? [] : [apart])].map(({ descriptor }) => descriptor);
  const {
    stdio: [, , , ...others],
    numbers: [dumpNumber, configNumber],
  } = placed(request.args, ours);
  const dumpHeader = `/dev/fd/${dumpNumber}`;
  const toTerminal = process.stdout.isTTY === true;
  const config = configText(request, { headers, dumpHeader, toTerminal });
  apart?.write(config);
  const { process: child, ended }: Child = startChild(
    'curl',
    // Read to its end before anything else of what is asked for can read stdin.
    ['-q', '--config', apart === null ? '-' : `/dev/fd/${configNumber}`, ...request.args],
    {
      env,
      stdio: [apart === null ? 'pipe' : 'inherit', 'pipe', 'pipe', ...others],
    },
  );
  apart?.close();
  // Whether it has read it or not is seen by how it ends.
  child.stdin?.on('error', () => {}).end(config);
  const stdout = child.stdout as Readable;
  // When a program ends, Node.js throws away what nobody has shown any wish to read yet.
  stdout.on('readable', () => {});
  const talk = passTalk(child.stderr as Readable, secrets, holds, say);
  const closed = once(stdout, 'close');
  const heads = () => readHeads(dump.read().toString('latin1'));
  const done = async (): Promise<Ending> => {
    const ending = await ended;
    await Promise.all([closed, talk.ended]);
    dump.close();
    return ending;
  };
  const held = holds
    ? await holdBack(stdout, ended, () => isUndecided(heads(), request.follows))
    : [];
  let seen = heads();
  return {
    get heads() {
      return seen;
    },
    pass: async () => {
      talk.release();
      await output.write(dump.read);
      for (const chunk of held) {
        await write(process.stdout, chunk);
      }
      for await (const chunk of stdout) {
        await write(process.stdout, chunk as Buffer);
      }
      await ended;
      await output.write(dump.read);
      seen = heads();
      return done();
    },
    drop: async () => {
      for await (const _ of stdout) {
        // To its end, for the connection's sake and for what curl writes into files then.
      }
      return done();
    },
  };
};

const isUndecided = (heads: readonly ResponseHead[], follows: boolean): boolean => {
  const last = heads.at(-1);
  return last === undefined || isInterim(last, follows);
};

/** Waits until it is known what the answer is; gives what has come of it by then. */
const holdBack = async (
  stdout: Readable,
  ended: Promise<Ending>,
  isUndecided: () => boolean,
): Promise<Buffer[]> => {
  const held: Buffer[] = [];
  let size = 0;
  let isOver = false;
  const over = ended.then(() => {
    isOver = true;
  });
  for (;;) {
    await Promise.race([readable(stdout), over]);
    if (!isUndecided() || isOver || stdout.readableEnded || size > MAX_HELD_BYTES) {
      return held;
    }
    const chunk = stdout.read() as Buffer | null;
    if (chunk !== null) {
      held.push(chunk);
      size += chunk.length;
    }
  }
};

/** There is something to read, or there will be nothing more. */
const readable = (stdout: Readable): Promise<void> =>
  new Promise((resolve) => {
    const events = ['readable', 'end', 'close'];
    const done = () => {
      for (const event of events) {
        stdout.removeListener(event, done);
      }
      resolve();
    };
    for (const event of events) {
      stdout.on(event, done);
    }
  });

const write = (to: Writable, chunk: Buffer): Promise<void> =>
  new Promise((resolve) => {
    to.write(chunk, (error) => {
      if (error == null) {
        resolve();
      }
      // Otherwise io.ts ends the process.
    });
  });
