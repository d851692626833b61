import { parse } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type HostBinding, parseHostBinding } from '../../src/hosts/binding.ts';
import { chooseLogin } from '../../src/hosts/choose.ts';
import { type Target, targetOf, targetOfUrl } from '../../src/hosts/target.ts';
import { inputs } from '../support/fuzz.ts';

const BOUND = [
  'git.example.com',
  'git.example.com:8443',
  'xn--bcher-kva.example',
  '127.0.0.1:5000',
  'localhost:8080',
  '[::1]:5000',
];
const LOGIN = {
  login: 'work',
  bindings: BOUND.map((host) => parseHostBinding(host) as HostBinding),
};

const isAnswered = (target: Target | null): boolean =>
  target !== null && chooseLogin(target, [LOGIN]).kind === 'one';

/** Three readings of an address; each with a bound host, or it must not have been answered. */
const expectBound = (url: string): void => {
  const { username, password, protocol, hostname, port } = new URL(url);
  expect([username, password]).toEqual(['', '']);
  expect(isBound(protocol, hostname, port)).toBe(true);
  // Node's older parser, which keeps what it does not understand.
  const legacy = parse(url);
  const host = legacy.hostname ?? '';
  expect(
    isBound(legacy.protocol ?? '', host.includes(':') ? `[${host}]` : host, legacy.port ?? ''),
  ).toBe(true);
  // RFC 3986 appendix B, and userinfo to the last @.
  const [, authority = ''] = /^[^:/?#]+:\/\/([^/?#]*)/.exec(url) ?? [];
  const [, plain = '', digits = ''] = /([^@]*?)(?::(\d*))?$/.exec(authority) ?? [];
  expect(isBound(protocol, new URL(`https://${plain}`).hostname, digits)).toBe(true);
};

const isBound = (protocol: string, hostname: string, port: string): boolean => {
  const loopback = ['127.0.0.1', 'localhost', '[::1]'].includes(hostname.toLowerCase());
  const standard = protocol === 'https:' ? '443' : '80';
  const host = `${hostname.toLowerCase()}${port === '' || port === standard ? '' : `:${port}`}`;
  return (protocol === 'https:' || (protocol === 'http:' && loopback)) && BOUND.includes(host);
};

const scheme = fc.constantFrom('https', 'https', 'https', 'http', 'HTTPS', 'ssh', 'ftp', '');
const piece = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(...BOUND, 'git.example.com', 'evil.example', 'localhost'),
  },
  {
    weight: 5,
    arbitrary: fc.constantFrom(
      ...['@', ':', '/', '//', '\\', '#', '?', '%', '.', '..', ';', '[', ']', '*', '-', '|', ' '],
      ...['\t', '\n', '\r', '\0', '%00', '%0a', '%0d%0a', '%2e', '%2f', '%40', '%23', '%5c', '&'],
      ...[':443', ':8443', ':0', ':80', ':', ':5000', ':+443', ':０', 'user', 'user:pw', '.com'],
      ...['。', '．', '｡', '\u00ad', '\u200b', '\u200d', '\u202e', '\ufeff', 'ß', 'ſ', 'K', 'ⓔ'],
      ...['GIT.EXAMPLE.COM', 'ｇit.example.com', 'gıt.example.com', 'bücher.example', 'xn--'],
      ...['127.1', '0x7f000001', '2130706433', '0177.0.0.1', '[::ffff:127.0.0.1]', '[::1%25lo]'],
    ),
  },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 4 }) },
);
const authority = fc.oneof(
  fc.constantFrom(...BOUND),
  fc.array(piece, { minLength: 1, maxLength: 4 }).map((pieces) => pieces.join('')),
  // A bound host with one thing done to it.
  fc
    .tuple(fc.constantFrom(...BOUND), piece, fc.nat(24))
    .map(([host, put, at]) => host.slice(0, at) + put + host.slice(at)),
);
const path = fc.constantFrom('', '/', '/acme/x.git', '/@evil.example', '/..', '/#@evil.example');

describe('a token goes to no host that it is not bound to, however the address is read', () => {
  it('in one piece', () => {
    let answered = 0;
    fc.assert(
      fc.property(scheme, authority, path, (before, host, after) => {
        const url = `${before === '' ? '' : `${before}://`}${host}${after}`;
        if (isAnswered(targetOfUrl(url))) {
          answered += 1;
          expectBound(before === '' ? `https://${url}` : url);
        }
      }),
      inputs('host'),
    );
    expect(answered).toBeGreaterThan(50);
  });

  it('in parts', () => {
    let answered = 0;
    fc.assert(
      fc.property(scheme, authority, path, (protocol, host, after) => {
        if (isAnswered(targetOf({ protocol, authority: host, path: after }))) {
          answered += 1;
          expectBound(`${protocol}://${host}/`);
        }
      }),
      inputs('host'),
    );
    expect(answered).toBeGreaterThan(50);
  });
});
