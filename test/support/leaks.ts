/** Where something could leak to, and what was seen there. */
export type Seen = Readonly<Record<string, string>>;

/** This many characters of a secret are a leak, wherever they are cut. */
const PART = 8;

/** The places where a secret, or the beginning of one, is to be seen: as it is, or in some encoding. */
export const findLeaks = (seen: Seen, secrets: readonly string[]): string[] => {
  const patterns = secrets.flatMap((secret, nth) =>
    [...formsOf(secret)].map(([form, pattern]) => ({ what: `secret ${nth} ${form}`, pattern })),
  );
  return Object.entries(seen).flatMap(([where, text]) =>
    patterns.filter(({ pattern }) => pattern.test(text)).map(({ what }) => `${where}: ${what}`),
  );
};

/**
 * A short beginning counts only where a word begins: in the hexadecimal digits of hashes and ids
 * eight given ones come up by chance in the end.
 */
const formsOf = (secret: string): Map<string, RegExp> => {
  const bytes = Buffer.from(secret);
  const beginning = secret.slice(0, PART);
  const hex = bytes.subarray(0, PART).toString('hex');
  const escaped = [...bytes.subarray(0, PART)]
    .map((byte) => `%${byte.toString(16).padStart(2, '0')}`)
    .join('');
  return new Map([
    ['as it is', literal(secret)],
    ['by its beginning', new RegExp(`(?<![0-9A-Za-z])${literal(beginning).source}`)],
    ['form-encoded', literal(new URLSearchParams({ s: secret }).toString().slice(2))],
    ['as part of a URL', literal(encodeURIComponent(secret))],
    ['percent-encoded', new RegExp(escaped, 'i')],
    ['in hexadecimal', new RegExp(hex, 'i')],
    ['as a Buffer is shown', literal(hex.replace(/..(?!$)/g, '$& '))],
    ['as bytes that are listed', literal(bytes.subarray(0, PART).join(','))],
    ['in JSON', literal(JSON.stringify(secret).slice(1, -1))],
    ...[0, 1, 2].map((offset) => [`in base64, after ${offset}`, base64(bytes, offset)] as const),
  ]);
};

/** Its first twelve characters that do not depend on what comes before; also in the URL's alphabet. */
const base64 = (bytes: Buffer, offset: number): RegExp => {
  const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
  const own = text.slice(Math.ceil((offset * 8) / 6)).slice(0, 12);
  return new RegExp(literal(own).source.replaceAll('\\+', '[+-]').replaceAll('/', '[/_]'));
};

const literal = (text: string): RegExp => new RegExp(text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
