import { describe, expect, it } from 'vitest';
import { type HostBinding, parseHostBinding } from '../../src/hosts/binding.ts';
import { chooseLogin } from '../../src/hosts/choose.ts';
import { targetOf } from '../../src/hosts/target.ts';

const HOST = 'git.example.com';

/** Who answers for a request, of logins with these bindings. */
const chosen = (
  logins: Readonly<Record<string, readonly string[]>>,
  request: { path?: string; username?: string } = {},
): string => {
  const target = targetOf({ protocol: 'https', authority: HOST, ...request });
  const bound = Object.entries(logins).map(([login, hosts]) => ({
    login,
    bindings: hosts.map((host) => parseHostBinding(host) as HostBinding),
  }));
  const choice = target === null ? { kind: 'none' as const } : chooseLogin(target, bound);
  return choice.kind === 'one' ? choice.login : choice.kind;
};

describe('of several logins', () => {
  it('the only one that is bound to the host answers', () => {
    expect(chosen({ work: [HOST], other: ['other.example.com'] })).toBe('work');
    expect(chosen({ other: ['other.example.com'] })).toBe('none');
    expect(chosen({})).toBe('none');
  });

  it('none answers if two are bound to the same', () => {
    expect(chosen({ work: [HOST], home: [HOST] })).toBe('ambiguous');
    expect(chosen({ work: [HOST], home: [`alice@${HOST}`] }, { username: 'bob' })).toBe('work');
  });

  it('the one of the account that is asked for answers', () => {
    const logins = { work: [`alice@${HOST}`], home: [`bob@${HOST}`] };
    expect(chosen(logins, { username: 'alice' })).toBe('work');
    expect(chosen(logins, { username: 'bob' })).toBe('home');
    expect(chosen(logins, { username: 'eve' })).toBe('none');
    expect(chosen(logins)).toBe('ambiguous');
  });

  it('the one without an account answers where none is asked for', () => {
    const logins = { work: [HOST], home: [`bob@${HOST}`] };
    expect(chosen(logins)).toBe('work');
    expect(chosen(logins, { username: 'bob' })).toBe('home');
  });

  it('the one that is bound to the longest path answers', () => {
    const logins = { all: [HOST], acme: [`${HOST}/acme`], tools: [`${HOST}/acme/tools`] };
    expect(chosen(logins, { path: 'other/x.git' })).toBe('all');
    expect(chosen(logins, { path: 'acme/x.git' })).toBe('acme');
    expect(chosen(logins, { path: 'acme/tools/x.git' })).toBe('tools');
    expect(chosen(logins)).toBe('all');
  });

  it('none answers if one is closer by account and the other by path', () => {
    const logins = { alice: [`alice@${HOST}`], acme: [`${HOST}/acme`] };
    expect(chosen(logins, { username: 'alice', path: 'acme/x.git' })).toBe('ambiguous');
    expect(chosen(logins, { username: 'bob', path: 'acme/x.git' })).toBe('acme');
    expect(chosen(logins, { username: 'alice', path: 'x.git' })).toBe('alice');
  });

  it('those that wait for a path are told of it', () => {
    expect(chosen({ acme: [`${HOST}/acme`], beta: [`${HOST}/beta`] })).toBe('path-needed');
    expect(chosen({ acme: [`${HOST}/acme`] }, { path: 'beta/x.git' })).toBe('none');
  });

  it('one that is bound twice is no rival of itself', () => {
    expect(chosen({ work: [HOST, `alice@${HOST}`, `${HOST}/acme`] })).toBe('work');
    expect(chosen({ work: [HOST, HOST] })).toBe('work');
  });
});
