import { constants } from 'node:fs';
import { open, readdir } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { errnoOf, printable, TokenctlError } from '../errors.ts';
import { applicationDefault } from '../import/application-default.ts';
import { type Choice, choose } from '../import/choose.ts';
import type { Codec, Found } from '../import/found.ts';
import { ghHosts } from '../import/gh-hosts.ts';
import { gitCredentials } from '../import/git-credentials.ts';
import { msalCache } from '../import/msal-cache.ts';
import { oauth2Token } from '../import/oauth2-token.ts';
import { ssoCache } from '../import/sso-cache.ts';
import { type Tool, type ToolName, tools, type Whose } from '../providers/tools.ts';
import { readStdin } from './io.ts';

export interface FromOptions extends Choice {
  readonly provider?: string | undefined;
  readonly tokenEndpoint?: string | undefined;
}

export interface TakenFrom {
  /** What `import` takes. */
  readonly members: Readonly<Record<string, unknown>>;
  /** What was found, without a value of it, and what to do about its other owner. */
  readonly said: string;
  readonly retire: string;
}

const CODECS: Readonly<Record<ToolName, Codec>> = {
  gh: ghHosts,
  adc: applicationDefault,
  'oauth2-token': oauth2Token,
  msal: msalCache,
  'aws-sso': ssoCache,
  'git-credentials': gitCredentials,
};

export const KINDS = Object.keys(CODECS);

/** Takes one login out of a file of another program, which is only read. */
export const takeFrom = async (
  kind: string,
  file: string | undefined,
  options: FromOptions,
): Promise<TakenFrom> => {
  if (!isKind(kind)) {
    throw new TokenctlError('usage', '--from must be the name of a kind of file', {
      hint: `one of ${KINDS.join(', ')}`,
    });
  }
  const tool: Tool = tools[kind];
  const sources = await readSources(tool, file);
  const found = sources.flatMap(({ path, text }) =>
    CODECS[kind](text).map((each) => ({ ...each, path })),
  );
  const one = choose(found, options);
  const whose: Whose = { account: one.account, host: one.host, variables: variablesOf(one) };
  const members = {
    ...tool.members(whose),
    ...one.tokens,
    ...(options.provider !== undefined && { provider: options.provider }),
    ...(options.tokenEndpoint !== undefined && { token_endpoint: options.tokenEndpoint }),
    ...(options.clientId !== undefined && { client_id: options.clientId }),
  };
  return {
    members,
    said: `Found in ${printable(one.path)}: ${describe(one)}.`,
    retire: printable(tool.retire(safely(whose), one.path), 300),
  };
};

const isKind = (kind: string): kind is ToolName => Object.hasOwn(CODECS, kind);

const variablesOf = ({ tokens }: Found): Readonly<Record<string, string>> =>
  Object(tokens.variables) as Readonly<Record<string, string>>;

/** What came out of a file and goes into a command for people to copy. */
const safely = ({ account, host, variables }: Whose): Whose => ({
  account: account !== null && SAFE.test(account) ? account : null,
  host: host !== null && SAFE.test(host) ? host : 'HOST',
  variables,
});

const SAFE = /^[A-Za-z0-9][A-Za-z0-9._@:+-]{0,99}$/;

const describe = ({ account, host, tokens }: Found): string => {
  const kinds = [
    tokens.access_token !== undefined && 'an access token',
    tokens.refresh_token !== undefined && 'a refresh token',
    tokens.id_token !== undefined && 'an id token',
  ].filter((kind) => kind !== false);
  const of = account === null ? '' : ` of ${printable(account, 80)}`;
  return `${kinds.join(' and ')}${of}${host === null ? '' : ` at ${printable(host, 80)}`}`;
};

const readSources = async (
  tool: Tool,
  file: string | undefined,
): Promise<{ path: string; text: string }[]> => {
  const path = file ?? tool.place(process.env, homedir()) ?? '-';
  if (path === '-') {
    return [{ path: 'stdin', text: await readStdin(`Paste ${tool.what}`) }];
  }
  // Something given that is no file may be a token that strayed there: it is not said back.
  const name = (each: string) => (file === undefined ? printable(each) : 'the FILE');
  const paths = file === undefined && tool.isDirectory ? await filesIn(path) : [path];
  return Promise.all(
    paths.map(async (each) => ({ path: each, text: await readText(each, name(each)) })),
  );
};

const MAX_FILES = 100;

const filesIn = async (directory: string): Promise<string[]> => {
  try {
    const names = await readdir(directory);
    return names
      .filter((name) => name.endsWith('.json'))
      .sort()
      .slice(0, MAX_FILES)
      .map((name) => join(directory, name));
  } catch (error) {
    throw unreadable(printable(directory), error);
  }
};

const MAX_BYTES = 1024 * 1024;

const readText = async (path: string, name: string): Promise<string> => {
  try {
    const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      const stats = await file.stat();
      if (!stats.isFile() || stats.size > MAX_BYTES) {
        throw new TokenctlError('usage', `${name} is not a file of a sensible size`);
      }
      return await file.readFile('utf8');
    } finally {
      await file.close();
    }
  } catch (error) {
    throw error instanceof TokenctlError ? error : unreadable(name, error);
  }
};

const unreadable = (name: string, error: unknown): TokenctlError =>
  new TokenctlError('usage', `${name} cannot be read (${errnoOf(error) ?? 'unknown error'})`, {
    hint: 'say which FILE it is, or - for stdin',
  });
