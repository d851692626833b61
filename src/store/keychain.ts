import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterRunning } from '../platform/running-time.ts';
import { ANSWER, type KeychainOutcome, type KeychainRequest } from './keychain-protocol.ts';

/** The platform's keychain, by way of a process that can be killed; see `keychain-child.ts`. */
export interface Keychain {
  read(slot: string, limitMs: number): Promise<KeychainOutcome>;
  write(slot: string, text: string, limitMs: number): Promise<KeychainOutcome>;
  remove(slot: string, limitMs: number): Promise<KeychainOutcome>;
  /** Ends the process behind it; another call starts another one. */
  close(): void;
}

/** @param program what is run; the one that was built beside this code, if absent. */
export const openKeychain = (env: NodeJS.ProcessEnv, program = builtProgram()): Keychain => {
  let helper: Helper | null = null;
  const ask = async (request: KeychainRequest, limitMs: number): Promise<KeychainOutcome> => {
    const current = helper ?? startHelper(env, program);
    helper = current;
    const outcome = await current.ask(request, limitMs);
    if (current.ended() && helper === current) {
      helper = null;
    }
    return outcome;
  };
  return {
    read: (slot, limitMs) => ask({ op: 'read', slot }, limitMs),
    write: (slot, text, limitMs) => ask({ op: 'write', slot, text }, limitMs),
    remove: (slot, limitMs) => ask({ op: 'remove', slot }, limitMs),
    close: () => {
      helper?.end();
      helper = null;
    },
  };
};

interface Helper {
  ask(request: KeychainRequest, limitMs: number): Promise<KeychainOutcome>;
  ended(): boolean;
  end(): void;
}

const startHelper = (env: NodeJS.ProcessEnv, program: string): Helper => {
  const child = spawn(process.execPath, [program], {
    env: plainEnvironment(env),
    // What the platform's libraries say on stderr is theirs.
    stdio: ['pipe', 'pipe', 'ignore'],
    // Ctrl-C on a terminal goes to a whole group, and must not end it between an answer and its saving.
    detached: process.platform !== 'win32',
    windowsHide: true,
  });
  let ended = false;
  let answered: ((outcome: KeychainOutcome) => void) | null = null;
  const settle = (outcome: KeychainOutcome) => {
    answered?.(outcome);
    answered = null;
  };
  const gone = (kind: 'absent' | 'denied', what: string) => {
    ended = true;
    settle({ kind, what });
  };
  child.on('error', () => gone('absent', 'its helper cannot be started'));
  // Nobody knows how far it got.
  child.on('close', () => gone('denied', 'its helper ended without an answer'));
  child.stdin.on('error', () => {});
  onLine(child.stdout, (line) => {
    if (line.startsWith(ANSWER)) {
      settle(JSON.parse(line.slice(ANSWER.length)) as KeychainOutcome);
    }
  });
  release(child);
  return {
    ask: (request, limitMs) =>
      new Promise((resolve) => {
        const cancel = afterRunning(limitMs, () => {
          ended = true;
          child.kill('SIGKILL');
          settle({ kind: 'slow', what: `no answer within ${limitMs} ms` });
        });
        answered = (outcome) => {
          cancel();
          resolve(outcome);
        };
        if (ended) {
          settle({ kind: 'denied', what: 'its helper ended without an answer' });
          return;
        }
        child.stdin.write(`${JSON.stringify(request)}\n`);
      }),
    ended: () => ended,
    end: () => child.stdin.end(),
  };
};

const onLine = (stream: Readable, take: (line: string) => void): void => {
  let rest = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    lines.forEach(take);
  });
};

/** It must keep nobody's program from ending; who waits for an answer has a timer running. */
const release = (child: ChildProcess): void => {
  child.unref();
  for (const stream of [child.stdin, child.stdout]) {
    (stream as { unref?: () => void } | null)?.unref?.();
  }
};

/** What would make Node.js load something else first, tell more, or start slower. */
const plainEnvironment = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv => {
  const { NODE_OPTIONS, NODE_DEBUG, NODE_EXTRA_CA_CERTS, NODE_V8_COVERAGE, ...plain } = env;
  return plain;
};

/** Beside the bundle, above its chunks, or, from the sources, where it is built to. */
const builtProgram = (): string => {
  const candidates = ['keychain.cjs', '../keychain.cjs', '../../dist/keychain.cjs'].map((path) =>
    fileURLToPath(new URL(path, THIS_FILE)),
  );
  return candidates.find((path) => existsSync(path)) ?? (candidates[0] as string);
};

/** A URL, or in the bundle of a plain get a path (build.js). */
const THIS_FILE = import.meta.url.startsWith('file:')
  ? import.meta.url
  : pathToFileURL(import.meta.url);
