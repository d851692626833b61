import { abbreviated, TokenctlError } from '../errors.ts';
import { createSignalHold } from '../platform/signals.ts';
import type { Token } from '../token.ts';
import { endLike, startChild, untilSaved } from './child.ts';
import { inheritedStdio } from './child-stdio.ts';
import {
  bindVariables,
  requireDistinct,
  suggestedVariable,
  type Variable,
} from './child-variables.ts';
import { parseDuration } from './duration.ts';
import type { ExecArguments } from './exec-options.ts';
import { type FreshFile, keepFresh } from './fresh-files.ts';
import { asked, openLogin } from './manager.ts';
import { reportError, reportWarnings } from './report.ts';
import { createTokenFiles, sweepTokenFiles, type TokenFiles } from './token-files.ts';
import { usualVariable } from './usual-variable.ts';

/**
 * Runs a program with the tokens of these logins in its environment, or in files. All of them are there
 * before it starts, or it does not start. Ends as the program ends.
 *
 * @param fetched called with whether any of them had to be refreshed
 */
export const exec = async (
  names: readonly string[],
  options: ExecArguments,
  behind: readonly string[] | null,
  fetched: (refreshed: boolean) => void = () => {},
): Promise<void> => {
  const { command, args } = requireCommand(behind, names);
  const timeoutMs = parseDuration(options.timeout, '--timeout');
  const minTtlMs = options.minTtl === undefined ? 0 : parseDuration(options.minTtl, '--min-ttl');
  const variables = await withUsual(names, bindVariables(names, options));
  const logins = await fetchAll(names, minTtlMs, timeoutMs, options.json);
  fetched(logins.some(({ token }) => token.refreshed));

  const inFiles = logins.filter(({ login }) => isInFile(login, variables));
  const { files, ended } = await uninterrupted(async () => {
    const files = inFiles.length === 0 ? null : await putInFiles(inFiles);
    const env = childEnvironment(variables, logins, files);
    return { files, ended: startChild(command, args, { env, stdio: inheritedStdio(args) }).ended };
  });
  const fresh = files === null ? null : keepFresh(files, inFiles, timeoutMs);
  sweepTokenFiles(process.env);
  const ending = await ended;
  fresh?.stop();
  files?.remove();
  await untilSaved();
  await endLike(ending, options.json);
};

/** A signal that comes between a file and the program it is for goes to the program: none ends us there. */
const uninterrupted = async <T>(start: () => Promise<T>): Promise<T> => {
  const signals = createSignalHold();
  signals.hold();
  try {
    return await start();
  } finally {
    await signals.release();
  }
};

const requireCommand = (
  behind: readonly string[] | null,
  names: readonly string[],
): { command: string; args: readonly string[] } => {
  const [command, ...args] = behind ?? [];
  if (command === undefined || command === '') {
    throw new TokenctlError('usage', 'the program to run is missing: it comes behind --', {
      hint: `tokenctl exec ${names.map(abbreviated)[0]} -- PROGRAM …`,
    });
  }
  return { command, args };
};

/** A login that nothing is said of goes where its provider's own tools look. */
const withUsual = async (
  names: readonly string[],
  said: readonly Variable[],
): Promise<Variable[]> => {
  const others = names.filter((name) => !said.some(({ login }) => login === name));
  const usual = await Promise.all(
    others.map(async (login): Promise<Variable> => {
      const variable = await usualVariable(login);
      if (variable === null) {
        const name = names.length === 1 ? '' : `${login}=`;
        throw new TokenctlError('usage', 'there is no usual variable for its token', {
          login,
          hint: `say which: --env ${name}${suggestedVariable(login)}`,
        });
      }
      return { login, variable, as: 'token' };
    }),
  );
  return requireDistinct([...said, ...usual]);
};

/** All at once. What went wrong is said of every one, and the last of it thrown. */
const fetchAll = async (
  names: readonly string[],
  minTtlMs: number,
  timeoutMs: number,
  json = false,
): Promise<FreshFile[]> => {
  const settled = await Promise.allSettled(
    names.map(async (login): Promise<FreshFile> => {
      const { manager } = openLogin(login);
      const token = await manager.getValidToken({ asked: asked(), minTtlMs, timeoutMs });
      return { login, manager, token };
    }),
  );
  const failures = settled.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
  if (failures.length > 0) {
    for (const failure of failures.slice(0, -1)) {
      reportError(failure, json);
    }
    throw failures.at(-1);
  }
  const logins = settled.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
  for (const { token } of logins) {
    reportWarnings(token.login, [...token.warnings, ...unsaved(token)]);
  }
  return logins;
};

/** The token is good, so the program gets it; who wants the next one must act. */
const unsaved = ({ saved, lifeboat, login }: Token): string[] =>
  saved
    ? []
    : [
        lifeboat === null
          ? `a new token was issued and could not be saved; when it has expired: tokenctl login ${login}`
          : `a new token was issued and is saved in '${lifeboat}' until the store is writable again`,
      ];

const isInFile = (name: string, variables: readonly Variable[]): boolean =>
  variables.some(({ login, as }) => login === name && as === 'path');

const putInFiles = async (logins: readonly FreshFile[]): Promise<TokenFiles> => {
  const files = await createTokenFiles(process.env);
  // However this ends, short of SIGKILL.
  process.once('exit', files.remove);
  try {
    for (const { login, token } of logins) {
      await files.write(login, token.accessToken);
    }
  } catch (error) {
    // A signal that was held ends us before the exit.
    files.remove();
    throw error;
  }
  return files;
};

const childEnvironment = (
  variables: readonly Variable[],
  logins: readonly FreshFile[],
  files: TokenFiles | null,
): NodeJS.ProcessEnv => {
  // The launcher's, for one process of ours.
  const { TOKENCTL_HERD: _, ...env } = process.env;
  for (const { login, variable, as } of variables) {
    const token = logins.find((each) => each.login === login)?.token.accessToken;
    env[variable] = as === 'path' ? files?.pathOf(login) : token?.reveal();
  }
  return env;
};
