import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

/** Whether a shell would find this program. Of PATH only what does not depend on the current directory. */
export const isOnPath = (name: string, env: NodeJS.ProcessEnv): boolean =>
  (env.PATH ?? '')
    .split(delimiter)
    .filter(isAbsolute)
    .some((directory) => SUFFIXES.some((suffix) => isProgram(join(directory, `${name}${suffix}`))));

/** The bare name where it is found, which survives an update that moves the program. */
export const commandFor = (
  name: string,
  { env, program }: { env: NodeJS.ProcessEnv; program: (name: string) => string },
): string => (isOnPath(name, env) ? name : program(name));

/** One word for sh, whatever is in it. */
export const shellWord = (text: string): string =>
  /^[\w./@%+=:,-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

const SUFFIXES = process.platform === 'win32' ? ['.exe', '.cmd'] : [''];

const isProgram = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
};
