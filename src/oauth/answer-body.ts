/** A decoded answer of the token endpoint, not yet trusted in any member. */
export type AnswerBody = Readonly<Record<string, unknown>>;

/**
 * The members of a JSON object (RFC 6749 section 5.1) or of a form (GitHub's default), null if it
 * is neither. The content type is not asked first: some servers send JSON as `text/html`.
 */
export const parseAnswerBody = (body: string, contentType: string | undefined): AnswerBody | null =>
  parseJson(body) ?? (isForm(contentType) ? parseForm(body) : null);

/** A web page: a login form, a maintenance page, a gateway's error. Tokens never came this way. */
export const isHtml = (body: string): boolean => /^\uFEFF?\s*</.test(body);

export const isObject = (value: unknown): value is AnswerBody =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Of a member that appears twice the last one wins, as with every parser built on `JSON.parse`. */
const parseJson = (body: string): AnswerBody | null => {
  try {
    const value: unknown = JSON.parse(body.replace(/^\uFEFF/, ''));
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
};

const isForm = (contentType: string | undefined): boolean =>
  /^\s*application\/x-www-form-urlencoded\s*(;|$)/i.test(contentType ?? '');

const parseForm = (body: string): AnswerBody =>
  Object.fromEntries(new URLSearchParams(body.trim()));
