import { createPrivateKey, generateKeyPairSync, type JsonWebKey, webcrypto } from 'node:crypto';
import type * as oauth from 'oauth4webapi';
import { Secret } from '../secret.ts';

/** A private key as a JWK (RFC 7517), with `alg`, and `kid` if it has one. */
interface PrivateJwk extends JsonWebKey {
  readonly alg: string;
  readonly kid?: string;
}

/**
 * A private key from a file's text, PEM or JWK, as the JWK that records keep.
 *
 * @returns why it is none of use, without a word of its content.
 */
export const readPrivateKey = (
  text: string,
  keyId: string | null,
): Secret | { problem: string } => {
  try {
    const given: unknown = /^\s*\{/.test(text) ? JSON.parse(text) : null;
    const key =
      given === null
        ? createPrivateKey(text)
        : createPrivateKey({ key: given as JsonWebKey, format: 'jwk' });
    const { alg, kid } = Object(given) as { alg?: unknown; kid?: unknown };
    const jwk = key.export({ format: 'jwk' });
    const signsWith =
      typeof alg === 'string' && Object.hasOwn(ALGORITHMS, alg) ? alg : defaultAlgorithm(jwk);
    if (signsWith === null) {
      return { problem: 'a key of a kind that signs no JWT (RSA, EC or Ed25519 is needed)' };
    }
    const id = keyId ?? (typeof kid === 'string' ? kid : null);
    return new Secret(JSON.stringify({ ...jwk, alg: signsWith, ...(id !== null && { kid: id }) }));
  } catch {
    return { problem: 'not a private key in PEM or JWK without a passphrase' };
  }
};

/** A key pair of its own for the tokens of one login (RFC 9449 section 4.2). */
export const newDpopKey = (): Secret => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return new Secret(JSON.stringify({ ...privateKey.export({ format: 'jwk' }), alg: 'ES256' }));
};

/** As oauth4webapi takes it. */
export const signingKey = async (jwk: Secret): Promise<oauth.PrivateKey> => {
  const { kid, ...rest } = parse(jwk);
  const key = await importKey(rest, 'sign');
  return kid === undefined ? { key } : { key, kid };
};

export const keyPair = async (jwk: Secret): Promise<oauth.CryptoKeyPair> => {
  const whole = parse(jwk);
  const { kty, crv, x, y, n, e, alg } = whole;
  const open = Object.fromEntries(
    Object.entries({ kty, crv, x, y, n, e, alg }).filter(([, value]) => value !== undefined),
  ) as unknown as PrivateJwk;
  return {
    privateKey: await importKey(whole, 'sign'),
    publicKey: await importKey(open, 'verify'),
  };
};

const parse = (jwk: Secret): PrivateJwk => JSON.parse(jwk.reveal()) as PrivateJwk;

const importKey = (jwk: PrivateJwk, use: 'sign' | 'verify') =>
  webcrypto.subtle.importKey(
    'jwk',
    // What it may be used for is said here.
    Object.fromEntries(
      Object.entries(jwk).filter(
        ([name]) => !['alg', 'use', 'key_ops', 'ext', 'kid'].includes(name),
      ),
    ),
    ALGORITHMS[jwk.alg] ?? { name: jwk.alg },
    use === 'verify',
    [use],
  ) as Promise<oauth.CryptoKey>;

/** RFC 7518 section 3.1 and RFC 8037, in the words of Web Cryptography. */
const ALGORITHMS: Readonly<Record<string, { name: string; hash?: string; namedCurve?: string }>> = {
  RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  RS384: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-384' },
  RS512: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-512' },
  PS256: { name: 'RSA-PSS', hash: 'SHA-256' },
  PS384: { name: 'RSA-PSS', hash: 'SHA-384' },
  PS512: { name: 'RSA-PSS', hash: 'SHA-512' },
  ES256: { name: 'ECDSA', namedCurve: 'P-256' },
  ES384: { name: 'ECDSA', namedCurve: 'P-384' },
  ES512: { name: 'ECDSA', namedCurve: 'P-521' },
  EdDSA: { name: 'Ed25519' },
};

const defaultAlgorithm = ({ kty, crv }: JsonWebKey): string | null => {
  if (kty === 'RSA') {
    return 'RS256';
  }
  return (
    { 'P-256': 'ES256', 'P-384': 'ES384', 'P-521': 'ES512', Ed25519: 'EdDSA' }[crv ?? ''] ?? null
  );
};
