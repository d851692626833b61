import { statSync } from 'node:fs';
import { join } from 'node:path';
import { TokenctlError } from '../../errors.ts';
import { isLoopbackHost } from '../../hosts/authority.ts';
import type { RequestAddress } from '../../hosts/request-target.ts';
import { CURL_OPTIONS } from './options.ts';
import type { Given } from './read-arguments.ts';

/** What curl is asked to do, as far as it matters for the token. */
export interface CurlRequest {
  readonly address: RequestAddress;
  /** For curl, in the user's order. */
  readonly args: readonly string[];
  readonly method: string;
  readonly follows: boolean;
  /** curl sends the request again on its own. */
  readonly repeats: boolean;
  /** Where the headers of the answer are to be written as well. */
  readonly dumpHeader: string | null;
  /** Where the body is written, if not to stdout. */
  readonly output: string | null;
  /** A part of the request comes from our own stdin. */
  readonly readsStdin: boolean;
  /** It can be sent a second time, and nothing of the first answer stays anywhere. */
  readonly repeatable: boolean;
  /** No proxy may be used. */
  readonly direct: boolean;
}

/** @throws {TokenctlError} `usage` */
export const curlRequest = (address: RequestAddress, given: readonly Given[]): CurlRequest => {
  const has = (name: string) => given.some(([each]) => each === name);
  const last = (name: string) => given.findLast(([each]) => each === name)?.[1] ?? null;
  const { protocol, host } = address.target;
  if (has('insecure') && !isLoopbackHost(host)) {
    throw usage('--insecure: nobody would know who gets the token', '--cacert FILE');
  }
  const unproven = protocol === 'http' || has('insecure');
  const diverting = given.find(([name]) => CURL_OPTIONS[name]?.[0] === 'diverts');
  if (unproven && diverting !== undefined) {
    throw usage(
      `--${diverting[0]}: without TLS nobody would know who gets the token`,
      'use it with an https address, and without --insecure',
    );
  }
  const sources = given.flatMap(sourcesOf);
  const uploads = has('upload-file');
  const sends = given.some(([name]) =>
    ['data', 'form', 'text'].includes(CURL_OPTIONS[name]?.[0] ?? ''),
  );
  return {
    address,
    args: given
      // The one is done here, the other would undo what is said in the configuration before it.
      .filter(([name]) => name !== 'dump-header' && !(unproven && name === 'noproxy'))
      .flatMap(([name, value]) => [`--${name}`, ...(value === null ? [] : [value])]),
    method:
      last('request') ??
      (has('head') ? 'HEAD' : uploads ? 'PUT' : sends && !has('get') ? 'POST' : 'GET'),
    follows: has('location'),
    repeats: has('retry'),
    dumpHeader: last('dump-header'),
    output: outputOf(address.url, given),
    readsStdin: sources.some(isStdin),
    // curl names the file itself, or goes on with what is in it.
    repeatable: sources.every(isRegularFile) && !has('remote-header-name') && !has('continue-at'),
    direct: unproven,
  };
};

const usage = (what: string, hint: string): TokenctlError =>
  new TokenctlError('usage', `curl is not run with ${what}`, { hint });

/** The files that a request is made of; `-` where it may be stdin. */
const sourcesOf = ([name, value]: Given): string[] => {
  const text = value ?? '';
  switch (name) {
    case 'upload-file':
      return [text === '.' ? '-' : text];
    case 'cookie':
      return text === '-' ? ['-'] : [];
    case 'form':
      return formSources(text);
    case 'data-urlencode': {
      const [, file] = /^[^=@]*@(.*)$/s.exec(text) ?? [];
      return file === undefined ? [] : [file];
    }
    default: {
      const reads = name === 'write-out' || CURL_OPTIONS[name]?.[0] === 'data';
      return reads && text.startsWith('@') ? [text.slice(1)] : [];
    }
  }
};

/** `NAME=@FILE[,FILE][;type=…]`, `NAME=<FILE`. */
const formSources = (text: string): string[] => {
  const [, files] = /^[^=]*=[@<]([^;]*)/s.exec(text) ?? [];
  if (files === undefined) {
    return [];
  }
  // What is quoted is not taken apart here.
  return files.includes('"') ? ['-'] : files.split(',').map((file) => file.trim());
};

const isStdin = (path: string): boolean =>
  /^(-|\/dev\/stdin|\/dev\/fd\/0|\/proc\/(self|thread-self)\/fd\/0)$/.test(path);

const isRegularFile = (path: string): boolean => {
  try {
    return !isStdin(path) && statSync(path).isFile();
  } catch {
    return false;
  }
};

/** The first that is named is the one of the first address. */
const outputOf = (url: string, given: readonly Given[]): string | null => {
  const [name, value] = given.find(([each]) => each === 'output' || each === 'remote-name') ?? [];
  const directory = given.findLast(([each]) => each === 'output-dir')?.[1] ?? '';
  const file =
    name === 'remote-name' ? (/([^/]*)(?:\?.*)?$/s.exec(new URL(url).pathname)?.[1] ?? '') : value;
  return name === undefined || file == null || file === '' || file === '-'
    ? null
    : join(directory, file);
};
