import type { IncomingMessage } from 'node:http';
import { type Answer, jsonAnswer } from './answer.ts';
import { isLive, type TokenFamilies } from './token-families.ts';

/** `GET /me`: says whose access token it was given, in the one way of RFC 6750 section 2.1. */
export const answerAsResource = (
  { method, headers }: IncomingMessage,
  families: TokenFamilies,
): Answer => {
  if (method !== 'GET') {
    return jsonAnswer(405, { error: 'method_not_allowed' }, { allow: 'GET' });
  }
  if (headers.authorization === undefined) {
    // RFC 6750 section 3.1: no error code for a request without any credentials.
    return unauthorized('');
  }
  const value = /^bearer +([\w.~+/-]+=*)$/i.exec(headers.authorization)?.[1] ?? '';
  const token = families.findAccessToken(value);
  if (token === undefined || !isLive(token)) {
    return unauthorized(', error="invalid_token", error_description="not a live access token"');
  }
  return jsonAnswer(200, { sub: token.family.subject });
};

const unauthorized = (error: string): Answer =>
  jsonAnswer(401, { error: 'unauthorized' }, { 'www-authenticate': `Bearer realm="demo"${error}` });
