import { createHash } from 'node:crypto';
import { inspect } from 'node:util';

const REDACTED = '[redacted]';

declare const revealed: unique symbol;

/** What {@link Secret.reveal} gives: text like any other, save that the types keep it out of `trace.ts`. */
export type Revealed = string & { readonly [revealed]: true };

/** Any text that did not come straight out of a {@link Secret}. */
export type NotRevealed = string & { readonly [revealed]?: never };

/**
 * A value that must not be printed by accident: tokens, client secrets, codes.
 *
 * String conversion, JSON, `console.log` and template literals all give
 * `[redacted]`; the only way to the value is {@link Secret.reveal}, so that
 * every place where a secret leaves the process can be found by searching for it.
 */
export class Secret {
  readonly #value: string | null;
  readonly #fingerprint: string | null = null;

  /** @param fingerprint only of a value that is not here; see {@link Secret.elsewhere}. */
  constructor(value: string | null, fingerprint: string | null = null) {
    this.#value = value;
    this.#fingerprint = fingerprint;
  }

  /** One whose value is kept somewhere else, and is known here by its {@link fingerprint} only. */
  static elsewhere(fingerprint: string): Secret {
    return new Secret(null, fingerprint);
  }

  get isElsewhere(): boolean {
    return this.#value === null;
  }

  reveal(): Revealed {
    if (this.#value === null) {
      throw new Error('a secret that is kept elsewhere was to be used');
    }
    return this.#value as Revealed;
  }

  equals(other: Secret | null | undefined): boolean {
    return (
      other != null &&
      (this.#value === null || other.#value === null
        ? other.fingerprint() === this.fingerprint()
        : other.#value === this.#value)
    );
  }

  /**
   * SHA-256 of the value in hex. Tokens carry at least 128 bits of randomness
   * (RFC 6749 section 10.10), so the hash identifies one without giving it away.
   */
  fingerprint(): string {
    return this.#fingerprint ?? createHash('sha256').update(this.reveal()).digest('hex');
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}

/** Length of the fingerprints that are shown or logged: 48 bits tell any two tokens of a user apart. */
const SHORT_FINGERPRINT_LENGTH = 12;

/** A fingerprint short enough for logs and the audit. */
export const shortFingerprint = (secret: Secret | null): string | null =>
  secret === null ? null : secret.fingerprint().slice(0, SHORT_FINGERPRINT_LENGTH);
