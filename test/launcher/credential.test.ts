import { execFileSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { answerRequest } from '../../src/cli/credential-answer.ts';
import type { Credential } from '../../src/credential.ts';
import { findPaths } from '../../src/paths.ts';
import { protocols } from '../../src/protocols/protocols.ts';
import { Secret } from '../../src/secret.ts';
import { keepAnswer } from '../../src/store/answers.ts';
import { need } from '../support/need.ts';
import { credentialOf } from '../support/records.ts';
import { ago, createPlace, isInstalled, LAUNCHER, type Place, SHELLS } from './driver.ts';

const TOKEN = 'SECRET.aZ09_~+/=:@%,!-';
const HOST = 'git.example.com';
const REQUEST = `protocol=https\nhost=${HOST}\n`;
const VARIABLES = [...new Set(readFileSync(LAUNCHER, 'utf8').match(/\btk_[a-z]+/g))];

const isYash = ([, command]: (typeof SHELLS)[number]) => command === 'yash';

describe.each(SHELLS.filter((shell) => !isYash(shell)))('in %s, the launcher', (name, ...shell) => {
  let place: Place;
  beforeEach(async (context) => {
    need(context, isInstalled(shell[0] ?? ''), name);
    place = createPlace();
    await place.save(bound());
    utimesSync(place.anchorPath, 1, Date.now() / 1000 - 60);
  });
  const ask = (input: string, args = ['git', 'get'], env: NodeJS.ProcessEnv = {}) =>
    place.launch({ args: ['credential', ...args], input, shell, env });
  const keptPath = (kind = 'git') => join(place.home, 'answers', `${HOST}.${kind}`);

  it('leaves the first request to Node.js, and gives the same answer to the same words', async () => {
    expect(ask(`${REQUEST}\n`).node).not.toBeNull();
    const answer = await answerByNode(place, REQUEST);
    expect(answer).toContain(`\npassword=${TOKEN}\npassword_expiry_utc=`);
    for (const input of [REQUEST, `${REQUEST}\n`, `${REQUEST}\nmore`, REQUEST.trimEnd()]) {
      expect(ask(input)).toEqual({ code: 0, stdout: answer, stderr: '', node: null });
    }
  });

  it('answers docker', async () => {
    const answer = await answerByNode(place, HOST, ['docker', 'get']);
    expect(JSON.parse(answer)).toEqual({ ServerURL: HOST, Username: 'oauth2', Secret: TOKEN });
    for (const input of [HOST, `${HOST}\n`]) {
      const said = ask(input, ['docker', 'get']);
      expect(said).toEqual({ code: 0, stdout: answer, stderr: '', node: null });
    }
    expect(ask(HOST, ['git', 'get']).node).not.toBeNull();
    expect(ask(`${HOST}\n\n`, ['docker', 'get']).node).not.toBeNull();
    expect(ask(`${HOST}\n\nmore`, ['docker', 'get']).node).not.toBeNull();
  });

  it('answers for one login only, if it is to', async () => {
    await place.save(bound({ recordId: 'other', accessToken: new Secret('another') }), 'other');
    const args = ['git', '--login', 'work', 'get'];
    const answer = await answerByNode(place, REQUEST, args);
    expect(ask(REQUEST, args)).toMatchObject({ stdout: answer, node: null });
    expect(ask(REQUEST).node).not.toBeNull();
    expect(ask(REQUEST, ['git', '--login', 'other', 'get']).node).not.toBeNull();
  });

  it('answers with a long token, and with one that never expires', async () => {
    await place.save(bound({ accessToken: new Secret('x'.repeat(3000)), generation: 2 }));
    const long = await answerByNode(place, REQUEST);
    expect(ask(REQUEST)).toMatchObject({ stdout: long, node: null });
    await place.save(bound({ lifetime: null, generation: 3 }));
    const endless = await answerByNode(place, REQUEST);
    expect(endless).toMatch(/^username=oauth2\npassword=\S+\n$/);
    expect(ask(REQUEST)).toMatchObject({ stdout: endless, node: null });
  });

  it('answers newer versions of git in their way', async () => {
    const request = `capability[]=authtype\ncapability[]=state\n${REQUEST}wwwauth[]=Bearer realm="x"\n`;
    const answer = await answerByNode(place, request);
    expect(answer).toContain('authtype=Bearer\n');
    expect(ask(request)).toMatchObject({ stdout: answer, node: null });
  });

  it('leaves to Node.js what is not the same word for word', async () => {
    await answerByNode(place, REQUEST);
    for (const input of [
      '',
      '\n',
      `\n${REQUEST}`,
      'protocol=https\n',
      `protocol=http\nhost=${HOST}\n`,
      `host=${HOST}\nprotocol=https\n`,
      `${REQUEST}path=acme/app.git\n`,
      `${REQUEST}username=alice\n`,
      `${REQUEST}username=\n`,
      `protocol=https\nhost=${HOST}:443\n`,
      `protocol=https\nhost=${HOST}.\n`,
      `protocol=https\nhost=${HOST.toUpperCase()}\n`,
      `protocol=https\nhost= ${HOST}\n`,
      `protocol=https\nhost=${HOST} \n`,
      `protocol=https\nhost=${HOST}\\\n`,
      `protocol=https\r\nhost=${HOST}\r\n`,
      `protocol=https\nhost=../answers/${HOST}\n`,
      `protocol=https\nhost=evil.example.com\nhost=${HOST}\n`,
      `protocol=https\nhost=${HOST}\nhost=evil.example.com\n`,
      `${REQUEST}unknown=1\n`,
      `${REQUEST}${'wwwauth[]=x\n'.repeat(1000)}`,
    ]) {
      const { stdout, stderr, node } = ask(input);
      expect({ input, stdout, stderr, asked: node !== null }).toEqual({
        input,
        stdout: '',
        stderr: '',
        asked: true,
      });
    }
    for (const args of [
      ['git'],
      ['git', 'erase'],
      ['docker', 'store'],
      ['docker', 'get'],
      ['git', 'get', 'get'],
      ['git', '--id-token', 'get'],
      ['git', 'get', '--login', 'work'],
      ['--login', 'work', 'git', 'get'],
      ['git', '--login', 'work', 'erase'],
      ['git', '--login', 'other', 'get'],
    ]) {
      expect(ask(REQUEST, args)).toMatchObject({
        stdout: '',
        stderr: '',
        node: { args: [expect.anything(), 'credential', ...args] },
      });
    }
  });

  it('gives Node.js the request as it was', () => {
    for (const [input, args] of [
      [`${REQUEST}path=a$b\`c\`\\n "x" 'y'\n`, ['git', 'get']],
      [`${REQUEST}${'wwwauth[]=x\\\n'.repeat(2000)}\nmore`, ['git', 'get']],
      ['a\n\nb\n\n\nc\n', ['docker', 'get']],
    ] as const) {
      expect(ask(input, [...args]).code).toBe(0);
      expect(place.stdinOfNode()).toBe(input);
    }
    // Nothing behind its end is of the request, even if there is nothing before it.
    ask(`\n${REQUEST}`);
    expect(place.stdinOfNode()).toBe('\n');
    // These it has no use for.
    ask(`${REQUEST}password=SECRET\ncredential=SECRET\noauth_refresh_token=SECRET\n`);
    expect(place.stdinOfNode()).toBe(REQUEST);
    for (const operation of ['erase', 'capability']) {
      ask(`${REQUEST}password=SECRET\n\nmore`, ['git', operation]);
      expect(place.stdinOfNode()).toBe(`${REQUEST}password=SECRET\n\nmore`);
    }
  });

  it('keeps nothing of what git found, and needs no Node.js for that', () => {
    const found = `${REQUEST}username=oauth2\npassword=${TOKEN}\n`;
    for (const input of [found, `${found}\nmore`, '', `${found}${'wwwauth[]=x\n'.repeat(1000)}`]) {
      for (const args of [
        ['git', 'store'],
        ['git', '--login', 'other', 'store'],
      ]) {
        expect(ask(input, args)).toEqual({ code: 0, stdout: '', stderr: '', node: null });
      }
    }
    expect(existsSync(keptPath())).toBe(false);
    expect(ask(found, ['git', 'store'], { TOKENCTL_DEBUG: '' }).node).not.toBeNull();
  });

  it('gives Node.js a long request by the cat that PATH has', () => {
    const cat = join(place.directory, 'bin', 'cat');
    const told = join(place.directory, 'told');
    writeFileSync(cat, `#!/bin/sh\n: >'${told}'\nexec /bin/cat\n`, { mode: 0o755 });
    const input = `${REQUEST}${'wwwauth[]=x\n'.repeat(1000)}\n`;
    expect(ask(input)).toMatchObject({ code: 0, stderr: '' });
    expect(place.stdinOfNode()).toBe(input);
    expect(existsSync(told)).toBe(true);
  });

  it('asks Node.js if the records changed, and another answer was kept, while it looked', async () => {
    await answerByNode(place, REQUEST);
    const { kept, stamp } = timesOf(place);
    const [record, { mtimeMs }] = [readFileSync(place.recordPath()), statSync(place.recordPath())];
    rmSync(place.recordPath());
    // Whoever reads it waits for a writer: by then the answer has been read.
    execFileSync('mkfifo', ['-m', '600', place.recordPath()]);
    utimesSync(place.recordPath(), 1, mtimeMs / 1000);
    utimesSync(dirname(place.recordPath()), stamp, stamp);
    const launched = place.start({ args: ['credential', 'git', 'get'], input: REQUEST, shell });
    const pipe = await open(place.recordPath(), 'w');
    writeFileSync(`${kept}.new`, readFileSync(kept, 'utf8').replace(' work', ' other'));
    for (const path of [`${kept}.new`, dirname(place.recordPath())]) {
      utimesSync(path, stamp + 2, stamp + 2);
    }
    renameSync(`${kept}.new`, kept);
    await pipe.writeFile(record);
    await pipe.close();
    const { stdout, node } = await launched;
    expect({ stdout, asked: node !== null }).toEqual({ stdout: '', asked: true });
  });

  it.each<[string, (place: Place) => void | Promise<void>]>([
    [
      'is bound to less, and a copy brought the time of the directory back',
      async (place) => {
        const { stamp } = timesOf(place);
        await place.save(bound({ hosts: [], generation: 2 }));
        utimesSync(dirname(place.recordPath()), stamp, stamp);
      },
    ],
    [
      'is bound to another host',
      (place) => place.save(bound({ hosts: ['x.example.com'], generation: 2 })),
    ],
    [
      'has another token',
      (place) => place.save(bound({ accessToken: new Secret('new'), generation: 2 })),
    ],
    ['was rejected', (place) => place.save(bound({ rejected: true, generation: 2 }))],
    ['is joined by another one', (place) => place.save(bound({ recordId: 'other' }), 'other')],
    ['is gone', (place) => rmSync(place.recordPath())],
    ['was changed by hand', (place) => writeFileSync(place.recordPath(), ' ', { flag: 'a' })],
    ['was changed by hand, and its time set back', (place) => place.replaceToken('a$b')],
    [
      "is another directory's",
      (place) => {
        renameSync(join(place.home, 'credentials'), join(place.home, 'old'));
        mkdirSync(join(place.home, 'credentials'), { mode: 0o700 });
        for (const file of ['work.json', 'tokenctl-anchor']) {
          renameSync(join(place.home, 'old', file), join(place.home, 'credentials', file));
        }
      },
    ],
  ])('asks Node.js if the login %s', async (_what, change) => {
    await answerByNode(place, REQUEST);
    expect(ask(REQUEST).node).toBeNull();
    await change(place);
    const { stdout, stderr, node } = ask(REQUEST);
    expect({ stdout, stderr, asked: node !== null }).toEqual({
      stdout: '',
      stderr: '',
      asked: true,
    });
  });

  it('asks Node.js when the token is due', async () => {
    await answerByNode(place, REQUEST);
    const { stamp } = timesOf(place);
    await place.save(bound({ issued: ago(2702), generation: 2 }));
    // As if nothing had happened.
    utimesSync(join(place.home, 'credentials'), stamp, stamp);
    expect(ask(REQUEST)).toMatchObject({ stdout: '', stderr: '' });
    expect(ask(REQUEST).node).not.toBeNull();
  });

  it.each<[string, (kept: string, place: Place) => void]>([
    ['was changed', (kept) => writeFileSync(kept, readFileSync(kept))],
    [
      'is a link',
      (kept, { directory }) => {
        renameSync(kept, join(directory, 'elsewhere'));
        symlinkSync(join(directory, 'elsewhere'), kept);
      },
    ],
    [
      'is a directory',
      (kept) => {
        rmSync(kept);
        mkdirSync(kept);
      },
    ],
    ['is cut off', (kept, place) => edit(kept, place, (text) => text.slice(0, -3))],
    ['is cut off in the middle', (kept, place) => edit(kept, place, (text) => text.slice(0, 60))],
    ['is empty', (kept, place) => edit(kept, place, () => '')],
    [
      'is of another version',
      (kept, place) => edit(kept, place, (text) => text.replace('-2', '-1')),
    ],
    ['names nobody', (kept, place) => edit(kept, place, (text) => text.replace('work', ''))],
    [
      'names a path',
      (kept, place) => edit(kept, place, (text) => text.replace('work', '../credentials/work')),
    ],
    [
      'names another one',
      (kept, place) => edit(kept, place, (text) => text.replace('work', 'other')),
    ],
    [
      'was asked otherwise',
      (kept, place) => edit(kept, place, (text) => text.replace('git get', 'docker get')),
    ],
    [
      'was for another host',
      (kept, place) => edit(kept, place, (text) => text.replace('host=git', 'host=gut')),
    ],
  ])('asks Node.js if what was kept %s', async (_what, change) => {
    await answerByNode(place, REQUEST);
    change(keptPath(), place);
    const { stdout, stderr, node } = ask(REQUEST);
    expect({ stdout, stderr, asked: node !== null }).toEqual({
      stdout: '',
      stderr: '',
      asked: true,
    });
  });

  it('asks Node.js about what is not ours', async (context) => {
    need(context, process.getuid?.() === 0, 'root, who may give files away');
    await answerByNode(place, REQUEST);
    for (const path of [keptPath(), dirname(keptPath()), dirname(place.recordPath())]) {
      chownSync(path, 12_345, 12_345);
      expect(ask(REQUEST).node).not.toBeNull();
      chownSync(path, 0, 0);
      expect(ask(REQUEST).node).toBeNull();
    }
  });

  it('asks Node.js if that is to tell what happens', async () => {
    await answerByNode(place, REQUEST);
    expect(ask(REQUEST, ['git', 'get'], { TOKENCTL_DEBUG: '' }).node).not.toBeNull();
  });

  it('takes nothing from the environment, and tells nobody the token', async () => {
    const answer = await answerByNode(place, REQUEST);
    const env = Object.fromEntries(VARIABLES.map((variable) => [variable, 'hostile']));
    const told = join(place.directory, 'told');
    for (const name of ['read', 'echo', '[', 'cat', 'exec', 'case']) {
      env[`BASH_FUNC_${name}%%`] =
        `() { /usr/bin/env printf '%s\\n' "$@" "$tk_rest" >>'${told}'; }`;
    }
    Object.assign(env, { SHELLOPTS: 'xtrace:verbose', PS4: '$tk_rest+', IFS: '=h' });
    // Given some of these, bash does not even start as sh.
    for (const [input, expected] of [
      [REQUEST, answer],
      [`${REQUEST}path=x\n`, ''],
    ] as const) {
      const { stdout, stderr, node } = ask(input, ['git', 'get'], env);
      expect(['', expected]).toContain(stdout);
      expect(stderr + (node?.env ?? '')).not.toContain('SECRET');
      expect(node?.env ?? '').not.toMatch(/^tk_/m);
    }
    expect(existsSync(told)).toBe(false);
    expect(
      ask(REQUEST, ['git', 'get'], { IFS: '=h', CDPATH: '/', TMPDIR: '/nonexistent' }),
    ).toEqual({
      code: 0,
      stdout: answer,
      stderr: '',
      node: null,
    });
  });
});

describe.each(SHELLS.filter(isYash))('in %s, the launcher', (name, ...shell) => {
  it('leaves all requests to Node.js, byte for byte, for it could not read each of them', async (context) => {
    need(context, isInstalled(shell[0] ?? ''), name);
    const place = createPlace();
    await place.save(bound());
    await answerByNode(place, REQUEST);
    for (const input of [`${REQUEST}\nmore`, Buffer.from(`${REQUEST}path=\xff\n`, 'latin1')]) {
      expect(place.launch({ args: ['credential', 'git', 'get'], input, shell }).code).toBe(0);
      expect(readFileSync(join(place.directory, 'stdin'))).toEqual(Buffer.from(input));
    }
  });
});

/** Asks and keeps as `tokenctl credential` does. */
const answerByNode = async (
  { home }: Place,
  input: string,
  args: readonly string[] = ['git', 'get'],
): Promise<string> => {
  vi.stubEnv('TOKENCTL_HOME', home);
  const [kind = '', ...rest] = args;
  const operation = protocols[kind]?.operations.get ?? expect.fail();
  const login = rest.length > 1 ? rest[1] : undefined;
  const answer = await answerRequest(operation.read(input), { login, idToken: false });
  keepAnswer(findPaths(), { ...(answer.kept ?? expect.fail('not kept')), request: input, args });
  vi.unstubAllEnvs();
  return answer.stdout;
};

const timesOf = ({ home }: Place) => {
  const kept = join(home, 'answers', `${HOST}.git`);
  return { kept, stamp: statSync(kept).mtimeMs / 1000 };
};

const edit = (kept: string, place: Place, change: (text: string) => string): void => {
  const { stamp } = timesOf(place);
  writeFileSync(kept, change(readFileSync(kept, 'utf8')));
  utimesSync(kept, stamp, stamp);
};

function bound(members: Partial<Credential> = {}): Credential {
  return credentialOf({
    accessToken: new Secret(TOKEN),
    issued: ago(100),
    hosts: [HOST],
    ...members,
  });
}
