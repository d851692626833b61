import { printable } from '../errors.ts';
import type { Secret } from '../secret.ts';

/** Whose login it is, as the id token says (OpenID Connect Core section 2). */
export interface Account {
  readonly issuer: string;
  readonly subject: string;
  readonly nonce: string | null;
  /** For people; the subject if there is nothing better. */
  readonly name: string;
}

/** null: there is no id token, or it does not say. */
export const accountOf = async (idToken: Secret | null | undefined): Promise<Account | null> => {
  if (idToken == null) {
    return null;
  }
  try {
    const { decodeJwt } = await import('jose/jwt/decode');
    const claims = decodeJwt(idToken.reveal());
    if (typeof claims.iss !== 'string' || typeof claims.sub !== 'string') {
      return null;
    }
    const name = [claims.email, claims.preferred_username, claims.name, claims.sub].find(
      (each): each is string => typeof each === 'string' && each !== '',
    );
    return {
      issuer: claims.iss,
      subject: claims.sub,
      nonce: typeof claims.nonce === 'string' ? claims.nonce : null,
      name: printable(name ?? '', 100),
    };
  } catch {
    return null;
  }
};

/** Nothing is known that says so. */
export const isSameAccount = (one: Account | null, other: Account | null): boolean =>
  one === null || other === null || (one.issuer === other.issuer && one.subject === other.subject);
