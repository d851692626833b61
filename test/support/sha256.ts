import { createHash } from 'node:crypto';

/** As `ath` and code challenges have it. */
export const sha256 = (text: string): string =>
  createHash('sha256').update(text).digest('base64url');
