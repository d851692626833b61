import { randomBytes, scrypt } from 'node:crypto';
import type { Secret } from '../secret.ts';
import { type Envelope, parseEnvelope, serialiseEnvelope } from './envelope.ts';

/**
 * Secrets encrypted with a passphrase, as a JWE (RFC 7516) in its compact form: A256GCM, directly with
 * a key that scrypt (RFC 7914) makes of the passphrase. Its parameters are in the header.
 */
export interface Sealer {
  seal(envelope: Envelope): Promise<string>;
  /** null: another passphrase, or not as it was written. */
  unseal(sealed: string): Promise<Envelope | null>;
}

/** As strong as OWASP asks (Password Storage Cheat Sheet: N = 2^15, r = 8, p = 3), in 32 MiB. */
const COST = { n: 2 ** 15, r: 8, p: 3 } as const;
/** What a damaged or planted header may cost at most. */
const MOST = { n: 2 ** 20, r: 16, p: 16 } as const;
const SALT_BYTES = 16;

/** Keys are made once: between the answer and the saving of a new refresh token there must be nothing to wait for. */
export const createSealer = (passphrase: Secret): Sealer => {
  let last: { readonly parameters: Parameters; readonly key: Promise<Uint8Array> } | null = null;
  const keyFor = (parameters: Parameters): Promise<Uint8Array> => {
    if (last === null || JSON.stringify(last.parameters) !== JSON.stringify(parameters)) {
      last = { parameters, key: derive(passphrase, parameters) };
    }
    return last.key;
  };
  return {
    seal: async (envelope) => {
      const parameters = last?.parameters ?? newParameters();
      const { CompactEncrypt } = await import('jose/jwe/compact/encrypt');
      return new CompactEncrypt(new TextEncoder().encode(serialiseEnvelope(envelope)))
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', kdf: 'scrypt', ...parameters })
        .encrypt(await keyFor(parameters));
    },
    unseal: async (sealed) => {
      const { compactDecrypt } = await import('jose/jwe/compact/decrypt');
      const { decodeProtectedHeader } = await import('jose/decode/protected_header');
      try {
        const parameters = parametersOf(decodeProtectedHeader(sealed));
        if (parameters === null) {
          return null;
        }
        const { plaintext } = await compactDecrypt(sealed, await keyFor(parameters), {
          keyManagementAlgorithms: ['dir'],
          contentEncryptionAlgorithms: ['A256GCM'],
        });
        return parseEnvelope(new TextDecoder().decode(plaintext));
      } catch {
        return null;
      }
    },
  };
};

interface Parameters {
  readonly n: number;
  readonly r: number;
  readonly p: number;
  readonly salt: string;
}

const newParameters = (): Parameters => ({
  ...COST,
  salt: randomBytes(SALT_BYTES).toString('base64url'),
});

const parametersOf = (header: Record<string, unknown>): Parameters | null => {
  const { kdf, n, r, p, salt } = header;
  const within = (value: unknown, most: number): value is number =>
    Number.isInteger(value) && (value as number) >= 1 && (value as number) <= most;
  return kdf === 'scrypt' &&
    within(n, MOST.n) &&
    within(r, MOST.r) &&
    within(p, MOST.p) &&
    typeof salt === 'string'
    ? { n, r, p, salt }
    : null;
};

const derive = (passphrase: Secret, { n, r, p, salt }: Parameters): Promise<Uint8Array> =>
  new Promise((resolve, reject) => {
    scrypt(
      passphrase.reveal().normalize('NFC'),
      Buffer.from(salt, 'base64url'),
      32,
      { N: n, r, p, maxmem: 256 * n * r },
      (error, key) => (error === null ? resolve(key) : reject(error)),
    );
  });
