import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  covers,
  formatHostBinding,
  type HostBinding,
  parseHostBinding,
  requireHostBinding,
} from '../../src/hosts/binding.ts';
import { type Target, targetOfUrl } from '../../src/hosts/target.ts';
import { hostileText, inputs } from '../support/fuzz.ts';

const bindingOf = (text: string): HostBinding => {
  const binding = parseHostBinding(text);
  if ('problem' in binding) {
    throw new Error(binding.problem);
  }
  return binding;
};

const targetAt = (url: string, more: Partial<Target> = {}): Target => {
  const target = targetOfUrl(url);
  if (target === null) {
    throw new Error(`${url} is no target`);
  }
  return { ...target, ...more };
};

describe('a host binding is written in one way', () => {
  it.each([
    ['git.example.com', 'git.example.com'],
    ['GIT.Example.COM', 'git.example.com'],
    ['https://git.example.com', 'git.example.com'],
    ['https://git.example.com/', 'git.example.com'],
    ['git.example.com:443', 'git.example.com'],
    ['git.example.com:8443', 'git.example.com:8443'],
    ['git.example.com/Acme/', 'git.example.com/Acme'],
    ['alice@git.example.com/acme/tools', 'alice@git.example.com/acme/tools'],
    ['al%69ce%40corp@git.example.com', 'alice%40corp@git.example.com'],
    ['bücher.example', 'xn--bcher-kva.example'],
    ['XN--bcher-KVA.example', 'xn--bcher-kva.example'],
    ['localhost:5000', 'localhost:5000'],
    ['http://127.0.0.1:8080/x', '127.0.0.1:8080/x'],
    ['localhost:443', 'localhost:443'],
    ['[FE80::1]:8080', '[fe80::1]:8080'],
  ])('%s', (given, stored) => {
    expect(requireHostBinding(given)).toBe(stored);
    expect(requireHostBinding(stored)).toBe(stored);
  });

  it('whatever it is', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          hostileText,
          fc
            .tuple(fc.constantFrom('', 'https://', 'a@'), fc.domain(), fc.webPath())
            .map((parts) => parts.join('')),
        ),
        (text) => {
          const binding = parseHostBinding(text);
          if (!('problem' in binding)) {
            expect(parseHostBinding(formatHostBinding(binding))).toEqual(binding);
          }
        },
      ),
      inputs('host'),
    );
  });
});

describe('is no host binding', () => {
  it.each([
    ...['', ' ', '.', '*', '*.example.com', 'git.*.com', 'a..b', 'example.com.', '-a.example'],
    ...['http://git.example.com', 'ftp://git.example.com', 'ssh://git.example.com', '//a.example'],
    ...['user:password@git.example.com', '@git.example.com', 'a@b@git.example.com'],
    ...['git.example.com:0', 'git.example.com:', 'git.example.com:0443', 'git.example.com:65536'],
    ...['git.example.com/../x', 'git.example.com/a//b', 'git.example.com/a%2fb', 'a.example?x'],
    ...['git.example.com\\@evil.example', 'git.example.com\n', 'git\u0000.example', 'git .example'],
    ...['127.1', '0x7f.0.0.1', '2130706433', '0177.0.0.1', 'faß.example', 'ｇit.example.com'],
    ...[
      'git。example.com',
      '%67it.example.com',
      '[::1',
      '[0:0::1]',
      '[fe80::1%25eth0]',
      'a'.repeat(600),
    ],
  ])('%j', (text) => {
    expect(parseHostBinding(text)).toHaveProperty('problem');
  });
});

describe('a binding covers', () => {
  it.each<[string, string, boolean]>([
    ['git.example.com', 'https://git.example.com', true],
    ['git.example.com', 'https://GIT.EXAMPLE.com:443/any/path', true],
    ['git.example.com', 'git.example.com', true],
    ['git.example.com', 'https://git.example.com:8443', false],
    ['git.example.com:8443', 'https://git.example.com', false],
    ['git.example.com', 'https://example.com', false],
    ['example.com', 'https://git.example.com', false],
    ['git.example.com', 'https://git.example.com.', false],
    ['git.example.com', 'https://git.example.com.evil.example', false],
    ['git.example.com/acme', 'https://git.example.com/acme/tools.git', true],
    ['git.example.com/acme', 'https://git.example.com/acme', true],
    ['git.example.com/acme', 'https://git.example.com/%61cme/tools', true],
    ['git.example.com/acme', 'https://git.example.com/acme-evil', false],
    ['git.example.com/acme', 'https://git.example.com/', false],
    ['git.example.com/acme', 'https://git.example.com/Acme/x', false],
    ['bücher.example', 'https://BÜCHER.example', true],
    ['bücher.example', 'https://xn--bcher-kva.example', true],
    ['localhost:5000', 'http://localhost:5000', true],
    ['localhost:5000', 'localhost:5000/v2/', true],
    ['localhost', 'http://localhost:80', true],
    ['localhost', 'https://localhost', true],
    ['localhost', 'http://localhost:443', false],
    ['[::1]:5000', 'http://[::1]:5000', true],
  ])('%s ← %s: %s', (binding, url, expected) => {
    const target = targetOfUrl(url);
    expect(target !== null && covers(bindingOf(binding), target)).toBe(expected);
  });

  it('no path at all if it has one and the program does not say which', () => {
    const target = targetAt('https://git.example.com', { path: null });
    expect(covers(bindingOf('git.example.com/acme'), target)).toBe(false);
    expect(covers(bindingOf('git.example.com'), target)).toBe(true);
  });

  it('the account that it names, or whoever does not say', () => {
    const binding = bindingOf('alice@git.example.com');
    const of = (username: string | null) => targetAt('https://git.example.com', { username });
    expect(covers(binding, of('alice'))).toBe(true);
    expect(covers(binding, of(null))).toBe(true);
    expect(covers(binding, of('bob'))).toBe(false);
    expect(covers(binding, of('Alice'))).toBe(false);
  });
});

describe('nothing is ever sent', () => {
  it.each([
    ...['http://git.example.com', 'ftp://git.example.com', 'ssh://git.example.com', 'file:///x'],
    ...['https://user@git.example.com', 'https://user:pw@git.example.com', 'https://@a.example'],
    ...['https://git.example.com#@evil.example', 'https://git.example.com?x', 'https://', ''],
    ...['https://git.example.com\\@evil.example', 'https:\\\\git.example.com', 'https:git.example'],
    ...['https://git.example.com/a/../b', 'https://git.example.com/%2e%2e/b', 'https:///a.example'],
    ...['https://git.example.com/a%2fb', 'https://git.example.com/%ff', 'https://a.example/..;/b'],
    ...['https://git.example.com/%2561', 'http://127.0.0.1.example.com', 'http://2130706433'],
    ...['ht\ttps://git.example.com', 'https://git.exam\nple.com', ' https://git.example.com'],
  ])('to %j', (url) => {
    expect(targetOfUrl(url)).toBeNull();
  });
});
