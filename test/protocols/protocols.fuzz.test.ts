import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenctlError } from '../../src/errors.ts';
import { protocols } from '../../src/protocols/protocols.ts';
import { Secret } from '../../src/secret.ts';
import {
  expectNoSecret,
  hostileText,
  hostileValue,
  inputs,
  mutated,
  PLANTED,
  pathological,
} from '../support/fuzz.ts';
import { cargoRequest, execInfo, grantOf, read } from './asked.ts';

const OPERATIONS = Object.entries(protocols).flatMap(([kind, { operations }]) =>
  Object.keys(operations).map((operation) => [kind, operation] as const),
);

const REQUESTS: Readonly<Record<string, string>> = {
  git: 'capability[]=authtype\nprotocol=https\nhost=git.example.com:8443\nusername=alice\npath=acme/x.git\nwwwauth[]=Bearer\n\n',
  docker: 'https://git.example.com:8443/v1/',
  kubectl: execInfo('https://git.example.com:8443'),
  cargo: cargoRequest('sparse+https://git.example.com:8443/index/'),
};

/** It is a request, or a refusal that says nothing of what was in it. */
const tryToRead = (kind: string, operation: string, input: string) => {
  try {
    return read(kind, operation, input);
  } catch (error) {
    expect(error).toBeInstanceOf(TokenctlError);
    expect(['usage', 'refused']).toContain((error as TokenctlError).code);
    expectNoSecret(error);
    return null;
  }
};

describe.each(OPERATIONS)('%s %s', (kind, operation) => {
  const known = REQUESTS[kind] ?? '';

  it('reads whatever it is given, or refuses without repeating it', () => {
    const json = hostileValue.map((value) => {
      try {
        return cargoRequest(value, { args: value, spec: value });
      } catch {
        return PLANTED;
      }
    });
    fc.assert(
      fc.property(fc.oneof(hostileText, mutated(known), json), (input) => {
        tryToRead(kind, operation, input);
      }),
      inputs('protocol'),
    );
  });

  it('answers in one piece: what is in it is what was meant, and no line more', () => {
    fc.assert(
      fc.property(mutated(known), hostileText, hostileText, (input, token, username) => {
        const request = tryToRead(kind, operation, input);
        if (request?.kind !== 'get') {
          return;
        }
        const grant = grantOf({ token: new Secret(token), username });
        try {
          expectMeant(kind, request.granted(grant), token, username);
        } catch (error) {
          expect(error).toBeInstanceOf(TokenctlError);
          expect(`${token}${username}`).toMatch(/[\r\n\0]/);
        }
      }),
      inputs('protocol'),
    );
  });

  it.each(Object.entries(pathological(200_000)))('is not slow to read %s', (_what, input) => {
    tryToRead(kind, operation, input);
    tryToRead(kind, operation, `${known}${input}`);
  });
});

/** Read as the program on the other side does. */
function expectMeant(kind: string, answer: string, token: string, username: string): void {
  expect(answer.endsWith('\n')).toBe(true);
  if (kind === 'git') {
    const lines = answer.slice(0, -1).split('\n');
    const found = new Map(lines.map((line) => [line.split('=')[0], line.replace(/^.*?=/s, '')]));
    expect(found.size).toBe(lines.length);
    expect(answer).not.toMatch(/[\r\0]/);
    expect(found.get('password') ?? found.get('credential')).toBe(token);
    expect(found.get('username') ?? username).toBe(username);
    return;
  }
  expect(answer.indexOf('\n')).toBe(answer.length - 1);
  const json = JSON.parse(answer);
  expect(json.Secret ?? json.status?.token ?? json.Ok?.token.replace(/^Bearer /, '')).toBe(token);
  expect(json.Username ?? username).toBe(username);
}
