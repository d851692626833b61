import { execFile } from 'node:child_process';
import {
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Credential } from '../../src/credential.ts';
import { Secret } from '../../src/secret.ts';
import { need } from '../support/need.ts';
import { credentialOf } from '../support/records.ts';
import { ago, createPlace, isInstalled, LAUNCHER, type Place, SHELLS } from './driver.ts';

const TOKEN = 'aZ09._~+/=:@%,!-';
/** Long enough to be printed by another program where that is faster. */
const LONG = 'aB3_'.repeat(1000);

describe.each(SHELLS)('in %s, the launcher', (name, ...shell) => {
  let place: Place;
  beforeEach(async (context) => {
    need(context, isInstalled(shell[0] ?? ''), name);
    place = createPlace();
    await place.save(fresh());
    // It was made this very second, and busybox compares whole ones.
    utimesSync(place.anchorPath, 1, Date.now() / 1000 - 60);
  });
  const launch = (...args: string[]) => place.launch({ args, shell });

  it.each<[string[], string]>([
    [['get', 'work'], TOKEN],
    [['get', 'work', '--header'], `Authorization: Bearer ${TOKEN}`],
    [['get', '--header', 'work'], `Authorization: Bearer ${TOKEN}`],
    [['get', 'work', '--no-refresh'], TOKEN],
    [['get', 'work', '--timeout', '5s'], TOKEN],
    [['get', '--timeout=5s', 'work', '--no-refresh'], TOKEN],
    [['get', 'work', '--min-ttl', '10m'], TOKEN],
    [['get', 'work', '--min-ttl=10m', '--header'], `Authorization: Bearer ${TOKEN}`],
    [['get', 'work', '--min-ttl', '2h', '--min-ttl', '10m'], TOKEN],
  ])('answers %j', (args, line) => {
    expect(launch(...args)).toEqual({ code: 0, stdout: `${line}\n`, stderr: '', node: null });
  });

  it.each<[string[]]>([
    [[]],
    [['status']],
    [['get']],
    [['get', 'other']],
    [['get', 'work', 'work']],
    [['get', 'work', '']],
    [['get', '']],
    [['get', 'work', '--json']],
    [['get', 'work', '--force']],
    [['get', 'work', '--id-token']],
    [['get', 'work', '--rejected', '-']],
    [['get', '--', 'work']],
    [['get', 'work', '--help']],
    [['--header', 'get', 'work']],
    [['get', 'work', '--header=']],
    [['get', 'work', '--min-ttl']],
    [['get', 'work', '--min-ttl', '']],
    [['get', 'work', '--min-ttl', '5']],
    [['get', 'work', '--min-ttl', '-5m']],
    [['get', 'work', '--min-ttl', '1h 5m']],
    [['get', 'work', '--min-ttl', '99999999999h']],
    [['get', '--min-ttl', '--header', 'work']],
    [['get', 'work', '--timeout', 'soon']],
    // More than is left before renewal: what Node.js does then depends on more than the clock.
    [['get', 'work', '--min-ttl', '50m']],
    [['get', '../home/credentials/work']],
    [['get', 'work\n']],
    [['get', 'w*rk']],
    [['get', `${'x'.repeat(65)}`]],
  ])('leaves %j to Node.js, as it is', (args) => {
    const { code, stdout, stderr, node } = launch(...args);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '', stderr: '' });
    expect(node?.args.join('\n')).toBe(
      [join(dirname(LAUNCHER), 'tokenctl.js'), ...args].join('\n'),
    );
  });

  it('prints a long token', async () => {
    await place.save(fresh({ accessToken: new Secret(LONG), generation: 2 }));
    expect(launch('get', 'work')).toMatchObject({ code: 0, stdout: `${LONG}\n`, node: null });
    expect(launch('get', 'work', '--header', '--min-ttl', '10m')).toMatchObject({
      stdout: `Authorization: Bearer ${LONG}\n`,
      node: null,
    });
  });

  it('prints a token that echo would take for an option', async () => {
    await place.save(fresh({ accessToken: new Secret('-n'), generation: 2 }));
    expect(launch('get', 'work')).toMatchObject({ stdout: '-n\n', node: null });
    expect(launch('get', 'work', '--header')).toMatchObject({
      stdout: 'Authorization: Bearer -n\n',
      node: null,
    });
  });

  it('prints a token that is fresh until it is rejected', async () => {
    await place.save(fresh({ lifetime: null, generation: 2 }));
    expect(launch('get', 'work')).toMatchObject({ stdout: `${TOKEN}\n`, node: null });
    expect(launch('get', 'work', '--min-ttl', '9d')).toMatchObject({
      stdout: `${TOKEN}\n`,
      node: null,
    });
  });

  it.each<[string, Partial<Credential>]>([
    ['is due for renewal', { issued: ago(2702) }],
    ['has expired', { issued: ago(4000) }],
    ['was rejected', { rejected: true }],
    ['belongs to a login that is dead', { state: { kind: 'dead', reason: null, at: null } }],
    ['belongs to a login that is paused', { state: { kind: 'paused', reason: null, at: null } }],
    ['is not presented by a header alone', { tokenType: 'DPoP' }],
    ['is in a lifeboat', { lifeboat: '/tmp/lifeboat' }],
    ['holds what it does not know to be plain', { accessToken: new Secret('a$b') }],
    ['is not there', { accessToken: null }],
    ['was issued in the future', { issued: ago(-100) }],
  ])('leaves a token to Node.js that %s', async (_what, members) => {
    await place.save(fresh({ generation: 2, ...members }));
    expect(launch('get', 'work')).toMatchObject({ code: 0, stdout: '', stderr: '' });
    expect(launch('get', 'work', '--min-ttl', '1s').node).not.toBeNull();
  });

  it('prints nothing that was changed by hand, also if the time was set back', (context) => {
    need(context, existsSync('/usr/bin/mawk'), 'mawk(1)');
    place.replaceToken('a$b');
    expect(launch('get', 'work')).toMatchObject({ code: 0, stdout: '', stderr: '' });
    // What prints long tokens has taken the place of the shell by then.
    place.replaceToken(LONG.replace('a', '$'));
    const { stdout, node } = launch('get', 'work');
    expect({ stdout, node }).toEqual({ stdout: '', node: null });
  });

  it('leaves it to Node.js if a variable is set that only Node.js heeds', () => {
    for (const TOKENCTL_DEBUG of ['', '1']) {
      expect(
        place.launch({ args: ['get', 'work'], shell, env: { TOKENCTL_DEBUG } }).node,
      ).not.toBeNull();
    }
  });

  it('gives Node.js the stdin that it has not touched', () => {
    place.replaceToken('a$b');
    place.launch({ args: ['get', 'work'], shell, input: 'for Node.js' });
    expect(place.stdinOfNode()).toBe('for Node.js');
  });

  it.each<[string, (place: Place) => void]>([
    [
      'the file is a link',
      (place) => {
        renameSync(place.recordPath(), join(place.directory, 'elsewhere.json'));
        symlinkSync(join(place.directory, 'elsewhere.json'), place.recordPath());
      },
    ],
    [
      'the file is a directory',
      ({ recordPath }) => {
        rmSync(recordPath());
        mkdirSync(recordPath());
      },
    ],
    ['the file was written to', (place) => writeFileSync(place.recordPath(), ' ', { flag: 'a' })],
    [
      'the file was copied',
      (place) => {
        copyFileSync(place.recordPath(), join(place.directory, 'copy'));
        renameSync(join(place.directory, 'copy'), place.recordPath());
      },
    ],
    ['the file has no time ahead', ({ recordPath }) => utimesSync(recordPath(), 1, 1)],
    ['there is no anchor', ({ anchorPath }) => rmSync(anchorPath)],
    [
      'the anchor says that the clock was stepped back',
      ({ anchorPath }) => utimesSync(anchorPath, 1, Date.now() / 1000 + 3600),
    ],
  ])('asks Node.js if %s', (_what, change) => {
    change(place);
    const { stdout, stderr, node } = launch('get', 'work');
    expect({ stdout, stderr }).toEqual({ stdout: '', stderr: '' });
    expect(node).not.toBeNull();
  });

  it('asks Node.js about what is not ours', (context) => {
    need(context, process.getuid?.() === 0, 'root, who may give files away');
    for (const path of [place.recordPath(), dirname(place.recordPath()), place.anchorPath]) {
      chownSync(path, 12_345, 12_345);
      expect(launch('get', 'work').node).not.toBeNull();
      chownSync(path, 0, 0);
      expect(launch('get', 'work').node).toBeNull();
    }
  });

  it('does not wait for a pipe', async () => {
    rmSync(place.recordPath());
    await promisify(execFile)('mkfifo', [place.recordPath()]);
    expect(launch('get', 'work').node).not.toBeNull();
  });

  it('finds the records where Node.js keeps them', async () => {
    const data = join(place.directory, 'data');
    renameSync(place.home, join(place.directory, 'tokenctl'));
    const find = (env: NodeJS.ProcessEnv) =>
      place.launch({ args: ['get', 'work'], shell, env: { TOKENCTL_HOME: undefined, ...env } });
    expect(find({ HOME: data, XDG_DATA_HOME: place.directory })).toMatchObject({ node: null });
    mkdirSync(join(data, '.local/share'), { recursive: true });
    renameSync(join(place.directory, 'tokenctl'), join(data, '.local/share/tokenctl'));
    expect(find({ HOME: data })).toMatchObject({ stdout: `${TOKEN}\n`, node: null });
    expect(find({ HOME: data, XDG_DATA_HOME: '', XDG_STATE_HOME: '' }).node).toBeNull();
    // These Node.js refuses.
    expect(find({ HOME: data, XDG_STATE_HOME: 'state' }).node).not.toBeNull();
    expect(find({ HOME: data, XDG_DATA_HOME: 'data/.local/share' }).node).not.toBeNull();
    expect(find({ HOME: data, TOKENCTL_HOME: '' }).node).not.toBeNull();
    expect(find({ HOME: 'data' }).node).not.toBeNull();
    expect(find({ HOME: '' }).node).not.toBeNull();
    expect(find({ HOME: undefined }).node).not.toBeNull();
    // And this is another place to it than to the system.
    symlinkSync(join(data, '.local/share'), join(place.directory, 'link'));
    const dots = `${place.directory}/link/../share/tokenctl`;
    expect(find({ HOME: data, TOKENCTL_HOME: dots }).node).not.toBeNull();
  });
});

function fresh(members: Partial<Credential> = {}): Credential {
  return credentialOf({ accessToken: new Secret(TOKEN), issued: ago(100), ...members });
}
