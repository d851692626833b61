import { describe, expect, it } from 'vitest';
import { bindingsOf } from '../../src/bound-logins.ts';
import { isBound } from '../../src/fetch/bound-target.ts';
import { readRequestAddress } from '../../src/hosts/request-target.ts';

const bound = (url: string, ...hosts: string[]): string | null => {
  const address = readRequestAddress(url);
  return address !== null && isBound(address.target, bindingsOf({ hosts })) ? address.url : null;
};
const HOSTS = [
  'api.example.com',
  'xn--bcher-kva.example',
  '127.0.0.1:5000',
  '[::1]',
  '192.0.2.1:8443',
];

describe('the address of a request', () => {
  it.each([
    ['https://api.example.com', 'https://api.example.com/'],
    ['HTTPS://API.Example.COM:443/A?b=c&d=[1]#e', 'https://api.example.com/A?b=c&d=[1]'],
    ['https://api.example.com/?u=https://evil.example/@x', null],
    ['https://api.example.com/a%2Fb//c/../d', null],
    ['https://bücher.example/', 'https://xn--bcher-kva.example/'],
    ['https://api.example.com#@evil.example/', 'https://api.example.com/'],
    ['https://api.example.com?@evil.example/', 'https://api.example.com/?@evil.example/'],
    ['http://127.0.0.1:5000/?', 'http://127.0.0.1:5000/?'],
    ['http://[::1]/a', 'http://[::1]/a'],
    ['https://192.0.2.1:8443/{a,b}', null],
  ])('%s is one', (url, normal) => {
    expect(bound(url, ...HOSTS)).toBe(normal ?? url);
  });

  it.each([
    ...[
      'api.example.com/a',
      'https://api.example.com@evil.example/',
      'https://evil.example/api.example.com',
    ],
    ...['https://evil.example@api.example.com/', 'https://a:b@api.example.com/'],
    ...['https://api.example.com\\@evil.example/', 'https://evil.example\\@api.example.com/'],
    ...['https://api.example.com:443@evil.example/', 'https://api.example.com:80/'],
    ...['https://api.example.com:0/', 'https://api.example.com:/', 'https://api.example.com:+443/'],
    ...[
      'https://api.example.com:0443/',
      'https://api.example.com:443443/',
      'https:api.example.com/',
    ],
    ...[
      'https://api.example.com./',
      'https://.api.example.com/',
      'https://api.example.com%2f@evil.example/',
    ],
    ...[
      'https://api.example.com%00.evil.example/',
      'https://api.example.com\t/',
      'https://api.example.com\n/',
    ],
    ...[' https://api.example.com/', 'https://api.example.com/ x', 'https://api.example.com/\\x'],
    ...[
      'https:///api.example.com/',
      'https:/api.example.com/',
      '//api.example.com/',
      'ftp://api.example.com/',
    ],
    ...[
      'http://api.example.com/',

      'https://api.example.com?@evil.example/x y',
    ],
    ...[
      'https://api。example。com/',
      'https://ａpi.example.com/',
      'https://{api.example.com,evil.example}/',
    ],
    ...[
      'https://api.example.[a-c]om/',
      'http://0x7f.1:5000/',
      'http://2130706433:5000/',
      'http://[0::1]/',
    ],
    ...[
      'http://[::ffff:127.0.0.1]:5000/',
      'http://127.0.0.1:5001/',
      'https://192.0.2.1/',
      '-K',
      '',
      'https://',
    ],
    'https://api.example.com.evil.example/',
  ])('%j is none of a login that is bound elsewhere', (url) => {
    expect(bound(url, ...HOSTS)).toBeNull();
  });

  it.each([
    ['/mine', true],
    ['/mine/a?b', true],
    ['/mine/%61', true],
    ['/', false],
    ['/minesweeper', false],
    ['/mine/../x', false],
    ['/mine/%2e%2e/x', false],
    ['/mine/%252e%252e/x', false],
    ['/mine%2f..%2fx', false],
    ['/mine/..;/x', false],
    ['//mine', false],
    ['/x/../mine', false],
    ['/%', false],
  ])('%s below the path that is bound: %j', (path, is) => {
    expect(bound(`https://api.example.com${path}`, 'api.example.com/mine') !== null).toBe(is);
  });
});
