import { isAbsolute } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { findPaths, requireLoginName } from '../src/paths.ts';

const BASES = ['XDG_DATA_HOME', 'XDG_STATE_HOME'] as const;
const before = BASES.map((name) => [name, process.env[name]] as const);

afterEach(() => {
  for (const [name, value] of before) {
    if (value === undefined) {
      delete process.env[name];
    } else {
      process.env[name] = value;
    }
  }
});

describe('TOKENCTL_HOME', () => {
  it('holds everything', () => {
    expect(findPaths({ TOKENCTL_HOME: '/home/user/logins' })).toEqual({
      credentials: '/home/user/logins/credentials',
      audit: '/home/user/logins/audit.jsonl',
      answers: '/home/user/logins/answers',
      setup: '/home/user/logins/setup.json',
      seen: '/home/user/logins/seen',
    });
  });

  it('wins over the base directories of the platform', () => {
    process.env.XDG_DATA_HOME = '/elsewhere';
    expect(findPaths({ TOKENCTL_HOME: '/logins' }).credentials).toBe('/logins/credentials');
  });

  it.each(['', '.', 'logins', './logins', '../logins', '~/logins', '$HOME/logins', ' /logins'])(
    'is refused if it depends on the current directory: %j',
    (home) => {
      expect(() => findPaths({ TOKENCTL_HOME: home })).toThrow(
        expect.objectContaining({
          code: 'refused',
          message: 'TOKENCTL_HOME must be an absolute path',
          hint: expect.stringContaining('TOKENCTL_HOME'),
        }),
      );
    },
  );
});

describe('without TOKENCTL_HOME', () => {
  it('everything has its place, and none depends on the current directory', () => {
    const paths = findPaths({});
    expect(Object.values(paths).every(isAbsolute)).toBe(true);
    expect(paths.credentials).toMatch(/tokenctl.*credentials$/);
    // No version in it: an upgrade finds what is there (INCIDENTS 26).
    expect(paths.credentials).not.toMatch(/\d+\.\d+|nodejs/);
  });

  it.skipIf(process.platform !== 'linux')('the XDG base directories are where it is', () => {
    process.env.XDG_DATA_HOME = '/data';
    process.env.XDG_STATE_HOME = '/state';
    expect(findPaths({})).toEqual({
      credentials: '/data/tokenctl/credentials',
      audit: '/state/tokenctl/audit.jsonl',
      answers: '/data/tokenctl/answers',
      setup: '/state/tokenctl/setup.json',
      seen: '/state/tokenctl/seen',
    });
  });

  it.skipIf(process.platform !== 'linux')('relative base directories are refused', () => {
    process.env.XDG_DATA_HOME = 'data';
    expect(() => findPaths({})).toThrow(
      expect.objectContaining({
        code: 'refused',
        message: expect.stringContaining('XDG_DATA_HOME'),
      }),
    );
    process.env.XDG_DATA_HOME = '/data';
    process.env.XDG_STATE_HOME = './state';
    expect(() => findPaths({})).toThrow(
      expect.objectContaining({
        code: 'refused',
        message: expect.stringContaining('XDG_STATE_HOME'),
      }),
    );
  });
});

describe('requireLoginName', () => {
  it('gives the name back', () => {
    expect(requireLoginName('alice.github')).toBe('alice.github');
  });

  it.each(['', '-x', '../x', 'a/b', 'a\nb', 'a\u001b[31mb', 'a\u009b31mb', 'x'.repeat(10_000)])(
    'refuses what is no name, in one short line: %#',
    (name) => {
      try {
        requireLoginName(name);
      } catch (error) {
        expect(error).toMatchObject({ code: 'usage' });
        expect((error as Error).message).not.toMatch(/[\p{Cc}]/u);
        expect((error as Error).message.length).toBeLessThan(250);
        return;
      }
      expect.fail('it was taken');
    },
  );
});
