import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/secret.ts';
import { answerOf, grantOf, protocolOf, read, replyTo } from './asked.ts';

const HOSTS = ['git.example.com', 'git.example.com:8443', 'localhost:8080'];
const ASKED = 'protocol=https\nhost=git.example.com\n';
const get = (input: string, grant = grantOf()) => answerOf('git', input, HOSTS, grant);

describe('git credential get', () => {
  it('answers with a user name, the token as the password, and when that is over', () => {
    expect(get(ASKED)).toBe('username=alice\npassword=access-1\npassword_expiry_utc=1893459600\n');
    expect(get(`${ASKED}\n`, grantOf({ expiresAt: null }))).toBe(
      'username=alice\npassword=access-1\n',
    );
  });

  it('reads up to a blank line, and ignores what it does not know', () => {
    const more = `${ASKED}path=acme/x.git\nwwwauth[]=Basic realm="x"\nstate[]=other:1\nodd=1\n`;
    expect(get(`${more}\nhost=evil.example\nnot a line`)).toContain('password=access-1');
  });

  it('answers Bearer where git can send it and the server takes it', () => {
    const capable = `capability[]=authtype\ncapability[]=state\n${ASKED}`;
    const bearer =
      'capability[]=authtype\nauthtype=Bearer\ncredential=access-1\nephemeral=1\npassword_expiry_utc=1893459600\n';
    expect(get(`${capable}wwwauth[]=Bearer\n`)).toBe(bearer);
    expect(get(`${capable}wwwauth[]=Basic realm="x"\nwwwauth[]=bearer realm="x"\n`)).toBe(bearer);
  });

  it.each([
    ['git cannot', `${ASKED}wwwauth[]=Bearer\n`],
    ['git can do something else', `capability[]=state\n${ASKED}`],
    ['the server takes Basic', `capability[]=authtype\n${ASKED}wwwauth[]=Basic realm="bearer"\n`],
    ['the server has not been asked yet', `capability[]=authtype\n${ASKED}`],
    [
      'that was taken back',
      `capability[]=authtype\ncapability[]=\n${ASKED}wwwauth[]=Bearer realm="x"\n`,
    ],
  ])('answers with a password where %s', (_why, input) => {
    expect(get(input)).toMatch(/^username=alice\npassword=access-1\n/);
  });

  it.each([
    ['no protocol', 'host=git.example.com\n'],
    ['no host', 'protocol=https\n'],
    ['an empty host', 'protocol=https\nhost=\n'],
    ['nothing', ''],
    ['another host', 'protocol=https\nhost=git.example.com.evil.example\n'],
    ['another port', 'protocol=https\nhost=git.example.com:444\n'],
    ['http', 'protocol=http\nhost=git.example.com\n'],
    ['mail', 'protocol=smtp\nhost=git.example.com\n'],
    ['a certificate', 'protocol=cert\nhost=\npath=/key.pem\n'],
    ['userinfo', 'protocol=https\nhost=user@git.example.com\n'],
    ['an address that is for git to take apart', 'url=https://git.example.com\n'],
    ['a path that climbs', `${ASKED}path=acme/../../evil\n`],
    ['a key twice', `${ASKED}host=git.example.com\n`],
    ['a line that is none', `${ASKED}rubbish\n`],
    ['a line without a key', `${ASKED}=x\n`],
    ['a carriage return', 'protocol=https\r\nhost=git.example.com\r\n'],
    ['a NUL', 'protocol=https\nhost=git.example.com\0\n'],
    ['a line that is too long', `${ASKED}odd=${'a'.repeat(65_536)}\n`],
  ])('says nothing to %s', (_what, input) => {
    expect(get(input)).toBeNull();
  });

  it('takes a line of the longest', () => {
    expect(get(`${ASKED}odd=${'a'.repeat(65_531)}\n`)).not.toBeNull();
  });

  it.each([
    ['a token with a line break', { token: new Secret('a\nhost=evil.example') }],
    ['a token with a carriage return', { token: new Secret('a\rb') }],
    ['a user name with a NUL', { username: 'a\0b' }],
    ['a token that is bound to a key', { tokenType: 'DPoP' }],
  ])('does not print %s', (_what, members) => {
    expect(get(ASKED, grantOf(members))).toBeNull();
  });
});

describe('git credential', () => {
  it('store keeps nothing', () => {
    expect(replyTo('git', 'store', `${ASKED}username=a\npassword=b\n`)).toEqual({
      stdout: '',
      code: 0,
    });
  });

  it.each([
    ['a password', 'username=oauth2\npassword=access-1\n'],
    ['a credential of another scheme', 'authtype=Bearer\ncredential=access-1\n'],
  ])('erase tells which token was rejected: %s', (_what, credential) => {
    const request = read('git', 'erase', `${ASKED}${credential}`);
    expect(request).toMatchObject({ kind: 'rejected', target: { host: 'git.example.com' } });
    expect(request.kind === 'rejected' && request.token.reveal()).toBe('access-1');
  });

  it('erase without a token concerns nobody', () => {
    expect(replyTo('git', 'erase', ASKED)).toEqual({ stdout: '', code: 0 });
    expect(replyTo('git', 'erase', `${ASKED}password=\n`)).toEqual({ stdout: '', code: 0 });
  });

  it('capability says what it can', () => {
    expect(replyTo('git', 'capability')).toEqual({
      stdout: 'version 0\ncapability authtype\n',
      code: 0,
    });
  });

  it('ignores an operation that it does not know, and says nothing on stdout when it fails', () => {
    const { unknown, failed } = protocolOf('git');
    expect(unknown).toEqual({ stdout: '', code: 0 });
    expect(failed({ code: 'unavailable', message: 'not now' })).toEqual({ stdout: '' });
  });
});
