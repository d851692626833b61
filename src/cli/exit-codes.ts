import type { ErrorCode } from '../errors.ts';

/** Exit codes by error code; what each means to a script is in README. */
export const EXIT_CODES: Readonly<Record<ErrorCode, number>> = {
  usage: 2,
  no_such_login: 3,
  login_required: 4,
  unavailable: 5,
  refused: 6,
  paused: 7,
  not_saved: 8,
};

/** A bug, or something unforeseen. */
export const EXIT_UNFORESEEN = 1;

/** What a shell reports of a process that SIGPIPE ended (128 + 13): whoever read our output went away. */
export const EXIT_SIGPIPE = 141;

/**
 * Of the commands that run another program (`wrapping.ts`), as of env(1) and timeout(1): our own
 * failure, whatever it is; a program that cannot be executed; one that is not found.
 */
export const EXIT_OWN_FAILURE = 125;
export const EXIT_NOT_EXECUTABLE = 126;
export const EXIT_NOT_FOUND = 127;
