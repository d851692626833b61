/**
 * A path without escapes as `/one/two`, or `` for the root. Null if a server could read it as another
 * one: dot segments (also `..;`, which some take for one), empty ones, backslashes, what is still escaped.
 */
export const canonicalPath = (path: string): string | null => {
  const inner = path.replace(/^\//, '').replace(/\/$/, '');
  if (inner === '') {
    return '';
  }
  const unclear =
    /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\\%?#]/u.test(inner) ||
    inner.split('/').some((segment) => /^\.{0,2}(;|$)/.test(segment));
  return unclear ? null : `/${inner}`;
};
