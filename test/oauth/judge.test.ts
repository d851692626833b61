import { describe, expect, it } from 'vitest';
import type { Client } from '../../src/credential.ts';
import { judge } from '../../src/oauth/judge.ts';
import { refreshTokens } from '../../src/oauth/refresh.ts';
import type { Granted, Judgement } from '../../src/refresh-outcome.ts';
import { Secret } from '../../src/secret.ts';
import { everythingIn } from './answers.ts';
import { CLIENT } from './client.ts';
import { httpServer } from './servers.ts';

const ISSUER = 'https://issuer.example';
const TOKENS = { access_token: 'new-access', refresh_token: 'new-refresh', token_type: 'bearer' };
const SECRETS = /new-|old-|c2lnbmF0dXJl/;
const now = () => Math.floor(Date.now() / 1000);

/** An id token as an issuer would make it; the signature is not looked at (OIDC Core 3.1.3.7). */
const idToken = (claims: object = {}, header: object = { alg: 'RS256' }): string => {
  const standard = { iss: ISSUER, aud: 'client', sub: 'alice', iat: now(), exp: now() + 3600 };
  const parts = [header, { ...standard, ...claims }].map((part) =>
    Buffer.from(JSON.stringify(part)).toString('base64url'),
  );
  return [...parts, 'c2lnbmF0dXJl'].join('.');
};

const grant = async (answer: object, client: Partial<Client> = {}): Promise<Granted> => {
  const server = await httpServer((response) => response.end(JSON.stringify(answer)));
  const outcome = await refreshTokens(
    { ...CLIENT, issuer: ISSUER, tokenEndpoint: server.url.href, ...client },
    new Secret('old-refresh'),
    { connectTimeoutMs: 5_000, answerTimeoutMs: 5_000, env: {} },
  );
  if (outcome.kind !== 'granted') {
    throw new Error(everythingIn(outcome));
  }
  return outcome;
};

const judged = async (answer: object, client: Partial<Client> = {}): Promise<Judgement> => {
  const judgement = await (await grant(answer, client)).judge();
  expect(everythingIn(judgement)).not.toMatch(SECRETS);
  for (const problem of judgement.problems) {
    expect(problem).toMatch(/^[^\u0000-\u001f]{1,300}$/);
  }
  return judgement;
};

const FINE = { accessTokenUsable: true, idTokenUsable: true, problems: [] };

describe('judge', () => {
  it('has nothing to say of a plain answer', async () => {
    expect(await judged(TOKENS)).toEqual(FINE);
    expect(await judged({ ...TOKENS, expires_in: 60, scope: 'a' })).toEqual(FINE);
  });

  it('does not mind a scope array, a lifetime in a string, or a missing token type', async () => {
    expect(await judged({ ...TOKENS, scope: ['a', 'b'], expires_in: '60' })).toEqual(FINE);
    expect(await judged({ ...TOKENS, token_type: undefined })).toEqual(FINE);
  });

  it('reports what was ignored, and the access token stays usable', async () => {
    const answer = { ...TOKENS, scope: 7, expires_in: -1, refresh_token: '' };
    const judgement = await judged(answer);
    expect(judgement).toMatchObject({ accessTokenUsable: true, idTokenUsable: true });
    expect(judgement.problems).toHaveLength(3);
  });

  it.each(['mac', 'DPoP'])('does not let an access token of type %s be used', async (type) => {
    const judgement = await judged({ ...TOKENS, token_type: type });
    expect(judgement).toMatchObject({ accessTokenUsable: false, idTokenUsable: true });
    expect(judgement.problems).toHaveLength(1);
  });

  it('judges the id token even if there is no usable access token', async () => {
    const answer = { refresh_token: 'new-refresh', id_token: idToken() };
    expect(await judged(answer)).toEqual({
      accessTokenUsable: false,
      idTokenUsable: true,
      problems: ['the answer holds no access token'],
    });
  });

  it('can be asked twice', async () => {
    const granted = await grant({ ...TOKENS, id_token: idToken({ aud: 'other' }) });
    expect(await granted.judge()).toEqual(await granted.judge());
  });

  it('does not throw, whatever the record says of the client', async () => {
    for (const client of [{ issuer: '' }, { clientId: '' }, { clientId: null, issuer: null }]) {
      const { tokens } = await grant({ ...TOKENS, id_token: idToken() });
      const extracted = { tokens, accessTokenUsable: true, problems: [] };
      const judgement = await judge(extracted, { ...CLIENT, ...client }, []);
      expect(typeof judgement.accessTokenUsable).toBe('boolean');
      expect(everythingIn(judgement)).not.toMatch(SECRETS);
    }
  });
});

describe('judge, of an id token', () => {
  it.each(['RS256', 'PS384', 'ES256', 'EdDSA', 'HS256'])(
    'accepts one signed by %s',
    async (alg) => {
      const granted = await grant({ ...TOKENS, id_token: idToken({ exp: 4e9 }, { alg }) });
      expect(granted.tokens.idTokenExpiresAt).toBe(4e9);
      expect(await granted.judge()).toEqual(FINE);
    },
  );

  it('tolerates clocks that differ by less than five minutes', async () => {
    for (const claims of [{ exp: now() - 240 }, { nbf: now() + 240, iat: now() + 240 }]) {
      expect(await judged({ ...TOKENS, id_token: idToken(claims) })).toEqual(FINE);
    }
  });

  const refused: [string, string][] = [
    ['that expired more than five minutes ago', idToken({ exp: now() - 360 })],
    ['that begins in more than five minutes', idToken({ nbf: now() + 400 })],
    ['of another issuer', idToken({ iss: 'https://evil.example' })],
    ['for another client', idToken({ aud: 'someone else' })],
    ['for several clients, without saying who asked', idToken({ aud: ['client', 'other'] })],
    ['without a subject', idToken({ sub: undefined })],
    ['without an expiry', idToken({ exp: undefined })],
    ['with an expiry that is none', idToken({ exp: 'tomorrow' })],
    ['without a signature', idToken({}, { alg: 'none' })],
    ['that is garbage', 'new-garbage'],
    ['that is encrypted', 'new-a.b.c.d.e'],
    ['whose payload is not JSON', 'e30.bmV3LQ.c2lnbmF0dXJl'],
  ];
  it.each(refused)('refuses one %s, and the access token stays usable', async (_, token) => {
    const judgement = await judged({ ...TOKENS, id_token: token });
    expect(judgement).toMatchObject({ accessTokenUsable: true, idTokenUsable: false });
    expect(judgement.problems).toEqual([expect.stringMatching(/^the id token is not usable: ./)]);
    expect(judgement.problems.join()).not.toContain(token);
  });

  it('keeps it with the tokens either way, and its expiry if that can be read', async () => {
    for (const [token, exp] of [
      [idToken({ aud: 'other', exp: 4e9 }), 4e9],
      ['garbage', null],
      [idToken({ exp: 'soon' }), null],
    ] as const) {
      const { tokens } = await grant({ ...TOKENS, id_token: token });
      expect(tokens.idToken?.reveal()).toBe(token);
      expect(tokens.idTokenExpiresAt).toBe(exp);
    }
  });

  it('says nothing of an expiry if there is no id token', async () => {
    const { tokens } = await grant(TOKENS);
    expect(tokens).not.toHaveProperty('idTokenExpiresAt');
  });
});

describe('judge, of an id token whose issuer is not known', () => {
  const without = { issuer: null };

  it('accepts it if it is for this client', async () => {
    for (const claims of [{ aud: 'client' }, { aud: ['other', 'client'] }, { iss: 'anyone' }]) {
      expect(await judged({ ...TOKENS, id_token: idToken(claims) }, without)).toEqual(FINE);
    }
  });

  it.each([
    idToken({ aud: 'other' }),
    idToken({ aud: undefined }),
    idToken({ aud: ['client2'] }),
    'new-garbage',
    'new-a.b.c.d.e',
  ])('refuses it if it is for another client or cannot be read: %#', async (token) => {
    expect(await judged({ ...TOKENS, id_token: token }, without)).toMatchObject({
      accessTokenUsable: true,
      idTokenUsable: false,
      problems: [expect.stringMatching(/^the id token is not usable: ./)],
    });
  });
});
