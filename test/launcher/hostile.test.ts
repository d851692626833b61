import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Credential } from '../../src/credential.ts';
import { Secret } from '../../src/secret.ts';
import { need } from '../support/need.ts';
import { credentialOf } from '../support/records.ts';
import { ago, createPlace, isInstalled, LAUNCHER, type Place, SHELLS, whereIs } from './driver.ts';

const TOKEN = 'SECRET-token';
/** Read, and then left to Node.js: the launcher holds it when it starts something else. */
const ODD = 'SECRET$token';
const LONG = `SECRET${'x'.repeat(4000)}`;

const VARIABLES = [...new Set(readFileSync(LAUNCHER, 'utf8').match(/\btk_[a-z]+/g))];

describe.each(SHELLS)('in %s, the launcher', (name, ...shell) => {
  let place: Place;
  beforeEach(async (context) => {
    need(context, isInstalled(shell[0] ?? ''), name);
    place = createPlace();
    await place.save(holding(TOKEN));
    await place.save(holding(TOKEN), 'odd');
    place.replaceToken(ODD, 'odd');
    await place.save(holding(LONG), 'long');
    utimesSync(place.anchorPath, 1, Date.now() / 1000 - 60);
  });
  const launch = (login: string, env: NodeJS.ProcessEnv = {}) =>
    place.launch({ args: ['get', login], shell, env });

  it('takes no variable of its own from the environment, and gives none to Node.js', () => {
    const env = Object.fromEntries(VARIABLES.map((variable) => [variable, 'hostile']));
    expect(VARIABLES.length).toBeGreaterThan(15);
    expect(launch('work', env)).toEqual({ code: 0, stdout: `${TOKEN}\n`, stderr: '', node: null });
    expect(launch('long', env).stdout).toBe(`${LONG}\n`);
    const { stdout, stderr, node } = launch('odd', env);
    expect(node?.env).toContain('TOKENCTL_HOME=');
    expect(node?.env).not.toMatch(/^tk_|SECRET|hostile/m);
    expect(stdout + stderr).toBe('');
  });

  it('gives Node.js the rest of its environment as it is', () => {
    const env = { NODE_OPTIONS: '--max-http-header-size=9999', IFS: 'x', CDPATH: '/tmp', A: ' b ' };
    const seen = launch('other', env).node?.env.split('\n');
    for (const [variable, value] of Object.entries(env)) {
      // Some shells keep an IFS from outside to themselves.
      expect(variable === 'IFS' || seen?.includes(`${variable}=${value}`)).toBe(true);
    }
  });

  it.each([
    'xtrace',
    'verbose',
    'xtrace:verbose:allexport:errexit:nounset:noglob:noclobber:keyword:monitor:physical',
  ])('tells nobody the token with SHELLOPTS=%s', (SHELLOPTS) => {
    const PS4 = '$tk_rest$tk_line+';
    expect(launch('work', { SHELLOPTS, PS4 }).stdout).toBe(`${TOKEN}\n`);
    for (const login of ['work', 'odd', 'long']) {
      const { stderr, node } = launch(login, { SHELLOPTS, PS4 });
      expect(stderr).not.toContain('SECRET');
      expect(node?.env ?? '').not.toContain('SECRET');
    }
  });

  it('is not told what to do by functions from the environment', () => {
    const told = join(place.directory, 'told');
    const functions = (names: readonly string[]) =>
      Object.fromEntries(
        names.map((of) => [
          `BASH_FUNC_${of}%%`,
          `() { /usr/bin/env printf '%s\\n' ${of} "$@" "$tk_rest" >>'${told}'; }`,
        ]),
      );
    const regular = ['printf', 'echo', 'read', '[', 'test', 'command', 'date', 'duration', 'case'];
    const special = ['exit', 'set', 'unset', 'exec', 'return', 'break', 'shift', ':', 'eval'];
    expect(launch('work', functions(regular)).stdout).toBe(`${TOKEN}\n`);
    expect(launch('long', functions(regular)).stdout).toBe(`${LONG}\n`);
    expect(launch('odd', functions(regular)).node).not.toBeNull();
    // Given these, bash does not even start as sh.
    for (const login of ['work', 'odd', 'long']) {
      const { stdout } = launch(login, functions([...regular, ...special]));
      expect(stdout).toMatch(/^(SECRET.*\n)?$/);
    }
    expect(existsSync(told) ? readFileSync(told, 'utf8') : '').toBe('');
  });

  it.each<[string, NodeJS.ProcessEnv]>([
    ['IFS', { IFS: 'SE/:,"{}2 \n\t' }],
    ['CDPATH and GLOBIGNORE', { CDPATH: '/:/tmp', GLOBIGNORE: '*', NULLCMD: 'rm' }],
    ['POSIXLY_CORRECT', { POSIXLY_CORRECT: '1' }],
    ['BASH_VERSION', { BASH_VERSION: '9', KSH_VERSION: '9', ZSH_VERSION: '9' }],
    ['a locale that does not exist', { LC_ALL: 'zz_ZZ.nothing', LANG: 'zz' }],
    ['a multibyte locale', { LC_ALL: 'C.UTF-8' }],
    ['no place for temporary files', { TMPDIR: '/nonexistent', TMPPREFIX: '/nonexistent/zsh' }],
    ['ENV', { ENV: '/nonexistent', PS1: '$(echo hostile)', PS4: '$(echo hostile)' }],
    ['options for awk', { MAWK_OPTIONS: '-W dump', MAWK_LONG_OPTIONS: 'version', AWKPATH: '/' }],
    ['its own options', { ENV: '', YASH_VERSION: '', ECHO_STYLE: 'SYSV', BLOCKSIZE: '9' }],
  ])('is not misled by %s', (_what, env) => {
    expect(launch('work', env)).toMatchObject({ code: 0, stdout: `${TOKEN}\n`, node: null });
    expect(launch('long', env).stdout).toBe(`${LONG}\n`);
    expect(launch('odd', env).node).not.toBeNull();
  });

  // yash has no `[` then, and asks nobody.
  it.each(name.startsWith('yash') ? [] : ['', '.', '/nonexistent'])(
    'needs nothing in PATH: %j',
    (PATH) => {
      expect(launch('work', { PATH })).toMatchObject({ code: 0, stdout: `${TOKEN}\n`, stderr: '' });
      expect(launch('long', { PATH })).toMatchObject({ code: 0, stdout: `${LONG}\n`, stderr: '' });
    },
  );

  // By its own name bash does, and then that file may do what it likes.
  it.each(name === 'bash' ? [] : [name])('reads no start-up file when %s is sh', () => {
    const told = join(place.directory, 'told');
    const file = join(place.directory, 'startup');
    writeFileSync(file, `: >'${told}'\n`);
    copyFileSync(file, join(place.directory, '.zshenv'));
    const sh = join(place.directory, 'bin', 'sh');
    const [command = '', ...options] = shell;
    symlinkSync(whereIs(command), sh);
    const env = { ENV: file, BASH_ENV: file, ZDOTDIR: place.directory, HOME: place.directory };
    const asSh = command === 'busybox' ? ['busybox', ...options] : [sh];
    expect(place.launch({ args: ['get', 'work'], shell: asSh, env }).stdout).toBe(`${TOKEN}\n`);
    expect(existsSync(told)).toBe(false);
  });

  it('looks for records neither in the current directory nor at the root', () => {
    const decoy = join(place.directory, 'cwd');
    for (const data of ['credentials', '.local/share/tokenctl/credentials']) {
      mkdirSync(join(decoy, data), { recursive: true, mode: 0o700 });
      for (const file of ['work.json', 'tokenctl-anchor']) {
        copyFileSync(join(dirname(place.recordPath()), file), join(decoy, data, file));
        utimesSync(
          join(decoy, data, file),
          1,
          Date.now() / 1000 + (file === 'work.json' ? 999 : -60),
        );
      }
    }
    for (const env of [
      ...['', '.', 'cwd', './'].map((home) => ({ TOKENCTL_HOME: home })),
      ...['', '.', './'].map((home) => ({ TOKENCTL_HOME: undefined, HOME: home })),
      { TOKENCTL_HOME: undefined, HOME: '/nonexistent', XDG_DATA_HOME: '.local/share' },
      { TOKENCTL_HOME: undefined, HOME: undefined },
    ]) {
      const { stdout, node } = place.launch({ args: ['get', 'work'], shell, cwd: decoy, env });
      expect({ env, stdout, asked: node !== null }).toEqual({ env, stdout: '', asked: true });
    }
  });

  it('starts no `node` from the current directory, wherever PATH leads', () => {
    const cwd = join(place.directory, 'cwd');
    const told = join(place.directory, 'told');
    mkdirSync(join(cwd, 'bin'), { recursive: true });
    for (const program of ['node', 'readlink', 'bin/node', 'bin/readlink', 'date', 'mawk', 'awk']) {
      writeFileSync(join(cwd, program), `#!/bin/sh\necho ${program} >>'${told}'\n`);
      chmodSync(join(cwd, program), 0o755);
    }
    const link = join(place.directory, 'link');
    symlinkSync(LAUNCHER, link);
    for (const PATH of [
      `:${place.path}`,
      `.:bin:./bin:${place.path}`,
      `${place.path}:`,
      `::${place.path}`,
    ]) {
      for (const args of [['status'], ['get', 'odd'], ['get', 'long', '--min-ttl', '1s']]) {
        place.launch({ args, shell, cwd, env: { PATH } });
      }
      const [command = '', ...options] = shell;
      spawnSync(whereIs(command), [...options, link, 'status'], { cwd, env: { PATH } });
      expect(existsSync(told)).toBe(false);
    }
    // For an empty PATH zsh takes one of its own.
    for (const PATH of ['.', 'bin', ':', '.:bin:', ...(name === 'zsh' ? [] : [''])]) {
      const { code, stdout, stderr, node } = place.launch({
        args: ['status'],
        shell,
        cwd,
        env: { PATH },
      });
      expect({ PATH, code, stdout, node }).toEqual({ PATH, code: 127, stdout: '', node: null });
      expect(stderr).toContain(name.startsWith('yash') ? '' : 'there is no node');
    }
    expect(existsSync(told)).toBe(false);
  });

  it('prints nothing and says so if stdout takes nothing', (context) => {
    need(context, existsSync('/dev/full'), '/dev/full');
    need(context, existsSync('/usr/bin/mawk'), 'mawk(1)');
    const [command = '', ...options] = shell;
    for (const login of ['work', 'long']) {
      const { status, stderr } = spawnSync(command, [...options, LAUNCHER, 'get', login], {
        env: { PATH: place.path, TOKENCTL_HOME: place.home },
        stdio: ['ignore', openSync('/dev/full', 'w'), 'pipe'],
        encoding: 'utf8',
      });
      // 2 is what mawk says.
      expect({ login, status }).toEqual({ login, status: login === 'work' ? 1 : 2 });
      expect(stderr).not.toContain('SECRET');
    }
    expect(existsSync(join(place.directory, 'args'))).toBe(false);
  });
});

function holding(token: string): Credential {
  return credentialOf({ accessToken: new Secret(token), issued: ago(100) });
}
