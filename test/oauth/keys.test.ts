import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { keyPair, newDpopKey, readPrivateKey, signingKey } from '../../src/oauth/keys.ts';
import { Secret } from '../../src/secret.ts';

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pem = (type: 'pkcs8' | 'sec1') => String(privateKey.export({ format: 'pem', type }));
const jwk = privateKey.export({ format: 'jwk' });

describe('a private key', () => {
  it.each([
    ['PKCS #8', pem('pkcs8')],
    ['SEC 1', pem('sec1')],
    ['JWK', JSON.stringify(jwk)],
    [
      'JWK with a use that does not matter',
      JSON.stringify({ ...jwk, use: 'sig', key_ops: ['sign'] }),
    ],
  ])('is read from %s', async (_, text) => {
    const key = readPrivateKey(text, 'an-id');
    expect(key).toBeInstanceOf(Secret);
    expect(JSON.parse((key as Secret).reveal())).toMatchObject({
      alg: 'ES256',
      kid: 'an-id',
      d: jwk.d,
    });
    expect((await signingKey(key as Secret)).kid).toBe('an-id');
  });

  it('keeps the algorithm that a JWK names, if it is one', () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({
      format: 'jwk',
    });
    const algorithmOf = (alg: string) =>
      JSON.parse((readPrivateKey(JSON.stringify({ ...rsa, alg }), null) as Secret).reveal()).alg;
    expect(algorithmOf('PS256')).toBe('PS256');
    expect(algorithmOf('constructor')).toBe('RS256');
    expect(algorithmOf('none')).toBe('RS256');
  });

  it.each([
    ['nothing', ''],
    ['a public key', String(publicKey.export({ format: 'pem', type: 'spki' }))],
    ['a public JWK', JSON.stringify(publicKey.export({ format: 'jwk' }))],
    ['half a JWK', JSON.stringify(jwk).slice(0, 40)],
    [
      'one that only encrypts',
      String(generateKeyPairSync('x25519').privateKey.export({ format: 'pem', type: 'pkcs8' })),
    ],
  ])('is not %s, and nothing of it is said', (_, text) => {
    const key = readPrivateKey(text, null);
    expect(key).toHaveProperty('problem');
    expect(JSON.stringify(key)).not.toContain(String(jwk.d));
  });
});

describe('a DPoP key', () => {
  it('is a new one each time, and its private half never leaves', async () => {
    const [one, other] = [newDpopKey(), newDpopKey()];
    expect(one.equals(other)).toBe(false);
    const pair = await keyPair(one);
    expect([pair.privateKey.extractable, pair.publicKey.extractable]).toEqual([false, true]);
  });
});
