import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/secret.ts';
import { answerOf, cargoRequest, grantOf, protocolOf, read, replyTo } from './asked.ts';

const HOSTS = ['crates.example.com', 'localhost:8080/index'];
const INDEX = 'sparse+https://crates.example.com/index/';
const get = (input: string, grant = grantOf()) => answerOf('cargo', input, HOSTS, grant);

describe('a cargo credential', () => {
  it('is the value of the Authorization header, and until when', () => {
    expect(get(cargoRequest(INDEX))).toBe(
      '{"Ok":{"kind":"get","token":"Bearer access-1","cache":"expires","expiration":1893459600,"operation_independent":true}}\n',
    );
    expect(JSON.parse(get(cargoRequest(INDEX), grantOf({ expiresAt: null })) ?? '').Ok).toEqual({
      ...{ kind: 'get', token: 'Bearer access-1', cache: 'session', operation_independent: true },
    });
  });

  it.each([
    'https://crates.example.com/git/index',
    'sparse+http://localhost:8080/index/',
    'https://crates.example.com',
  ])('is for %s', (index) => {
    expect(get(cargoRequest(index))).not.toBeNull();
  });

  it.each([
    'sparse+https://evil.example/index/',
    'sparse+http://crates.example.com/index/',
    'sparse+sparse+https://crates.example.com/',
    'registry+https://crates.example.com/',
    'sparse+https://crates.example.com@evil.example/',
    'sparse+http://localhost:8080/',
    `${INDEX}\n`,
    7,
    undefined,
  ])('is not for %s', (index) => {
    expect(get(cargoRequest(index))).toBeNull();
  });

  it('is of the login that the configuration names', () => {
    const request = read('cargo', '', cargoRequest(INDEX, { args: ['--login', 'work'] }));
    expect(request).toMatchObject({ kind: 'get', login: 'work' });
    expect(read('cargo', '', cargoRequest(INDEX, { args: [] }))).toMatchObject({ kind: 'get' });
    expect(get(cargoRequest(INDEX, { args: ['--frob'] }))).toBeNull();
    expect(get(cargoRequest(INDEX, { args: ['--login', 'work', 'x'] }))).toBeNull();
  });

  it.each(['', 'x', '[]', '{}', '{"v":2,"kind":"get"}', '{"v":1,"kind":"get"}'])(
    'is not given to a request that is none: %s',
    (input) => {
      expect(get(input)).toBeNull();
    },
  );

  it('breaks no line', () => {
    expect(get(cargoRequest(INDEX), grantOf({ token: new Secret('a\nb') }))).toBeNull();
  });
});

describe('cargo', () => {
  it('is greeted with the version', () => {
    expect(protocolOf('cargo').greeting).toBe('{"v":[1]}\n');
  });

  it.each(['login', 'logout', 'frobnicate', undefined])(
    'is told that %s is not for here',
    (kind) => {
      expect(replyTo('cargo', '', cargoRequest(INDEX, { kind }))).toEqual({
        stdout: '{"Err":{"kind":"operation-not-supported"}}\n',
        code: 0,
      });
    },
  );

  it('asks the next provider where the host is not ours', () => {
    const request = read('cargo', '', cargoRequest('https://evil.example/'));
    expect(request.kind === 'get' && request.none.stdout).toBe(
      '{"Err":{"kind":"url-not-supported"}}\n',
    );
  });

  it('is told what went wrong in an answer', () => {
    const { failed } = protocolOf('cargo');
    expect(failed({ code: 'no_such_login', message: 'x' }).stdout).toBe(
      '{"Err":{"kind":"not-found"}}\n',
    );
    expect(failed({ code: 'unavailable', message: 'not "now"' }).stdout).toBe(
      '{"Err":{"kind":"other","message":"not \\"now\\""}}\n',
    );
  });
});
