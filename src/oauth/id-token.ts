import type { Secret } from '../secret.ts';

/** The claims that we use of an id token, unverified; null if it cannot be read. */
export interface IdTokenClaims {
  /** `exp`, seconds since 1970. */
  readonly expiresAt: number | null;
  readonly audience: readonly unknown[];
}

/** The last second that a JavaScript `Date` can say. */
const LATEST_DATE_S = 8.64e12;

/**
 * Reads an id token without judging it. Never throws: this runs before the new refresh token is
 * durable. jose is loaded here, because most logins have no id token.
 */
export const readIdToken = async (idToken: Secret): Promise<IdTokenClaims | null> => {
  try {
    const { decodeJwt } = await import('jose/jwt/decode');
    const { exp, aud } = decodeJwt(idToken.reveal());
    return {
      expiresAt: typeof exp === 'number' && Math.abs(exp) <= LATEST_DATE_S ? exp : null,
      audience: aud === undefined ? [] : [aud].flat(),
    };
  } catch {
    return null;
  }
};
