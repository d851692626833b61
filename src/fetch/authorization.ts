import { generateProof, type KeyPair } from 'dpop';
import { TokenctlError } from '../errors.ts';
import { keyPair } from '../oauth/keys.ts';
import type { Secret } from '../secret.ts';
import type { Token } from '../token.ts';

/** How a token is presented: RFC 6750, or RFC 9449 with a proof for each request. */
export type Scheme = 'bearer' | 'dpop';

/** @throws {TokenctlError} `refused` for a type that nobody here knows how to present */
export const schemeOf = ({ tokenType, login }: Token): Scheme => {
  const type = tokenType.toLowerCase();
  if (type !== 'bearer' && type !== 'dpop') {
    throw new TokenctlError(
      'refused',
      `the access token is of type ${tokenType}: nobody here knows how to present it`,
      { login },
    );
  }
  return type;
};

export type SignProof = (
  request: { readonly method: string; readonly url: string; readonly nonce: string | undefined },
  accessToken: Secret,
) => Promise<string>;

/** Proofs by the key that the tokens of a login are bound to (RFC 9449 section 4.2). */
export const proofs = async (key: Secret): Promise<SignProof> => {
  const pair = (await keyPair(key)) as unknown as KeyPair;
  return ({ method, url, nonce }, accessToken) => {
    const { origin, pathname } = new URL(url);
    return generateProof(pair, `${origin}${pathname}`, method, nonce, accessToken.reveal());
  };
};

/** The server wants its nonce in the proof (RFC 9449 section 9); null if that is not what it says. */
export const nonceWanted = (
  status: number,
  challenge: string | null,
  nonce: string | null,
): string | null =>
  status === 401 &&
  nonce !== null &&
  nonce !== '' &&
  /\bDPoP\b.*\berror\s*=\s*"?use_dpop_nonce\b/i.test(challenge ?? '')
    ? nonce
    : null;
