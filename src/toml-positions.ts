/**
 * Where each key of a TOML document stands, and each item of a list. Only for documents that a parser has accepted: what is
 * looked for here is where things end, not whether they are right.
 */
export class TomlPositions {
  readonly #text: string;
  readonly #offsets = new Map<string, number>();
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    let table: readonly string[] = [];
    for (this.#skipBlank(); this.#at < text.length; this.#skipBlank()) {
      if (this.#peek() === '[') {
        this.#skip(/\[+/y);
        table = this.#keys([]);
        this.#skip(/[\s\]]*/y);
      } else {
        this.#pair(table);
      }
    }
  }

  /** Line and column, from 1, of the key or item at this path, or of the nearest one above it that is there. */
  find(path: readonly string[]): { line: number; column: number } {
    const offset =
      path.length === 0 ? 0 : (this.#offsets.get(nameOf(path)) ?? this.#offsetAbove(path));
    const before = this.#text.slice(0, offset).split('\n');
    return { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
  }

  #offsetAbove(path: readonly string[]): number {
    const above = path.slice(0, -1);
    return this.#offsets.get(nameOf(above)) ?? (above.length === 0 ? 0 : this.#offsetAbove(above));
  }

  #pair(table: readonly string[]): void {
    const path = this.#keys(table);
    this.#skip(/\s*=/y);
    this.#value(path);
  }

  /** A dotted key. Each of its parts is a key of its own. */
  #keys(table: readonly string[]): readonly string[] {
    let path = table;
    do {
      this.#skip(/[ \t]*/y);
      const start = this.#at;
      path = [...path, this.#key()];
      const name = nameOf(path);
      if (!this.#offsets.has(name)) {
        this.#offsets.set(name, start);
      }
    } while (this.#skip(/[ \t]*\./y));
    return path;
  }

  #key(): string {
    const start = this.#at;
    if (this.#peek() === '"') {
      this.#skip(BASIC);
      return unescaped(this.#text.slice(start + 1, this.#at - 1));
    }
    if (this.#peek() === "'") {
      this.#skip(LITERAL);
      return this.#text.slice(start + 1, this.#at - 1);
    }
    // One character at least, so that nothing can be stuck here.
    this.#skip(/[A-Za-z0-9_-]+|[\s\S]/y);
    return this.#text.slice(start, this.#at);
  }

  #value(path: readonly string[]): void {
    this.#skipBlank();
    switch (this.#peek()) {
      case '[':
        this.#at += 1;
        this.#items(path);
        break;
      case '{':
        this.#at += 1;
        this.#until('}', () => this.#pair(path));
        break;
      default:
        this.#skip(STRING) || this.#skip(/[^,\]}\n#]*/y);
    }
  }

  /** Each by its number below the list. */
  #items(list: readonly string[]): void {
    let count = 0;
    this.#until(']', () => {
      const path = [...list, String(count)];
      this.#offsets.set(nameOf(path), this.#at);
      this.#value(path);
      count += 1;
    });
  }

  #until(end: string, item: () => void): void {
    for (this.#skipBlank(); this.#at < this.#text.length; this.#skipBlank()) {
      if (this.#skip(/,/y)) {
        continue;
      }
      if (this.#peek() === end) {
        this.#at += 1;
        return;
      }
      const before = this.#at;
      item();
      // Only what no parser has accepted.
      this.#at += this.#at === before ? 1 : 0;
    }
  }

  #skipBlank(): void {
    this.#skip(/(?:\s|#.*)*/y);
  }

  #peek(): string {
    return this.#text.charAt(this.#at);
  }

  /** Moves on if this is what comes next; false if it is not. */
  #skip(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    const [found = ''] = pattern.exec(this.#text) ?? [];
    this.#at += found.length;
    return found !== '';
  }
}

const BASIC = /"(?:[^"\\]|\\[\s\S])*"/y;
const LITERAL = /'[^']*'/y;
/** Of several lines first: up to two quotes may stand right before the three that end it. */
const STRING =
  /"""(?:[^"\\]|\\[\s\S]|"{1,2}(?!"))*"{3,5}|'''(?:[^']|'{1,2}(?!'))*'{3,5}|"(?:[^"\\]|\\[\s\S])*"|'[^']*'/y;

const nameOf = (path: readonly string[]): string => JSON.stringify(path);

/** JSON's escapes, and TOML's \U, \e and \x. */
const unescaped = (text: string): string =>
  text.replace(
    /\\(?:U([0-9a-fA-F]{8})|u([0-9a-fA-F]{4})|x([0-9a-fA-F]{2})|([\s\S]))/g,
    (_, ...found) => {
      const [long, short, byte, char] = found as (string | undefined)[];
      const hex = long ?? short ?? byte;
      return hex === undefined
        ? (ESCAPES[char ?? ''] ?? char ?? '')
        : String.fromCodePoint(Number.parseInt(hex, 16));
    },
  );

const ESCAPES: Readonly<Record<string, string>> = {
  ...{ b: '\b', t: '\t', n: '\n', f: '\f', r: '\r', e: '\u001b' },
};
