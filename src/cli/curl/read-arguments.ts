import { abbreviated, TokenctlError } from '../../errors.ts';
import { CURL_OPTIONS, SHORT_NAMES, takesValue, WHY_NOT } from './options.ts';

/** One option as curl will get it, by its long name. */
export type Given = readonly [name: string, value: string | null];

/**
 * Arguments for curl, read as curl reads them; nothing that is not known passes. They are given to curl by
 * their long names one by one, so that it cannot read them in another way.
 *
 * @throws {TokenctlError} `usage`
 */
export const readCurlArguments = (args: readonly string[]): Given[] => {
  const given: Given[] = [];
  for (let index = 0; index < args.length; index += 1) {
    const arg = args[index] ?? '';
    if (!arg.startsWith('-') || arg === '-' || arg === '--') {
      throw refused(arg, 'one address at a time, before the --');
    }
    const found = arg.startsWith('--') ? [[arg.slice(2), null] as const] : readCluster(arg);
    for (const [name, attached] of found) {
      const kind = kindOf(name, arg);
      if (!takesValue(kind)) {
        given.push([name, null]);
        continue;
      }
      const value = attached ?? args[index + 1];
      if (value === undefined) {
        throw refused(`--${name}`, 'its value is missing');
      }
      index += attached === null ? 1 : 0;
      given.push([name, checked(name, value)]);
    }
  }
  return given;
};

/** `-sSo-`: flags, and at most one with a value, which may be attached. */
const readCluster = (arg: string): (readonly [name: string, attached: string | null])[] => {
  const found: (readonly [string, string | null])[] = [];
  for (let at = 1; at < arg.length; at += 1) {
    const letter = arg[at] ?? '';
    const name = SHORT_NAMES.get(letter) ?? letter;
    const rest = arg.slice(at + 1);
    if (takesValue(kindOf(name, `-${letter}`))) {
      return [...found, [name, rest === '' ? null : rest]];
    }
    found.push([name, null]);
  }
  return found;
};

const kindOf = (name: string, arg: string) => {
  // Not a shortened one either: which it stands for depends on curl's version.
  const [kind] = Object.hasOwn(CURL_OPTIONS, name) ? (CURL_OPTIONS[name] ?? []) : [];
  if (kind === undefined) {
    throw refused(
      arg,
      Object.hasOwn(WHY_NOT, name)
        ? WHY_NOT[name]
        : 'not one that tokenctl knows by its whole name',
    );
  }
  return kind;
};

const checked = (name: string, value: string): string => {
  const kind = kindOf(name, `--${name}`);
  const isBody = kind === 'data' || kind === 'form' || kind === 'text' || name === 'write-out';
  if (!isBody && /[\x00-\x1f\x7f]/.test(value)) {
    // curl sends a line break in a header, a method or an agent as it is: the rest would be of another header.
    throw refused(`--${name}`, 'a control character in its value');
  }
  if (name === 'request' && !METHOD.test(value)) {
    throw refused('--request', 'its value is no method');
  }
  if (name === 'header') {
    requirePlainHeader(value);
  }
  return value;
};

/** A token of RFC 9110 section 5.6.2, as names of methods and headers are. */
const METHOD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const HEADER = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)[ \t]*[:;]/;

const requirePlainHeader = (header: string): void => {
  const [, name] = HEADER.exec(header) ?? [];
  if (name === undefined) {
    throw refused('--header', 'its value is not NAME: VALUE');
  }
  if (/^(authorization|dpop)$/i.test(name)) {
    throw refused('--header', `${name} is set by tokenctl`);
  }
  if (/^host$/i.test(name)) {
    // A front that serves many hosts would give the request, and the token with it, to another one.
    throw refused('--header', 'Host says nothing but what the address says');
  }
};

const refused = (arg: string, why: string | undefined): TokenctlError =>
  new TokenctlError('usage', `curl is not run with '${abbreviated(arg)}': ${why}`, {
    hint: 'tokenctl curl --help',
  });
