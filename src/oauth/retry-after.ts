/** A provider that wants us away for longer is asked again after this; it can say so again. */
const MAX_RETRY_AFTER_MS = 3_600_000;

/**
 * `Retry-After` (RFC 9110 section 10.2.3): seconds or an HTTP-date. Milliseconds from `now`,
 * 0 for a date that has passed, null if there is none or it cannot be read.
 */
export const retryAfterMs = (value: string | undefined, now: number): number | null => {
  if (value === undefined) {
    return null;
  }
  const text = value.trim();
  const delay = /^\d+$/.test(text) ? Number(text) * 1000 : httpDate(text) - now;
  return Number.isNaN(delay) ? null : Math.min(Math.max(delay, 0), MAX_RETRY_AFTER_MS);
};

/** RFC 9110 section 5.6.7: recipients accept three formats. All begin with the day's name. */
const httpDate = (text: string): number => {
  if (!/^(mon|tue|wed|thu|fri|sat|sun)/i.test(text)) {
    // `Date.parse` finds a date in nearly anything ("0.5", "v1 2").
    return Number.NaN;
  }
  // asctime-date names no zone and means GMT; Date.parse would take it for local time.
  return Date.parse(/GMT$/i.test(text) ? text : `${text} GMT`);
};
