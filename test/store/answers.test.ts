import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type KeptAnswer, keepAnswer, stampRecords } from '../../src/store/answers.ts';

let directory: string;
let records: string;
let answers: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tokenctl-answers-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  records = join(directory, 'credentials');
  answers = join(directory, 'answers');
  mkdirSync(records);
});

describe('the stamp', () => {
  it('stays while nothing is put into the directory, and never comes back', () => {
    const first = stampRecords(records);
    expect(statSync(records).mtimeMs).toBe((first ?? 0) * 1000);
    expect(stampRecords(records)).toBe(first);
    writeFileSync(join(records, 'work.json'), '');
    expect(statSync(records).mtimeMs).not.toBe((first ?? 0) * 1000);
    expect(stampRecords(records)).not.toBe(first);
  });

  it('is long past, so that no clock shows it, and a time that FAT can hold', () => {
    // 1970 too is what a clock shows that has not been set.
    for (const now of [1e9, 0, 300, 315_532_800, 1e9 + 1, 1e9 + 0.5]) {
      for (let round = 0; round < 20; round += 1) {
        utimesSync(records, now, now);
        const stamp = stampRecords(records) ?? expect.fail();
        expect(new Date(stamp * 1000).getUTCFullYear()).toBeGreaterThan(1981);
        expect(new Date(stamp * 1000).getUTCFullYear()).toBeLessThan(1990);
        expect(stamp % 2).toBe(0);
      }
    }
  });

  it('is none where a record is a link, for it changes in another directory', () => {
    writeFileSync(join(directory, 'work.json'), '');
    symlinkSync('nowhere', join(records, 'other'));
    expect(stampRecords(records)).not.toBeNull();
    symlinkSync(join(directory, 'work.json'), join(records, 'work.json'));
    expect(stampRecords(records)).toBeNull();
  });

  it('is none where there is no such directory', () => {
    expect(stampRecords(join(directory, 'nowhere'))).toBeNull();
    expect(existsSync(join(directory, 'nowhere'))).toBe(false);
  });
});

const ANSWER: KeptAnswer = {
  stamp: 12_345,
  login: 'work',
  hosts: ['git.example.com'],
  args: ['git', 'get'],
  request: 'protocol=https\nhost=git.example.com\n',
  before: 'username=oauth2\npassword=',
  after: '\npassword_expiry_utc=1795305051\n',
};

describe('an answer', () => {
  it('is kept line by line, without a token, for nobody else to read', () => {
    keepAnswer({ answers }, ANSWER);
    const path = join(answers, 'git.example.com.git');
    expect(readFileSync(path, 'utf8')).toBe(
      'answer-2 work\ngit get\n"hosts":["git.example.com"],\nprotocol=https\nhost=git.example.com\n\nusername=oauth2\npassword=\n\n\npassword_expiry_utc=1795305051\n.\n',
    );
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(answers).mode & 0o777).toBe(0o700);
    expect(statSync(path).mtimeMs).toBe(12_345_000);
    expect(readdirSync(answers)).toHaveLength(1);
  });

  it.each<[string, Partial<KeptAnswer>]>([
    ['holds a blank line', { request: 'protocol=https\n\nhost=git.example.com' }],
    ['holds what another helper has found', { request: `${ANSWER.request}password=x\n` }],
    ['holds a control character', { request: `${ANSWER.request}path=\r\n` }],
    ['holds what is not ASCII', { request: `${ANSWER.request}path=é\n` }],
    ['names no host', { request: 'protocol=https\n' }],
    ['names a path as the host', { request: 'host=../git.example.com\n' }],
    ['names a hidden file as the host', { request: 'host=.git\n' }],
    ['is answered by a login with a path that is not ASCII', { hosts: ['git.example.com/é'] }],
    ['is answered with a backslash', { before: 'username=a\\nb\npassword=' }],
    ['is answered with a backslash at the end', { after: '\nx=\\n\n' }],
    ['is answered with what echo takes for an option', { before: '-n' }],
    ['is answered with the token alone', { before: '' }],
    ['is answered with a blank line first', { before: 'a\n\nb' }],
    ['is answered with what ends it', { after: '\n.\n' }],
  ])('is not kept if the request %s', (_what, members) => {
    keepAnswer({ answers }, { ...ANSWER, ...members });
    expect(existsSync(answers) ? readdirSync(answers) : []).toEqual([]);
  });

  it('that cannot be kept is no fault', () => {
    writeFileSync(answers, '');
    keepAnswer({ answers }, ANSWER);
    rmSync(answers);
    mkdirSync(join(answers, 'git.example.com.git'), { recursive: true });
    keepAnswer({ answers }, ANSWER);
    expect(readdirSync(answers)).toEqual(['git.example.com.git']);
  });

  it('never leaves its directory, whatever it is asked', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.constantFrom('git', 'docker'), (host, kind) => {
        const request = kind === 'git' ? `host=${host}\n` : host;
        keepAnswer({ answers }, { ...ANSWER, args: [kind, 'get'], request });
        expect(readdirSync(directory).sort()).toEqual(
          existsSync(answers) ? ['answers', 'credentials'] : ['credentials'],
        );
      }),
    );
  });
});
