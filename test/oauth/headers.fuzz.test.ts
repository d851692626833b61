import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseAnswerBody } from '../../src/oauth/answer-body.ts';
import { isLoopback, parseEndpoint } from '../../src/oauth/endpoint.ts';
import { retryAfterMs } from '../../src/oauth/retry-after.ts';
import {
  expectNoSecret,
  hostileText,
  inputs,
  mutated,
  PLANTED,
  pathological,
} from '../support/fuzz.ts';
import { within } from '../support/within.ts';

const NOW = Date.UTC(2026, 0, 15, 12);
const LARGE = Object.entries(pathological(2 ** 18));

describe('Retry-After', () => {
  const header = fc.oneof(
    hostileText,
    fc.nat().map(String),
    fc.bigInt().map(String),
    fc.double().map(String),
    fc.date({ noInvalidDate: true }).map((date) => date.toUTCString()),
    mutated('Sun, 06 Nov 1994 08:49:37 GMT'),
    mutated('Sunday, 06-Nov-94 08:49:37 GMT'),
    mutated('Sun Nov  6 08:49:37 1994'),
  );

  it('is nothing, or a wait of an hour at most', () => {
    fc.assert(
      fc.property(header, (value) => expectWait(retryAfterMs(value, NOW))),
      inputs('retry-after'),
    );
  });

  it.each(LARGE)('comes to an end, however long it is: %s', (_what, text) => {
    expectWait(within(20_000, () => retryAfterMs(text, NOW)));
  });

  function expectWait(ms: number | null): void {
    expect(ms === null || (ms >= 0 && ms <= 3_600_000)).toBe(true);
  }
});

describe('Content-Type', () => {
  it.each(LARGE)('comes to an end, however long it is: %s', (_what, text) => {
    for (const type of [text, ` ${text}`, `application/x-www-form-urlencoded${text}`]) {
      within(20_000, () => parseAnswerBody('a=b', type));
      within(20_000, () => parseAnswerBody(text, 'application/x-www-form-urlencoded'));
    }
  });
});

describe('an endpoint', () => {
  const address = fc.oneof(
    hostileText,
    fc.webUrl({ validSchemes: ['http', 'https', 'ftp'], withQueryParameters: true }),
    fc
      .webAuthority({ withUserInfo: true, withPort: true, withIPv4Extended: true, withIPv6: true })
      .chain((host) => fc.constantFrom(`https://${host}/`, `http://${host}/x`, `//${host}`)),
    mutated(`https://user:${PLANTED}@id.example.com:8443/token?key=${PLANTED}#x`),
    mutated('http://127.0.0.1:8080/token'),
    mutated('http://localhost/token'),
  );

  it('is one that secrets may be sent to, or is not repeated', () => {
    let taken = 0;
    fc.assert(
      fc.property(address, (text) => {
        const endpoint = parseEndpoint(text);
        if ('problem' in endpoint) {
          expectNoSecret(endpoint);
          return;
        }
        taken += 1;
        expect([endpoint.username, endpoint.password]).toEqual(['', '']);
        expect(endpoint.protocol === 'https:' || isLoopback(endpoint)).toBe(true);
        expect(['https:', 'http:']).toContain(endpoint.protocol);
      }),
      inputs('endpoint'),
    );
    expect(taken).toBeGreaterThan(inputs('endpoint').numRuns / 20);
  });

  it.each(LARGE)('comes to an end, however long it is: %s', (_what, text) => {
    within(20_000, () => parseEndpoint(text));
  });
});
