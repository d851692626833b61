import { describe, expect, it } from 'vitest';
import type { ExtractedTokens } from '../../src/oauth/granted-tokens.ts';
import { classify, everythingIn } from './answers.ts';

const BASE = { access_token: 'access', token_type: 'Bearer', refresh_token: 'refresh' };

const grant = (members: Record<string, unknown>): ExtractedTokens => {
  const result = classify(200, { ...BASE, ...members });
  if (result.kind !== 'granted') {
    throw new Error(`not granted: ${everythingIn(result)}`);
  }
  return result;
};

const reveal = ({ tokens }: ExtractedTokens) => ({
  access: tokens.accessToken?.reveal(),
  refresh: tokens.refreshToken?.reveal(),
  id: tokens.idToken?.reveal(),
});

describe('the access token', () => {
  it.each(['x', '!~', 'x'.repeat(65_536)])(
    'is taken if it is 1 to 65536 visible ASCII characters',
    (token) => {
      const granted = grant({ access_token: token });
      expect(reveal(granted).access).toBe(token);
      expect(granted).toMatchObject({ accessTokenUsable: true, problems: [] });
    },
  );

  it.each(['', ' ', 'a b', 'a\nb', 'a\u0000', 'ä', '\u007f', 'x'.repeat(65_537), 7, {}, [], true])(
    'that would break a header or a protocol is not taken, and the refresh token is kept: %j',
    (token) => {
      const granted = grant({ access_token: token });
      expect(granted.tokens.accessToken).toBeNull();
      expect(reveal(granted).refresh).toBe('refresh');
      expect(granted).toMatchObject({
        accessTokenUsable: false,
        problems: ['the access token in the answer is malformed and was ignored'],
      });
    },
  );

  it('may be absent', () => {
    expect(grant({ access_token: undefined })).toMatchObject({
      tokens: { accessToken: null },
      accessTokenUsable: false,
      problems: ['the answer holds no access token'],
    });
  });
});

describe('the refresh token', () => {
  it.each(['r', 'with space', 'ünïcödé', '日本', 'r'.repeat(65_536)])(
    'is taken leniently, because losing it loses the login: %#',
    (token) => {
      expect(reveal(grant({ refresh_token: token })).refresh).toBe(token);
    },
  );

  it.each(['', 'a\nb', '\u0000', '\u007f', 'r'.repeat(65_537), 7, {}])(
    'that is certainly garbage is ignored with a problem: %#',
    (token) => {
      const granted = grant({ refresh_token: token });
      expect(granted.tokens.refreshToken).toBeUndefined();
      expect(granted.problems).toEqual([
        'the refresh token in the answer is malformed and was ignored',
      ]);
    },
  );

  it.each([undefined, null])('that is %j was not rotated', (token) => {
    const granted = grant({ refresh_token: token });
    expect(granted.tokens.refreshToken).toBeUndefined();
    expect(granted.problems).toEqual([]);
  });
});

describe('expires_in', () => {
  it.each([
    [3600, 3600],
    ['3600', 3600],
    [0.5, 0.5],
    ['0.5', 0.5],
    [1e12, 315_360_000],
    ['99999999999999', 315_360_000],
  ])('%j means %j seconds', (value, seconds) => {
    const granted = grant({ expires_in: value });
    expect(granted.tokens.lifetime).toBe(seconds);
    expect(granted.problems).toEqual([]);
  });

  it.each([0, -1, '-1', '', 'soon', '0x10', '1e3', true, {}, [3600]])(
    '%j is ignored with a problem',
    (value) => {
      const granted = grant({ expires_in: value });
      expect(granted.tokens.lifetime).toBeNull();
      expect(granted.problems).toEqual([
        'expires_in in the answer is not a positive number and was ignored',
      ]);
      expect(granted.accessTokenUsable).toBe(true);
    },
  );

  it('may be absent', () => {
    expect(grant({})).toMatchObject({ tokens: { lifetime: null }, problems: [] });
    expect(grant({ expires_in: null })).toMatchObject({ tokens: { lifetime: null }, problems: [] });
  });
});

describe('scope', () => {
  it.each([
    ['read write', 'read write'],
    ['', ''],
    ['lire écrire 読む', 'lire écrire 読む'],
    [['read', 'write'], 'read write'],
    [[], ''],
    [undefined, undefined],
    [null, undefined],
  ])('%j is taken as %j', (value, scope) => {
    const granted = grant({ scope: value });
    expect(granted.tokens.scope).toBe(scope);
    expect(granted.problems).toEqual([]);
  });

  it.each([
    ...[7, {}, [7], [['read']], 's'.repeat(65_537)],
    ...['a\u001b[0m', 'a\nb', '\na', 'a\u009b0m', 'a\u2028b', 'a\u202eb', ['a', 'b\u0000']],
  ])('is ignored with a problem: %#', (value) => {
    const granted = grant({ scope: value });
    expect(granted.tokens.scope).toBeUndefined();
    expect(granted.problems).toEqual(['scope in the answer is malformed and was ignored']);
  });
});

describe('token_type', () => {
  it.each(['Bearer', 'bearer', 'BEARER'])('%s is kept as the server wrote it', (type) => {
    expect(grant({ token_type: type })).toMatchObject({
      tokens: { tokenType: type },
      accessTokenUsable: true,
      problems: [],
    });
  });

  it.each([undefined, null, ''])('that is missing (%j) is Bearer', (type) => {
    expect(grant({ token_type: type })).toMatchObject({
      tokens: { tokenType: 'Bearer' },
      accessTokenUsable: true,
      problems: [],
    });
  });

  it.each(['bot', 'user'])('that names a Slack identity (%s) is Bearer, only at Slack', (type) => {
    expect(grant({ ok: true, token_type: type })).toMatchObject({
      tokens: { tokenType: 'Bearer' },
      accessTokenUsable: true,
    });
    expect(grant({ token_type: type }).accessTokenUsable).toBe(false);
  });

  it('dpop says that a key is missing', () => {
    const granted = grant({ token_type: 'DPoP' });
    expect(granted.accessTokenUsable).toBe(false);
    expect(granted.problems).toEqual([expect.stringMatching(/sender-constrained.*DPoP key/)]);
  });

  it.each(['mac', 'N_A', 7])('that is unknown (%j) makes the access token unusable', (type) => {
    const granted = grant({ token_type: type });
    expect(granted.accessTokenUsable).toBe(false);
    expect(granted.problems).toHaveLength(1);
    expect(reveal(granted)).toMatchObject({ access: 'access', refresh: 'refresh' });
  });

  it('cannot smuggle a token or control characters into a problem', () => {
    const granted = grant({ token_type: 'access \u001b[31m refresh' });
    expect(granted.problems.join()).not.toMatch(/refresh|\u001b/);
    expect(granted.tokens.tokenType).not.toMatch(/refresh|\u001b/);
  });
});

describe('id_token', () => {
  it('is kept if it is well-formed, and ignored with a problem if not', () => {
    expect(reveal(grant({ id_token: 'a.b.c' })).id).toBe('a.b.c');
    for (const token of ['', 'a b', 7, {}]) {
      const granted = grant({ id_token: token });
      expect(granted.tokens.idToken).toBeUndefined();
      expect(granted.problems).toEqual(['the id token in the answer is malformed and was ignored']);
    }
    expect(grant({ id_token: null })).toMatchObject({ problems: [] });
  });
});
