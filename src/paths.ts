import { isAbsolute, join } from 'node:path';
import envPaths from 'env-paths';
import { LOGIN_NAME } from './credential.ts';
import { abbreviated, TokenctlError } from './errors.ts';

/** Where everything is kept. All absolute. */
export interface Paths {
  /** One record per login, their locks beside them. */
  readonly credentials: string;
  readonly audit: string;
  /** What has been seen of the records, kept apart from them. */
  readonly seen: string;
  /** What other programs were answered: `store/answers.ts`. */
  readonly answers: string;
  /** What setup wrote into the files of other programs, for the undo. */
  readonly setup: string;
}

/**
 * `TOKENCTL_HOME`, if set, holds everything; else the platform's own places (on Linux the XDG base
 * directories, on macOS ~/Library, on Windows %LOCALAPPDATA%).
 *
 * @throws {TokenctlError} `refused` if that gives a relative path: what is stored would depend on
 *   the current directory.
 */
export const findPaths = (env: NodeJS.ProcessEnv = process.env): Paths => {
  const home = env.TOKENCTL_HOME;
  if (home !== undefined) {
    requireAbsolute(home, 'TOKENCTL_HOME');
    return {
      credentials: join(home, 'credentials'),
      audit: join(home, 'audit.jsonl'),
      seen: join(home, 'seen'),
      answers: join(home, 'answers'),
      setup: join(home, 'setup.json'),
    };
  }
  const { data, log } = envPaths('tokenctl', { suffix: '' });
  requireAbsolute(data, 'the data directory (HOME, XDG_DATA_HOME)');
  requireAbsolute(log, 'the log directory (HOME, XDG_STATE_HOME)');
  return {
    credentials: join(data, 'credentials'),
    audit: join(log, 'audit.jsonl'),
    seen: join(log, 'seen'),
    answers: join(data, 'answers'),
    setup: join(log, 'setup.json'),
  };
};

/**
 * Where `config.toml` is, apart from {@link findPaths}: a get does not ask for it.
 *
 * @throws {TokenctlError} `refused` as above
 */
export const findConfigPath = (env: NodeJS.ProcessEnv = process.env): string => {
  const home = env.TOKENCTL_HOME;
  if (home !== undefined) {
    requireAbsolute(home, 'TOKENCTL_HOME');
    return join(home, 'config.toml');
  }
  const { config } = envPaths('tokenctl', { suffix: '' });
  requireAbsolute(config, 'the configuration directory (HOME, XDG_CONFIG_HOME)');
  return join(config, 'config.toml');
};

/** @throws {TokenctlError} `usage` unless the name is safe as a file name and cannot be an option or a path. */
export const requireLoginName = (name: string): string => {
  if (!LOGIN_NAME.test(name)) {
    throw new TokenctlError(
      'usage',
      `${JSON.stringify(abbreviated(name))} is not a login name (letters, digits and . _ @ -, at most 64, starting with a letter or digit)`,
    );
  }
  return name;
};

const requireAbsolute = (path: string, what: string): void => {
  if (!isAbsolute(path)) {
    throw new TokenctlError('refused', `${what} must be an absolute path`, {
      hint: 'set TOKENCTL_HOME to a directory of yours',
    });
  }
};
