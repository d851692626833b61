import { parseDocument } from 'yaml';
import { TokenctlError } from '../errors.ts';

/**
 * Reads YAML into plain values, every scalar as the text that it is: a token of digits is no number.
 *
 * @throws {TokenctlError} `usage`, with the line and nothing of what stands in it
 */
export const parseYaml = (text: string): unknown => {
  const document = parseDocument(text.replace(/^\ufeff/, ''), {
    schema: 'failsafe',
    logLevel: 'error',
  });
  const [error] = document.errors;
  if (error !== undefined) {
    // Its message repeats the source.
    throw new TokenctlError(
      'usage',
      `line ${error.linePos?.[0].line ?? 1}: this is no YAML (${error.code})`,
    );
  }
  try {
    return document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch {
    throw new TokenctlError('usage', 'line 1: it refers to itself too often');
  }
};

/** A file that a program writes has none; one that has many is made to grow when it is read. */
const MAX_ALIASES = 10;
