/** A host as the URL class writes it, and the port if one is said. */
export interface Authority {
  readonly host: string;
  readonly port: number | null;
}

/**
 * `host[:port]`, with case and punycode normalised, or null if it is anything else.
 *
 * Whoever asks will connect by the text it has, and not by what we make of it. So all that two programs
 * could take for different hosts is refused: userinfo, escapes, odd numbers, look-alikes that fold to ASCII.
 */
export const parseAuthority = (text: string): Authority | null => {
  const [, name = '', digits] = AUTHORITY.exec(text) ?? [];
  const port = digits === undefined ? null : Number(digits);
  const host = name === '' || (port ?? 0) > 65_535 ? null : canonicalHost(name);
  return host === null ? null : { host, port };
};

/** 127.0.0.0/8, ::1 and localhost, as the URL class writes them. */
export const isLoopbackHost = (host: string): boolean =>
  host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);

const AUTHORITY =
  /^(\[[0-9A-Fa-f:.]+\]|[^\p{C}\p{Z}/\\?#@:%[\]<>^|*"'`{}]{1,253})(?::([1-9]\d{0,4}))?$/u;

const canonicalHost = (name: string): string | null => {
  if (DEVIATIONS.test(name) || name.startsWith('-') || !URL.canParse(`https://${name}`)) {
    return null;
  }
  const host = new URL(`https://${name}`).hostname;
  return isFaithful(name.split('.'), host.split('.')) ? host : null;
};

/**
 * Old and new versions of IDNA make different hosts of these (https://www.unicode.org/reports/tr46/,
 * section 1.3.2): who means one of them writes xn--.
 */
const DEVIATIONS = /[\u00df\u1e9e\u03c2\u200c\u200d]/;

/** ASCII stays what it is but for case, and nothing else becomes ASCII: `127.1`, `[0::1]`, a fullwidth dot. */
const isFaithful = (given: readonly string[], made: readonly string[]): boolean =>
  given.length === made.length &&
  given.every((label, at) =>
    /^[\x21-\x7e]+$/.test(label)
      ? made[at] === label.toLowerCase()
      : label !== '' && made[at]?.startsWith('xn--'),
  );
