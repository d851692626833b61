import { printable } from '../errors.ts';
import type { Secret } from '../secret.ts';

/** Makes a provider's text fit for a terminal and a log: one line, cut short, and without the given secrets. */
export type Redact = (text: string, maxLength?: number) => string;

const REDACTED = '[redacted]';

/** Whatever is shorter can be guessed, and redacting it would only make holes into ordinary words. */
const SHORTEST_SECRET = 4;
/** A part of a secret this long is redacted too: what echoes a token often cuts it short. */
const PART = 8;
/** Far beyond what is ever shown. */
const MAX_TEXT_LENGTH = 4096;
/** No token is longer: what is in an answer and longer than this is refused as one. */
const MAX_SECRET_LENGTH = 65_536;

/** A {@link Redact} for these secrets, also where they are form-encoded as they travelled. */
export const redactor =
  (secrets: readonly Secret[]): Redact =>
  (text, maxLength) => {
    // Control characters first, also of the secrets: dropping them later could put together what
    // they held apart.
    const flat = printable(text, MAX_TEXT_LENGTH);
    const forms = new Set(secrets.flatMap((secret) => formsOf(secret.reveal())));
    const hidden = new Array<boolean>(flat.length).fill(false);
    for (const form of forms) {
      hideParts(flat, printable(form, Number.POSITIVE_INFINITY), hidden);
    }
    // Cut last, so that the cut cannot leave half a secret.
    return printable(withoutHidden(flat, hidden), maxLength);
  };

/** Marks what `text` and `form` have in common. In linear time, for both can be made to be compared for minutes. */
const hideParts = (text: string, form: string, hidden: boolean[]): void => {
  if (form.length < SHORTEST_SECRET) {
    return;
  }
  const size = Math.min(form.length, PART);
  const places = placesOfParts(text, size);
  for (let at = 0; at + size <= form.length; at += 1) {
    const part = form.slice(at, at + size);
    for (const place of places.get(part) ?? []) {
      hidden.fill(true, place, place + size);
    }
    places.delete(part);
  }
};

const placesOfParts = (text: string, size: number): Map<string, number[]> => {
  const places = new Map<string, number[]>();
  for (let at = 0; at + size <= text.length; at += 1) {
    const part = text.slice(at, at + size);
    const known = places.get(part);
    if (known === undefined) {
      places.set(part, [at]);
    } else {
      known.push(at);
    }
  }
  return places;
};

const withoutHidden = (text: string, hidden: readonly boolean[]): string =>
  Array.from({ length: text.length }, (_, at) =>
    hidden[at] ? (hidden[at - 1] ? '' : REDACTED) : text.charAt(at),
  ).join('');

/** As it is, and form-encoded. */
const formsOf = (value: string): string[] => {
  const secret = value.slice(0, MAX_SECRET_LENGTH);
  return [secret, new URLSearchParams({ s: secret }).toString().slice(2)];
};
