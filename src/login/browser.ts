import { spawn } from 'node:child_process';
import { errnoOf, printable } from '../errors.ts';

/**
 * Starts a browser that outlives this process. `command` is the person's, `$BROWSER` the
 * environment's: commands separated by colons, each with `%s` for the address or without.
 *
 * @returns what went wrong, for people; null if something was started
 */
export const openBrowser = async (
  url: string,
  command: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<string | null> => {
  const commands =
    command === undefined ? (env.BROWSER?.split(':').filter(Boolean) ?? []) : [command];
  if (commands.length === 0) {
    return system(url);
  }
  let code: string | undefined;
  for (const each of commands) {
    code = await start(wordsOf(each), url, env);
    if (code === undefined) {
      return null;
    }
  }
  return `The browser (${printable(commands.join(':'), 80)}) could not be started: ${code}.`;
};

const system = async (url: string): Promise<string | null> => {
  try {
    const { default: open } = await import('open');
    const child = await open(url);
    child.on('error', () => {});
    child.unref();
    return null;
  } catch (error) {
    return `No browser could be started (${errnoOf(error) ?? 'unknown error'}): open the address yourself.`;
  }
};

/** Without a shell: nothing in the address can be taken for a command. */
const start = (
  [program = '', ...args]: readonly string[],
  url: string,
  env: NodeJS.ProcessEnv,
): Promise<string | undefined> =>
  new Promise((resolve) => {
    const withUrl = args.some((arg) => arg.includes('%s'))
      ? args.map((arg) => arg.replaceAll('%s', () => url))
      : [...args, url];
    const child = spawn(program, withUrl, { detached: true, stdio: 'ignore', env });
    child.once('error', (error) => resolve(errnoOf(error) ?? 'unknown error'));
    child.once('spawn', () => {
      child.unref();
      resolve(undefined);
    });
  });

/** Words as a shell separates them, with quotes for those that have spaces in them. */
const wordsOf = (command: string): string[] =>
  Array.from(
    command.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g),
    ([, double, single, plain]) => double ?? single ?? plain ?? '',
  );
