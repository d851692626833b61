import type { TokenManager } from '../create-token-manager.ts';
import { printable, TokenctlError } from '../errors.ts';
import type { Secret } from '../secret.ts';
import type { Token } from '../token.ts';
import { say } from './io.ts';
import { asLine, reportWarnings } from './report.ts';
import type { TokenFiles } from './token-files.ts';

export interface FreshFile {
  readonly login: string;
  readonly manager: Pick<TokenManager, 'getValidToken' | 'peek'>;
  /** What is in the file already. */
  readonly token: Token;
}

/** A look is the reading of one small file; so long a token of before may stand in ours. */
const LOOK_MS = 1_000;
/** After a failure, doubled with each; a new token in the store ends it at once. */
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;

/**
 * Keeps these files fresh, whoever renews the tokens. The manager decides at each look what is due, by
 * its own clocks: a machine that slept, or a clock that was set, is noticed with the next one.
 */
export const keepFresh = (
  files: TokenFiles,
  held: readonly FreshFile[],
  timeoutMs: number,
): { stop: () => void } => {
  let stopped = false;
  const timers = new Set<NodeJS.Timeout>();
  const every = (look: () => Promise<void>) => {
    const timer = setTimeout(async () => {
      timers.delete(timer);
      await look();
      if (!stopped) {
        every(look);
      }
    }, LOOK_MS);
    timers.add(timer);
  };
  for (const file of held) {
    every(createLook(files, file, timeoutMs, () => stopped));
  }
  return {
    stop: () => {
      stopped = true;
      for (const timer of timers) {
        clearTimeout(timer);
      }
    },
  };
};

const createLook = (
  files: TokenFiles,
  { login, manager, token }: FreshFile,
  timeoutMs: number,
  isStopped: () => boolean,
): (() => Promise<void>) => {
  let written: Secret = token.accessToken;
  let pauseMs = 0;
  let nextMs = 0;
  const said = new Set<string>(token.warnings);
  const once = (what: string, tell: () => void) => {
    if (!said.has(what)) {
      said.add(what);
      tell();
    }
  };
  return async () => {
    if (performance.now() < nextMs && !(await isReplaced(manager, written))) {
      return;
    }
    try {
      const current = await manager.getValidToken({ timeoutMs });
      if (!current.accessToken.equals(written) && !isStopped()) {
        await files.write(login, current.accessToken);
        written = current.accessToken;
      }
      if (pauseMs > 0) {
        said.clear();
      }
      pauseMs = 0;
      nextMs = 0;
      const saved = current.saved ? [] : ['a new token was issued and could not be saved'];
      for (const warning of [...current.warnings, ...saved]) {
        once(warning, () => reportWarnings(login, [warning]));
      }
    } catch (error) {
      pauseMs = Math.min(LONGEST_PAUSE_MS, Math.max(FIRST_PAUSE_MS, pauseMs * 2));
      nextMs = performance.now() + pauseMs * (0.75 + Math.random() / 2);
      // By its code: a text may count minutes.
      const kind = error instanceof TokenctlError ? error.code : 'unforeseen';
      once(kind, () => say(`${lineOf(error, login)}; its file keeps the token of before\n`));
    }
  };
};

/** Somebody signed in, or renewed it. */
const isReplaced = async (manager: FreshFile['manager'], written: Secret): Promise<boolean> => {
  const held = await manager.peek().catch(() => null);
  return held !== null && !held.accessToken.equals(written);
};

const lineOf = (error: unknown, login: string): string =>
  error instanceof TokenctlError
    ? asLine(error)
    : `tokenctl: ${login}: ${printable(error instanceof Error ? error.message : 'unknown error')}`;
