import { describe, expect, it } from 'vitest';
import { isFromOrigin, isInterim, readHeads } from '../../../src/cli/curl/response-head.ts';

const block = (...lines: string[]) => `${[...lines, '', ''].join('\r\n')}`;

describe('headers that curl writes down', () => {
  it('are read answer by answer, as far as they have come', () => {
    const text = [
      block('HTTP/1.1 101 Switching Protocols', 'Upgrade: h2c'),
      block('HTTP/1.1 100 Continue'),
      block('HTTP/2 302 ', 'location: /a', 'Set-Cookie: a', 'set-cookie: b'),
      block('HTTP/1.1 401', 'WWW-Authenticate: DPoP error="use_dpop_nonce"'),
      'HTTP/1.1 200 OK\r\nA: b\r\n',
    ].join('');
    const heads = readHeads(text);
    expect(heads.map(({ status }) => status)).toEqual([101, 100, 302, 401]);
    expect(heads.map((head) => isInterim(head, true))).toEqual([true, true, true, false]);
    expect(heads.map((head) => isInterim(head, false))).toEqual([true, true, false, false]);
    expect(heads[2]?.header('set-cookie')).toBe('a, b');
    expect(heads[3]?.header('www-authenticate')).toContain('use_dpop_nonce');
    expect(heads[3]?.header('location')).toBeNull();
  });

  it('end where another protocol begins', () => {
    const [head] = readHeads(block('HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket'));
    expect(head && isInterim(head, true)).toBe(false);
  });

  it('are none where there are none', () => {
    expect(readHeads('')).toEqual([]);
    expect(readHeads('nonsense\r\n\r\n')).toEqual([]);
  });

  it.each([
    [[], true],
    [['/a', 'b', '?c', 'https://api.example.com/d', 'https://API.example.com:443/'], true],
    [['https://other.example/'], false],
    [['https://other.example/', 'https://api.example.com/'], false],
    [['http://api.example.com/'], false],
    [['//other.example/'], false],
    [['https://api.example.com:8443/'], false],
    [['http://['], false],
  ])('after redirects to %j the answer is of the one that was asked: %j', (locations, is) => {
    const heads = readHeads(
      [
        ...locations.map((to) => block('HTTP/1.1 302 Found', `Location: ${to}`)),
        block('HTTP/1.1 401 x'),
      ].join(''),
    );
    expect(isFromOrigin(heads, 'https://api.example.com/start')).toBe(is);
  });
});
