import { TokenctlError } from '../errors.ts';

/** One login that another program keeps. */
export interface Found {
  /** Whose it is, as that program calls them. */
  readonly account: string | null;
  readonly host: string | null;
  readonly clientId: string | null;
  /** Members as `import` takes them, as far as the file says. Values are secrets: nothing here is printed. */
  readonly tokens: Readonly<Record<string, unknown>>;
}

/** Reads a file of another program. Pure; anything may be in it. @throws {TokenctlError} `usage` */
export type Codec = (text: string) => readonly Found[];

export type Json = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** @throws {TokenctlError} `usage`; the parser's own message quotes the input, and that holds tokens */
export const parseJsonObject = (text: string): Json => {
  try {
    const value: unknown = JSON.parse(text.replace(/^\ufeff/, ''));
    if (isObject(value)) {
      return value;
    }
  } catch {
    // Said below.
  }
  throw unreadable('it is not a JSON object; if it is encrypted, nobody else can read it');
};

export const unreadable = (why: string): TokenctlError =>
  new TokenctlError('usage', `this is not what was expected: ${why}`);

/** A text that is there; a member of another kind is as good as none. */
export const textOf = (value: unknown): string | null =>
  typeof value === 'string' && value !== '' ? value : null;

/** Without what is absent, for `import` takes null for a mistake in some places. */
export const present = (members: Json): Json =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value != null));
