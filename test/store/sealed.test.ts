import { CompactEncrypt, decodeProtectedHeader } from 'jose';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/secret.ts';
import type { Envelope } from '../../src/store/envelope.ts';
import { createSealer } from '../../src/store/sealed.ts';

const ENVELOPE: Envelope = {
  recordId: 'record-1',
  generation: 3,
  secrets: new Map([['refresh_token', new Secret('refresh-3')]]),
};
const sealer = createSealer(new Secret('a passphrase of some words'));

describe('what is sealed', () => {
  it('comes out again with the same passphrase, and with no other', async () => {
    const sealed = await sealer.seal(ENVELOPE);
    const same = createSealer(new Secret('a passphrase of some words'));
    const opened = await same.unseal(sealed);
    expect(opened?.secrets.get('refresh_token')?.reveal()).toBe('refresh-3');
    expect(opened).toMatchObject({ recordId: 'record-1', generation: 3 });
    expect(await createSealer(new Secret('a passphrase')).unseal(sealed)).toBeNull();
  });

  it('is a JWE whose header has the parameters and nothing of what is in it', async () => {
    const sealed = await sealer.seal(ENVELOPE);
    const { salt, ...header } = decodeProtectedHeader(sealed);
    expect(header).toEqual({
      ...{ alg: 'dir', enc: 'A256GCM', kdf: 'scrypt' },
      ...{ n: 32_768, r: 8, p: 3 },
    });
    expect(Buffer.from(String(salt), 'base64url')).toHaveLength(16);
    expect(Buffer.from(sealed, 'base64url').toString('latin1')).not.toContain('refresh');
  });

  it('is never the same twice', async () => {
    expect(await sealer.seal(ENVELOPE)).not.toBe(await sealer.seal(ENVELOPE));
  });

  it('is nothing once a character of it is changed', async () => {
    const sealed = await sealer.seal(ENVELOPE);
    for (const at of [3, sealed.indexOf('..') + 4, sealed.length - 30, sealed.length - 3]) {
      const other = sealed[at] === 'A' ? 'B' : 'A';
      const changed = `${sealed.slice(0, at)}${other}${sealed.slice(at + 1)}`;
      expect([at, await sealer.unseal(changed)]).toEqual([at, null]);
    }
  });

  it.each([
    ['that costs more than any of ours', { kdf: 'scrypt', n: 2 ** 30, r: 8, p: 1, salt: 'AAAA' }],
    ['that is no power of two', { kdf: 'scrypt', n: 3, r: 8, p: 1, salt: 'AAAA' }],
    ['of another kind', { kdf: 'none', n: 2, r: 8, p: 1, salt: 'AAAA' }],
    ['without a salt', { kdf: 'scrypt', n: 2, r: 8, p: 1 }],
  ])('is refused with a key derivation %s', async (_, parameters) => {
    const planted = await new CompactEncrypt(new TextEncoder().encode('{}'))
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM', ...parameters })
      .encrypt(new Uint8Array(32));
    expect(await sealer.unseal(planted)).toBeNull();
  });
});
