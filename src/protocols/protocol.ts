import type { Target } from '../hosts/target.ts';
import type { Secret } from '../secret.ts';

/**
 * How another program asks for a credential, and how it is answered: texts in, texts out. A codec knows
 * nothing of logins; who may be answered is decided by the host binding (`src/hosts/`).
 */
export interface Protocol {
  /** By the word that names them in the arguments; '' if there is none. */
  readonly operations: Readonly<Record<string, Operation>>;
  /** An operation that this version does not know. */
  readonly unknown: Output;
  /** Written before anything is read. */
  readonly greeting: string;
  /** In the protocol's own way; what has no such way goes to stderr. */
  failed(failure: Failure): Output;
}

export interface Operation {
  readonly input: Input;
  /** @throws {TokenctlError} `usage` if the request is not one */
  read(input: string): Request;
}

/**
 * Where a request is: nowhere; on stdin up to a blank line or the end; all of stdin; each line of stdin
 * one, answered with one; in a variable of the environment.
 */
export type Input = 'nothing' | 'block' | 'all' | 'lines' | { readonly environment: string };

export type Request =
  | {
      readonly kind: 'get';
      /** Null: nothing is ever sent there. */
      readonly target: Target | null;
      /** Only this login. */
      readonly login?: string | undefined;
      /** @throws {TokenctlError} `refused` if this credential cannot be said in this protocol */
      granted(grant: Grant): string;
      readonly none: Output;
      /** The answer depends on nothing but these words and who is granted what. */
      readonly keepable?: true;
    }
  /** A server said no to this token. */
  | { readonly kind: 'rejected'; readonly target: Target | null; readonly token: Secret }
  | { readonly kind: 'list'; listed(entries: readonly Entry[]): string }
  | { readonly kind: 'reply'; readonly output: Output };

export interface Grant {
  readonly username: string;
  readonly token: Secret;
  /** RFC 6749 section 7.1 */
  readonly tokenType: string;
  readonly expiresAt: Date | null;
}

export interface Entry {
  readonly url: string;
  readonly username: string;
}

export interface Output {
  readonly stdout: string;
  /** If absent, the code that our own commands end with. */
  readonly code?: number;
}

export interface Failure {
  readonly code: string;
  /** One line, safe to print. */
  readonly message: string;
}

export const SILENCE: Output = { stdout: '', code: 0 };
