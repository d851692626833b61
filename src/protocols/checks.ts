import { TokenctlError } from '../errors.ts';
import type { Grant } from './protocol.ts';

/** A request that is not one. What is wrong with it is said, never what is in it. */
export const malformed = (problem: string): never => {
  throw new TokenctlError('usage', `the request is not understood: ${problem}`);
};

/** Carriage return, line feed and NUL end a value in somebody's reading: CVE-2020-5260, CVE-2024-52006. */
export const breaksLines = (text: string): boolean => /[\r\n\0]/.test(text);

/** @throws {TokenctlError} `refused` if what it has would be read as something else, or is of no use alone */
export const requirePlain = (grant: Grant): Grant => {
  if (breaksLines(grant.username) || breaksLines(grant.token.reveal())) {
    throw new TokenctlError('refused', 'the user name or token has a line break in it');
  }
  if (grant.tokenType.toLowerCase() !== 'bearer') {
    throw new TokenctlError(
      'refused',
      `the access token is of type ${grant.tokenType}: alone it is of no use`,
    );
  }
  return grant;
};

export type Members = Readonly<Record<string, unknown>>;

export const parseObject = (text: string): Members => {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : malformed('not a JSON object');
  } catch {
    return malformed('not a JSON object');
  }
};

export const isObject = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** An own member: `__proto__` and the like are nothing. */
export const member = (object: unknown, name: string): unknown =>
  isObject(object) && Object.hasOwn(object, name) ? object[name] : undefined;

export const epochSeconds = (date: Date): number => Math.floor(date.getTime() / 1000);
