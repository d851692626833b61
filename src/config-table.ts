import { abbreviated, TokenctlError } from './errors.ts';

/** A file's name and the place of a key in it, as compilers write it. */
export type Locate = (path: readonly string[]) => string;

/**
 * Takes members out of a table of the configuration, each checked. Errors say where, what is wrong and
 * what is allowed, and never repeat a value: a secret may have got in there.
 */
export class ConfigTable {
  readonly #members: Map<string, unknown>;
  readonly #known = new Set<string>();
  readonly #path: readonly string[];
  readonly #locate: Locate;

  constructor(members: Readonly<Record<string, unknown>>, path: readonly string[], locate: Locate) {
    this.#members = new Map(Object.entries(members));
    this.#path = path;
    this.#locate = locate;
  }

  names(): string[] {
    return [...this.#members.keys()];
  }

  has(name: string): boolean {
    return this.#members.has(name);
  }

  text(name: string): string | undefined {
    return this.#take(name, 'text on one line', isLine);
  }

  requiredText(name: string): string {
    return this.text(name) ?? this.fail(null, `${this.#nameOf(name)} is missing`);
  }

  texts(name: string): string[] | undefined {
    return this.#take(name, 'a list of texts', isLines);
  }

  /** One of these; what is nearly one of them is recognised. */
  oneOf<Value extends string>(name: string, values: readonly Value[]): Value | undefined {
    const value = this.#take(name, 'a text', isLine);
    return value === undefined ? undefined : this.#among(name, value, values);
  }

  listOf<Value extends string>(name: string, values: readonly Value[]): Value[] | undefined {
    return this.texts(name)?.map((value) => this.#among(name, value, values));
  }

  /** A table of texts, whatever their names. */
  textTable(name: string): Record<string, string> | undefined {
    return this.#take(name, 'a table of texts', isTextTable);
  }

  table(name: string): ConfigTable | undefined {
    const members = this.#take(name, 'a table', isTable);
    return members && new ConfigTable(members, [...this.#path, name], this.#locate);
  }

  /** What nobody has asked for is a slip, and a slip must not pass for a setting. */
  end(): void {
    const stray = this.names().find((name) => !this.#known.has(name));
    if (stray !== undefined) {
      const known = [...this.#known];
      this.fail(
        stray,
        `${this.#nameOf(stray)} is not known`,
        suggestion(stray, known) ?? listed(known),
      );
    }
  }

  /** A member, one item of its list, or with null the table itself is what is wrong. */
  fail(at: string | readonly [string, number] | null, what: string, hint?: string): never {
    const path = [...this.#path, ...[at ?? []].flat().map(String)];
    throw new TokenctlError('refused', `${this.#locate(path)}: ${what}`, { hint });
  }

  #among<Value extends string>(name: string, value: string, values: readonly Value[]): Value {
    return (
      values.find((known) => known === value) ??
      this.fail(
        name,
        `${this.#nameOf(name)} must be ${values.map((known) => JSON.stringify(known)).join(', ')}`,
        suggestion(value, values),
      )
    );
  }

  #take<Value>(
    name: string,
    what: string,
    is: (value: unknown) => value is Value,
  ): Value | undefined {
    this.#known.add(name);
    const value = this.#members.get(name);
    return value === undefined || is(value)
      ? value
      : this.fail(name, `${this.#nameOf(name)} must be ${what}`);
  }

  #nameOf(name: string): string {
    return [...this.#path, name].map(abbreviated).join('.');
  }
}

const isLine = (value: unknown): value is string =>
  typeof value === 'string' &&
  value !== '' &&
  value.length <= 4096 &&
  !/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u.test(value);

const isLines = (value: unknown): value is string[] => Array.isArray(value) && value.every(isLine);

const isTable = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);

const isTextTable = (value: unknown): value is Record<string, string> =>
  isTable(value) && Object.values(value).every(isLine);

const listed = (names: readonly string[]): string | undefined =>
  names.length === 0 ? undefined : `known: ${names.join(', ')}`;

/** What was probably meant; undefined if nothing is near. */
const suggestion = (word: string, known: readonly string[]): string | undefined => {
  const limit = word.length < 3 ? 1 : Math.max(2, Math.floor(word.length / 3));
  const [nearest] = known
    .map((candidate) => ({
      candidate,
      steps: distance(word.toLowerCase(), candidate.toLowerCase()),
    }))
    .filter(({ steps }) => steps <= limit)
    .toSorted((a, b) => a.steps - b.steps);
  return nearest && `did you mean ${nearest.candidate}?`;
};

const LONGEST_WORD = 64;

/** Levenshtein's: how many letters must be put in, left out or replaced. */
const distance = (a: string, b: string): number => {
  if (a.length > LONGEST_WORD) {
    return a.length;
  }
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (letter === b[j - 1] ? 0 : 1);
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, replaced));
    }
    row = next;
  }
  return row[b.length] ?? 0;
};
