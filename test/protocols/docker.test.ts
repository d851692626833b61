import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/secret.ts';
import { answerOf, grantOf, protocolOf, read, replyTo } from './asked.ts';

const HOSTS = [
  'registry.example.com',
  'registry.example.com:5000',
  'localhost:5000',
  'b.example/acme',
];
const get = (input: string, grant = grantOf()) => answerOf('docker', input, HOSTS, grant);

describe('docker-credential get', () => {
  it.each([
    ...['https://registry.example.com', 'https://registry.example.com/v1/', 'localhost:5000'],
    ...['registry.example.com:5000', 'http://localhost:5000/v2/', 'https://b.example/acme/app'],
  ])('answers for %s, by that name', (url) => {
    const answer = JSON.stringify({ ServerURL: url, Username: 'alice', Secret: 'access-1' });
    expect(get(url)).toBe(`${answer}\n`);
    expect(get(`${url}\n`)).toBe(`${answer}\n`);
  });

  it.each([
    ...[
      'https://evil.example',
      'registry.example.com:5001',
      'https://b.example',
      'b.example/other',
    ],
    ...['http://registry.example.com', 'https://registry.example.com@evil.example', '', '\n'],
    ...['https://registry.example.com\nhttps://evil.example', 'registry.example.com\0'],
    ...['https://registry.example.com#@evil.example', 'https://registry.example.com?x', '*'],
    `registry.example.com/${'a'.repeat(9000)}`,
  ])('says nothing to %j', (url) => {
    expect(get(url)).toBeNull();
  });

  it('says "not found" in the words that are looked for, on stdout', () => {
    const request = read('docker', 'get', 'https://evil.example');
    expect(request.kind === 'get' && request.none).toEqual({
      stdout: 'credentials not found in native keychain\n',
      code: 1,
    });
  });

  it('says what went wrong on stdout too', () => {
    const { failed } = protocolOf('docker');
    expect(failed({ code: 'login_required', message: 'x' })).toEqual({ stdout: 'x\n', code: 1 });
  });

  it('does not print a token with a line break, or one that is bound to a key', () => {
    expect(get('localhost:5000', grantOf({ token: new Secret('a\nb') }))).toBeNull();
    expect(get('localhost:5000', grantOf({ tokenType: 'DPoP' }))).toBeNull();
  });
});

describe('docker-credential', () => {
  it('list gives user names by address', () => {
    const request = read('docker', 'list', '');
    const entries = [{ url: 'https://registry.example.com', username: 'alice' }];
    expect(request.kind === 'list' && request.listed(entries)).toBe(
      '{"https://registry.example.com":"alice"}\n',
    );
    expect(request.kind === 'list' && request.listed([])).toBe('{}\n');
  });

  it('store refuses, so that nobody believes that it was kept', () => {
    const input = '{"ServerURL":"https://x.example","Username":"a","Secret":"s3cret"}';
    const output = replyTo('docker', 'store', input);
    expect(output).toMatchObject({ code: 1, stdout: expect.stringContaining('tokenctl login') });
    expect(JSON.stringify(output)).not.toContain('s3cret');
  });

  it('erase leaves the login alone, and version says who answers', () => {
    expect(replyTo('docker', 'erase', 'https://x.example')).toEqual({ stdout: '', code: 0 });
    expect(replyTo('docker', 'version')).toMatchObject({ code: 0 });
    expect(protocolOf('docker').unknown).toMatchObject({ code: 1 });
  });
});
