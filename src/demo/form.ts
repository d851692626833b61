import type { IncomingMessage } from 'node:http';
import { Refusal } from './answer.ts';

/** The parameters of a request, each at most once. */
export type Form = ReadonlyMap<string, string>;

const MAX_BODY_BYTES = 65_536;

/**
 * Reads the parameters of a POST to an OAuth endpoint as RFC 6749 section 3.2 and appendix B say:
 * form-encoded UTF-8 in the body, nothing in the address, nothing twice.
 * A request that breaks the rules gives its refusal, one that breaks off gives null.
 */
export const readForm = async (request: IncomingMessage): Promise<Form | Refusal | null> => {
  const body = await readBody(request).catch(() => null);
  if (body === null) {
    return null;
  }
  try {
    requirePost(request);
    requireFormEncoding(request);
    if (body === 'too large') {
      throw new Refusal('invalid_request', 'the body is too large', { status: 413 });
    }
    return parseForm(body.toString('latin1'));
  } catch (error) {
    if (error instanceof Refusal) {
      return error;
    }
    throw error;
  }
};

/**
 * A body over the limit is read to its end all the same: a connection closed on a sender reaches it
 * as a reset, often before the answer does.
 */
const readBody = async (request: IncomingMessage): Promise<Buffer | 'too large'> => {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length <= MAX_BODY_BYTES) {
      chunks.push(chunk);
    }
  }
  return length <= MAX_BODY_BYTES ? Buffer.concat(chunks) : 'too large';
};

const requirePost = ({ method }: IncomingMessage): void => {
  if (method !== 'POST') {
    const answer = { status: 405, headers: { allow: 'POST' } };
    throw new Refusal('invalid_request', 'only POST is allowed here', answer);
  }
};

const requireFormEncoding = ({ url = '', headers }: IncomingMessage): void => {
  const [type = '', ...parameters] = (headers['content-type'] ?? '').toLowerCase().split(';');
  const charset = parameters.map((parameter) => parameter.trim().replaceAll('"', ''));
  if (
    type.trim() !== 'application/x-www-form-urlencoded' ||
    charset.some((parameter) => parameter !== 'charset=utf-8')
  ) {
    const rule = 'the body must be application/x-www-form-urlencoded in UTF-8';
    throw new Refusal('invalid_request', rule);
  }
  if (url.includes('?')) {
    throw new Refusal('invalid_request', 'parameters belong into the body');
  }
};

const parseForm = (body: string): Form => {
  const seen = new Set<string>();
  const form = new Map<string, string>();
  for (const pair of body.split('&').filter((part) => part !== '')) {
    const [name, value] = splitOnce(pair, '=').map(formDecode);
    if (name === undefined || value === undefined) {
      throw new Refusal('invalid_request', 'the body is not form-encoded');
    }
    if (seen.has(name)) {
      throw new Refusal('invalid_request', 'a parameter is given more than once');
    }
    seen.add(name);
    // RFC 6749 section 3.2: a parameter without a value counts as omitted.
    if (value !== '') {
      form.set(name, value);
    }
  }
  return form;
};

export const splitOnce = (text: string, separator: string): [string, string] => {
  const at = text.indexOf(separator);
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + separator.length)];
};

/** RFC 6749 appendix B; undefined for what no encoder writes. */
export const formDecode = (text: string): string | undefined => {
  if (!/^[\x21-\x7e]*$/.test(text)) {
    return undefined;
  }
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return undefined;
  }
};
