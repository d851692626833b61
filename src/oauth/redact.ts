import { printable } from '../errors.ts';
import type { Secret } from '../secret.ts';

/** Makes a provider's text fit for a terminal and a log: one line, cut short, and without the given secrets. */
export type Redact = (text: string, maxLength?: number) => string;

const REDACTED = '[redacted]';

/** Whatever is shorter can be guessed, and redacting it would only make holes into ordinary words. */
const SHORTEST_SECRET = 4;

/** A {@link Redact} for these secrets, also where they are form-encoded as they travelled. */
export const redactor = (secrets: readonly Secret[]): Redact => {
  // Also what stands for one: it must not be searched again. The longest first: a secret that is
  // part of another one must not leave the rest of that one behind.
  const forms = [REDACTED, ...new Set(secrets.flatMap((secret) => encodings(secret.reveal())))]
    .filter((form) => form.length >= SHORTEST_SECRET)
    .sort((a, b) => b.length - a.length);
  const replaceAll = (text: string): string =>
    forms.reduce<readonly string[]>(splitAll, [text]).join(REDACTED);
  return (text, maxLength) => {
    // Twice: dropping control characters can put together what they held apart. Cut last, so
    // that the cut cannot leave half a secret.
    const flat = printable(replaceAll(text), Number.POSITIVE_INFINITY);
    return printable(replaceAll(flat), maxLength);
  };
};

/**
 * The pieces of text between all occurrences of `form`. No regular expression: those have a limit
 * that a long token exceeds, and the error then quotes it.
 */
const splitAll = (pieces: readonly string[], form: string): readonly string[] =>
  pieces.flatMap((piece) => piece.split(form));

const encodings = (secret: string): string[] => [
  secret,
  new URLSearchParams({ s: secret }).toString().slice(2),
];
