/** The start of an answer, as curl writes it down (`--dump-header`). */
export interface ResponseHead {
  readonly status: number;
  /** The value of a header, or null. */
  readonly header: (name: string) => string | null;
}

/** All that have arrived whole: interim ones, those of redirects, and the last. */
export const readHeads = (text: string): ResponseHead[] =>
  text
    .split(/(?<=\r?\n\r?\n)/)
    .filter((block) => /\r?\n\r?\n$/.test(block))
    .flatMap((block) => {
      const [line = '', ...headers] = block.trimEnd().split(/\r?\n/);
      const [, status] = /^HTTP\/\d(?:\.\d)? (\d{3})(?: .*)?$/.exec(line) ?? [];
      return status === undefined
        ? []
        : [{ status: Number(status), header: (name) => headerOf(headers, name) }];
    });

const headerOf = (headers: readonly string[], name: string): string | null => {
  const values = headers.flatMap((line) => {
    const colon = line.indexOf(':');
    return line.slice(0, colon).toLowerCase() === name ? [line.slice(colon + 1).trim()] : [];
  });
  return values.length === 0 ? null : values.join(', ');
};

/** There is more to come before the answer itself. After a 101 that is not of HTTP/2 comes another protocol. */
export const isInterim = ({ status, header }: ResponseHead, follows: boolean): boolean =>
  (status < 200 && (status !== 101 || header('upgrade')?.toLowerCase() === 'h2c')) ||
  (follows && status >= 300 && status < 400 && header('location') !== null);

/** The answer is of the origin that was asked: redirects have not led away from it, and not been anywhere else. */
export const isFromOrigin = (heads: readonly ResponseHead[], url: string): boolean => {
  let at = new URL(url);
  const { origin } = at;
  return heads.slice(0, -1).every(({ status, header }) => {
    const location = header('location');
    if (status < 300 || status > 399 || location === null) {
      return true;
    }
    if (!URL.canParse(location, at.href)) {
      return false;
    }
    at = new URL(location, at.href);
    return at.origin === origin;
  });
};
