import { describe, expect, it } from 'vitest';
import { parseCredentialArguments } from '../../src/cli/credential-options.ts';

const NOTHING_MORE = { operation: '', login: undefined, idToken: false };

describe('a credential as other programs call it', () => {
  it.each([
    [['git', 'get'], { operation: 'get' }],
    [['git', '--login', 'work', 'get'], { operation: 'get', login: 'work' }],
    [['git', 'get', '--login', '7'], { operation: 'get', login: '7' }],
    [['git'], {}],
    [['git', '--id-token'], { idToken: true }],
    [['git', '--cargo-plugin'], {}],
  ])('is read without commander: %j', (args, expected) => {
    expect(parseCredentialArguments(args)).toEqual({ kind: 'git', ...NOTHING_MORE, ...expected });
  });

  it.each([
    [[]],
    [['--help']],
    [['git', 'get', '--help']],
    [['git', 'get', 'more']],
    [['git', '--login']],
    [['git', '--login', '--id-token']],
    [['git', '--login=work']],
    [['git', '-x']],
    [['git', '--']],
    [['', 'get']],
  ])('and anything else by commander: %j', (args) => {
    expect(parseCredentialArguments(args)).toBeNull();
  });
});
