import { printable, TokenctlError } from '../errors.ts';
import { isDebugMode } from './debug-mode.ts';
import { EXIT_CODES, EXIT_UNFORESEEN } from './exit-codes.ts';
import { say } from './io.ts';

/** Says on stderr, in one line, what went wrong, to which login, and what mends it. Gives the exit code. */
export const reportError = (error: unknown, json: boolean): number => {
  if (error instanceof TokenctlError) {
    if (isDebugMode() && error.cause instanceof Error) {
      say(`tokenctl: debug: caused by ${printable(String(error.cause))}\n`);
    }
    say(`${json ? asJson(error) : asLine(error)}\n`);
    return EXIT_CODES[error.code];
  }
  const message = error instanceof Error ? error.message : 'unknown error';
  const bug = `internal error: ${printable(message)}`;
  say(
    json
      ? `${JSON.stringify({ error: { code: 'internal', message: bug, login: null, hint: null } })}\n`
      : `tokenctl: ${bug}\n`,
  );
  if (isDebugMode() && error instanceof Error) {
    say(`${error.stack}\n`);
  }
  return EXIT_UNFORESEEN;
};

/**
 * The same for what nobody caught. Node.js would print all of an error's members as well, and an HTTP
 * parser's error has raw bytes of the answer among them.
 */
export const reportUncaught = (report: (error: unknown) => number): void => {
  process.on('uncaughtException', (error) => process.exit(report(error)));
};

/** Says on stderr what a person should know although all went well. */
export const reportWarnings = (login: string, warnings: readonly string[]): void => {
  for (const warning of warnings) {
    say(`tokenctl: ${login}: warning: ${printable(warning, 400)}\n`);
  }
};

export const asLine = ({ message, login, hint }: TokenctlError): string => {
  const about = login === undefined ? '' : `${login}: `;
  const mend = hint === undefined ? '' : ` (${printable(hint, 600)})`;
  return `tokenctl: ${about}${printable(message, 600)}${mend}`;
};

const asJson = ({ code, message, login, hint }: TokenctlError): string =>
  JSON.stringify({
    error: {
      code,
      message: printable(message, 600),
      login: login ?? null,
      hint: hint === undefined ? null : printable(hint, 600),
    },
  });
