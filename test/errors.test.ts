import { constants } from 'node:os';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { abbreviated, errnoOf, printable, TokenctlError } from '../src/errors.ts';
import { noSuchLogin } from '../src/messages.ts';

describe('a token that strayed among the arguments', () => {
  const TOKEN = 'ghx_16C7e42F292c6912E7710c838347Ae178B4a';

  it('is not said back, save for the four characters by which a person finds it', () => {
    expect(abbreviated(TOKEN)).toBe('ghx_…');
    expect(abbreviated('x\u001b[31m'.repeat(9))).toBe('x [3…');
  });

  it('is told from what people type', () => {
    for (const typed of ['work', 'alice@example.com', '--no-refresh', 'github-work-2024']) {
      expect(abbreviated(typed)).toBe(typed);
    }
  });

  it('is no login, and the message does not repeat it', () => {
    const { message, login, hint } = noSuchLogin(TOKEN);
    expect(`${message} ${login} ${hint}`).not.toContain(TOKEN.slice(0, 8));
    expect(noSuchLogin('work')).toMatchObject({ login: 'work', hint: 'tokenctl login work' });
  });
});

describe('printable', () => {
  it.each([
    ['an escape sequence', 'a\u001b[31mb', 'a [31mb'],
    ['a C1 control sequence introducer', 'a\u009b31mb', 'a 31mb'],
    ['lines', 'a\r\nb\u0085c\u2028d\u2029e', 'a b c d e'],
    ['backspaces and NUL', 'a\b\b\u0000b\u007fc', 'a b c'],
    ['a bidirectional override', 'a\u202eb\u2066c\u2069d', 'a b c d'],
    ['bidirectional marks', 'a\u200eb\u200fc\u061cd', 'a b c d'],
    ['a title that is set', '\u001b]0;title\u0007done', ']0;title done'],
  ])('takes %s out', (_what, text, safe) => {
    expect(printable(text)).toBe(safe);
  });

  it('leaves ordinary text of any language as it is', () => {
    const text = 'Zugriff verweigert – 拒否されました – отказано 🙅';
    expect(printable(text)).toBe(text);
  });

  it('cuts long text short, and says so', () => {
    expect(printable('x'.repeat(300))).toBe(`${'x'.repeat(200)}…`);
    expect(printable('x'.repeat(300), 10)).toBe(`${'x'.repeat(10)}…`);
    expect(printable('x'.repeat(200))).toBe('x'.repeat(200));
  });

  it('gives one line without control characters, whatever it is given', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(50), (text, maxLength) => {
        const safe = printable(text, maxLength);
        expect(safe).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u);
        expect(safe.length).toBeLessThanOrEqual(maxLength + 1);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('a TokenctlError', () => {
  it('says what happened, to which login, and what mends it', () => {
    const cause = new Error('below');
    const error = new TokenctlError('refused', 'no', { login: 'work', hint: 'do', cause });
    expect(error).toMatchObject({ code: 'refused', login: 'work', hint: 'do', cause });
    expect(String(error)).toBe('TokenctlError: no');
  });

  it('has no cause where there is none', () => {
    expect('cause' in new TokenctlError('usage', 'no')).toBe(false);
  });
});

describe('errnoOf', () => {
  it('gives the code of a system error', () => {
    expect(errnoOf(Object.assign(new Error('no'), { code: 'ENOENT' }))).toBe('ENOENT');
  });

  it('names what Node.js has no name for, as a home with a quota', () => {
    const { EDQUOT } = constants.errno;
    expect(errnoOf({ code: `Unknown system error -${EDQUOT}` })).toBe('EDQUOT');
    expect(errnoOf({ code: 'Unknown system error -9999' })).toBe('errno 9999');
  });

  it.each([null, undefined, 'ENOENT', 7, {}, { code: 7 }, new Error('no')])(
    'gives nothing for %j',
    (error) => {
      expect(errnoOf(error)).toBeUndefined();
    },
  );
});
