import { parse, TomlError } from 'smol-toml';
import { readConfigText } from './config-file.ts';
import { ConfigTable } from './config-table.ts';
import { printable, TokenctlError } from './errors.ts';
import { PLACES, type Place } from './kept.ts';
import { findConfigPath } from './paths.ts';
import { TomlPositions } from './toml-positions.ts';

/** What `config.toml` says, as far as it says anything for all commands. */
export interface Config {
  readonly path: string;
  readonly defaults: Defaults;
  /** Each `[providers.NAME]`, to be read by who knows what a provider is. */
  readonly providers: ConfigTable | undefined;
}

export interface Defaults {
  /** Where new logins are kept. */
  readonly store?: Place | undefined;
}

/**
 * Reads the configuration. Only for commands that set things up: a record is self-contained, and a get
 * asks nobody.
 *
 * @throws {TokenctlError} `refused`, with file, line and column
 */
export const readConfig = async (env: NodeJS.ProcessEnv = process.env): Promise<Config> => {
  const path = findConfigPath(env);
  const text = await readConfigText(path);
  return text === null ? { path, defaults: {}, providers: undefined } : parseConfig(text, path);
};

export const parseConfig = (text: string, path: string): Config => {
  const members = parseToml(text, path);
  let positions: TomlPositions | null = null;
  const root = new ConfigTable(members, [], (key) => {
    positions ??= new TomlPositions(text);
    const { line, column } = positions.find(key);
    return `${path}:${line}:${column}`;
  });
  const table = root.table('defaults');
  const defaults = table === undefined ? {} : { store: table.oneOf('store', PLACES) };
  table?.end();
  const providers = root.table('providers');
  root.end();
  return { path, defaults, providers };
};

const parseToml = (text: string, path: string): Readonly<Record<string, unknown>> => {
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof TomlError) {
      // What follows the first line repeats the source, and a secret may be in there.
      const [message = ''] = error.message.split('\n');
      const what = printable(message.replace(/^Invalid TOML document: /, ''));
      throw new TokenctlError('refused', `${path}:${error.line}:${error.column}: ${what}`, {
        hint: 'https://toml.io/en/v1.0.0',
      });
    }
    throw error;
  }
};
