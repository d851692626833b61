import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bindVariables,
  requireDistinct,
  suggestedVariable,
  type Variable,
} from '../../src/cli/child-variables.ts';
import { TokenctlError } from '../../src/errors.ts';
import { providers } from '../../src/providers/providers.ts';

const bind = (logins: readonly string[], env: readonly string[], file: readonly string[] = []) =>
  bindVariables(logins, { env, file }).map(
    ({ login, variable, as }) => `${login}:${variable}:${as}`,
  );

describe('variables', () => {
  it.each([
    [['a'], [], [], []],
    [['a'], ['X'], [], ['a:X:token']],
    [['a'], ['X', 'Y'], [], ['a:X:token', 'a:Y:token']],
    [['a', 'b'], ['X', 'Y'], [], ['a:X:token', 'b:Y:token']],
    [['a', 'b'], ['X'], [], ['a:X:token']],
    [['a', 'b'], ['a=X', 'Y'], [], ['a:X:token', 'b:Y:token']],
    [['a', 'b'], ['X', 'a=Y'], [], ['a:Y:token', 'b:X:token']],
    [['a', 'b'], ['a=X', 'a=Y'], [], ['a:X:token', 'a:Y:token']],
    [['a', 'b'], ['X'], ['Y'], ['a:X:token', 'a:Y:path']],
    [['a', 'b'], ['X'], ['b=Y'], ['a:X:token', 'b:Y:path']],
  ])('of %j, said by --env %j and --file %j, are %j', (logins, env, file, expected) => {
    expect(bind(logins, env, file).toSorted()).toEqual(expected.toSorted());
  });

  it.each([
    [['a', 'a'], [], [], 'a is named twice'],
    [['a', 'b'], ['X', 'Y', 'Z'], [], 'more variables than logins'],
    [['a', 'b'], ['X', 'X'], [], 'X would be for a and for b'],
    [['a', 'b'], ['a=X', 'b=X'], [], 'X would be for a and for b'],
    [['a'], ['X'], ['X'], 'X is given twice for a'],
    [['a'], ['c=X'], [], 'c is not among the logins'],
    [['a'], ['a=X=Y'], [], 'takes VARIABLE or NAME=VARIABLE'],
    [['a'], ['=X'], [], 'is not among the logins'],
    [['a'], ['a='], [], 'is no name of an environment variable'],
    [['a'], ['a-b'], [], 'is no name'],
    [['a'], ['1A'], [], 'is no name'],
    [['a'], ['Ä'], [], 'is no name'],
    [['a'], ['A\nB'], [], 'is no name'],
    [['a'], [''], [], 'is no name'],
  ])('of %j, said by --env %j and --file %j, are refused: %s', (logins, env, file, why) => {
    expect(() => bind(logins, env, file)).toThrow(TokenctlError);
    expect(() => bind(logins, env, file)).toThrow(why);
  });

  it.each([
    'PATH IFS ENV BASH_ENV LD_PRELOAD LD_LIBRARY_PATH DYLD_INSERT_LIBRARIES NODE_OPTIONS PYTHONPATH',
    'PYTHONSTARTUP PERL5OPT RUBYOPT JAVA_TOOL_OPTIONS _JAVA_OPTIONS GIT_SSH_COMMAND GIT_CONFIG_COUNT',
    'HOME SHELL TMPDIR PS4 PROMPT_COMMAND TOKENCTL_HOME TOKENCTL_KEY_COMMAND https_proxy HTTPS_PROXY',
    'EDITOR PAGER LESSOPEN SSH_ASKPASS SSL_CERT_FILE OPENSSL_CONF TZ LANG LC_ALL XDG_RUNTIME_DIR',
  ])('that programs obey are refused: %s', (names) => {
    for (const name of names.split(' ')) {
      expect(() => bind(['a'], [name]), name).toThrow('decides what programs do');
      expect(() => bind(['a'], [], [name]), name).toThrow('decides what programs do');
    }
  });

  it('that are usual for tokens are not', () => {
    const usual = Object.values(providers).flatMap(({ environmentVariable: name }) => name ?? []);
    const known = [
      'NODE_AUTH_TOKEN',
      'NPM_TOKEN',
      'GIT_TOKEN',
      'CARGO_REGISTRY_TOKEN',
      'PIP_TOKEN',
    ];
    for (const name of [
      ...usual,
      ...known,
      'AWS_WEB_IDENTITY_TOKEN_FILE',
      '_T',
      'a',
      'PYTHON_TOKEN',
    ]) {
      expect(bind(['a'], [name])).toEqual([`a:${name}:token`]);
    }
  });

  it('go to a login that was named, each variable once, or not at all', () => {
    const logins = fc.uniqueArray(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 });
    const given = fc.array(
      fc.constantFrom<string[]>(
        'X',
        'Y',
        'Z',
        'a=X',
        'b=Y',
        'c=Z',
        'a=W',
        'd=V',
        '=',
        'PATH',
        'a=b=c',
        '',
      ),
      { maxLength: 4 },
    );
    let bound = 0;
    fc.assert(
      fc.property(logins, given, given, (names, env, file) => {
        let variables: Variable[];
        try {
          variables = bindVariables(names, { env, file });
        } catch (error) {
          expect(error).toMatchObject({ code: 'usage' });
          return;
        }
        bound += variables.length > 0 ? 1 : 0;
        expect(variables).toHaveLength(env.length + file.length);
        expect(new Set(variables.map(({ variable }) => variable)).size).toBe(variables.length);
        for (const { login, variable, as } of variables) {
          const said = as === 'token' ? env : file;
          expect(names).toContain(login);
          // By name to that very login; alone never to one that is spoken of by name, save the only one.
          expect(said.includes(variable) || said.includes(`${login}=${variable}`)).toBe(true);
          if (!said.includes(`${login}=${variable}`) && names.length > 1) {
            expect(said.some((each) => each.startsWith(`${login}=`))).toBe(false);
          }
        }
        expect(requireDistinct(variables)).toEqual(variables);
      }),
      { numRuns: 3000 },
    );
    expect(bound).toBeGreaterThan(100);
  });
});

describe('what is suggested for a login', () => {
  it('can be used as it is', () => {
    const names = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/);
    fc.assert(
      fc.property(names, (name) => {
        expect(bind([name], [suggestedVariable(name)])).toHaveLength(1);
      }),
    );
    expect(suggestedVariable('alice.work')).toBe('ALICE_WORK_TOKEN');
    for (const name of ['tokenctl', 'ld-x', '7', 'lc.', 'java']) {
      expect(bind([name], [suggestedVariable(name)])).toHaveLength(1);
    }
  });
});
