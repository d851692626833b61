import type { Edit } from './edit.ts';

/** What setup writes into a file, as it is kept for the undo. Never a secret. */
export interface Want {
  /** What can be there only once: another want for the same slot takes its place. */
  readonly slot: string;
}

/**
 * How a tool's configuration is read and changed. Every change is checked: what the new text says must be
 * what the old one said and what is wanted, and nothing else.
 */
export interface Format<W extends Want = Want> {
  readonly encoding: 'utf8' | 'latin1';
  /** @throws {TokenctlError} `refused`, with nothing of what stands in it, if it is not one */
  parse(text: string): unknown;
  same(a: unknown, b: unknown): boolean;
  /** What is to be read where this is wanted. */
  apply(data: unknown, want: W): unknown;
  isDone(data: unknown, want: W): boolean;
  /** It is there, but something comes after it that keeps it from working as it is meant. */
  isOvertaken?(data: unknown, want: W): boolean;
  /** Ways to write it; the first that passes the check is taken. */
  edits(text: string, want: W): readonly Edit[];
  /**
   * The text without it, where the form in which it was written is gone: the tool itself may have written
   * the file anew. Null if what is there is not plainly ours.
   */
  remove(text: string, want: W, edit: Edit | undefined): Edit | null;
  /** Whether `after` says what `before` said, but for this. */
  isRemoval(before: string, after: string, want: W): boolean;
  /** The lines that a person would add. */
  byHand(want: W): string;
}

/** What is asked of a tool. */
export interface Asked {
  readonly hosts: readonly AskedHost[];
  /** Hosts were named, and are not just all that there are. */
  readonly isNamed: boolean;
  /** Given to the helper. */
  readonly login: string | undefined;
  readonly replace: boolean;
  readonly user: string | undefined;
  readonly registry: string | undefined;
  readonly index: string | undefined;
}

export interface AskedHost {
  /** `host[:port]` */
  readonly host: string;
  /** The scheme that a person gave. */
  readonly scheme: 'https' | 'http' | undefined;
  /** A login answers below a path of it only. */
  readonly hasPath: boolean;
}

export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  readonly home: string;
  /** The installed command, absolute; what starts it if it is not on PATH. */
  readonly program: (name: string) => string;
  /** What a configuration file says; the same as an empty one if there is none. */
  readonly read: (path: string) => unknown;
}

export interface Wiring<W extends Want = Want> {
  readonly file: string;
  readonly hosts: readonly string[];
  readonly want: W;
}

export interface Plan<W extends Want = Want> {
  readonly wirings: readonly Wiring<W>[];
  /** What a person should know. */
  readonly notes: readonly string[];
}

export interface Tool<W extends Want = Want> {
  readonly format: Format<W>;
  /** Of a file that is made. */
  readonly newMode: number;
  /** The helper can be told which login is meant. */
  readonly takesLogin: boolean;
  /** The program itself takes `FILE.lock` before it writes. */
  readonly usesLockFile: boolean;
  /** @throws {TokenctlError} `refused`, `usage` */
  plan(asked: Asked, surroundings: Surroundings): Plan<W>;
}
