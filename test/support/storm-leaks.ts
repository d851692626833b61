import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';

/** Where any of these secrets occurs among these texts, by the texts' names. All are hex of 40 digits or more. */
export const findLeaks = (
  texts: Iterable<readonly [name: string, text: string]>,
  secrets: readonly string[],
): string[] => {
  // Half a token is a leak too.
  const parts = new Set<string>();
  for (const secret of secrets) {
    for (let at = 0; at + PART <= secret.length; at += 1) {
      parts.add(secret.slice(at, at + PART));
    }
  }
  return [...texts].flatMap(([name, text]) => (holdsAny(text, parts) ? [name] : []));
};

const PART = 20;

const holdsAny = (text: string, parts: ReadonlySet<string>): boolean => {
  for (const [run] of text.matchAll(HEX_RUN)) {
    for (let at = 0; at + PART <= run.length; at += 1) {
      if (parts.has(run.slice(at, at + PART))) {
        return true;
      }
    }
  }
  return false;
};

const HEX_RUN = /[0-9a-f]{20,}/g;

/** Names and contents of all files below a home, but for the contents of those where tokens are kept. */
export const textsBelow = (home: string): [name: string, text: string][] =>
  readdirSync(home, { recursive: true, encoding: 'utf8' }).flatMap((name) => {
    const path = join(home, name);
    const isText = statSync(path).isFile() && !KEEPS_TOKENS.test(name);
    const entry: [string, string][] = [[`the name ${name}`, name]];
    return isText
      ? [...entry, [relative(home, path), readFileSync(path, 'utf8')] as [string, string]]
      : entry;
  });

/** A record; and a next record, in a lease or in what a dead holder left. */
const KEEPS_TOKENS = /^credentials\/([^/]+\.json|[^/]+\.(lock|dead)\/.*next\.json.*)$/;
