import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { type LoopbackRedirect, listenForCallback } from '../../src/login/loopback.ts';
import { ask, visit } from '../support/sign-in.ts';

const STATE = 'the-state-that-only-our-browser-knows';

const listening = async (redirect: Partial<LoopbackRedirect> = {}) => {
  const callback = await listenForCallback(
    { host: '127.0.0.1', port: 0, path: '/callback', ...redirect },
    (parameters) => parameters.get('state') === STATE,
  );
  onTestFinished(() => callback.close());
  let received: URLSearchParams | null = null;
  callback.received.then(({ parameters }) => {
    received = parameters;
  });
  const at = (query: string, path?: string) => {
    const url = new URL(callback.redirectUri);
    url.pathname = path ?? url.pathname;
    url.search = query;
    return url;
  };
  return {
    callback,
    at,
    /** What is ours is still to come: nothing else was taken for it. */
    stillWaits: async () => {
      expect(received).toBeNull();
      const answered = visit(at(`?code=good&state=${STATE}`));
      const { parameters, answer } = await callback.received;
      expect(parameters.get('code')).toBe('good');
      await Promise.all([answer({ kind: 'done', title: 'Done', lines: [] }), answered]);
    },
  };
};

describe('the listener goes on waiting and answers 4xx to', () => {
  test.each([
    ['no state', '?code=x', 400],
    ['a wrong state', '?code=x&state=guess', 400],
    ['two states, one of them right', `?code=x&state=guess&state=${STATE}`, 400],
    ['an error with a wrong state', '?error=access_denied&state=guess', 400],
    ['nothing', '', 400],
  ])('%s', async (_, query, status) => {
    const { at, stillWaits } = await listening();
    expect((await ask(at(query))).status).toBe(status);
    await stillWaits();
  });

  test.each([
    ['another path', { path: '/elsewhere' }, {}, 404],
    ['a path that only begins like ours', { path: '/callback/x' }, {}, 404],
    ['a form that is posted', {}, { method: 'POST' }, 405],
    ['HEAD, which a prefetch could send', {}, { method: 'HEAD' }, 405],
    ['OPTIONS', {}, { method: 'OPTIONS' }, 405],
    ['a name that was rebound to us by DNS', {}, { headers: { host: 'evil.example' } }, 421],
    ['that name with our port', {}, { headers: { host: 'evil.example:80' } }, 421],
    ['localhost, where we said 127.0.0.1', {}, { headers: { host: 'localhost' } }, 421],
    ['a script of another site', {}, { headers: { origin: 'https://evil.example' } }, 403],
    ['the same from a sandbox', {}, { headers: { origin: 'null' } }, 403],
    ['an image of another site', {}, { headers: { 'sec-fetch-mode': 'no-cors' } }, 403],
    ['a frame', {}, { headers: { 'sec-fetch-dest': 'iframe' } }, 403],
  ])('%s, even with the right state', async (_, { path }: { path?: string }, options, status) => {
    const { at, stillWaits } = await listening();
    const answer = await ask(at(`?code=stolen&state=${STATE}`, path), options);
    expect(answer.status).toBe(status);
    await stillWaits();
  });

  test('a query that is far too long', async () => {
    const { at, stillWaits } = await listening();
    const answer = await ask(at(`?code=${'x'.repeat(100_000)}&state=${STATE}`)).catch(() => null);
    expect(answer?.status ?? 431).toBe(431);
    await stillWaits();
  });

  test('bytes that are no HTTP, and connections that say nothing', async () => {
    const { callback, stillWaits } = await listening();
    const { port } = new URL(callback.redirectUri);
    const sockets = Array.from({ length: 20 }, (_, nth) => {
      const socket = connect(Number(port), '127.0.0.1');
      socket.on('error', () => {});
      if (nth % 2 === 0) {
        socket.write('\u0016\u0003\u0001 not HTTP\r\n\r\n');
      }
      return socket;
    });
    await stillWaits();
    for (const socket of sockets) {
      socket.destroy();
    }
  });

  test('a program that tries thousands of states', async () => {
    const { at, stillWaits } = await listening();
    for (let round = 0; round < 20; round += 1) {
      const answers = await Promise.all(
        Array.from({ length: 50 }, (_, nth) => ask(at(`?code=x&state=${round}-${nth}`))),
      );
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([400]));
    }
    await stillWaits();
  });
});

describe('the one answer', () => {
  test('is accepted once: a second one, with another code, is gone', async () => {
    const { callback, at } = await listening();
    const first = visit(at(`?code=first&state=${STATE}`));
    const { parameters, answer } = await callback.received;
    const second = await ask(at(`?code=second&state=${STATE}`));
    expect([second.status, second.text]).toEqual([
      410,
      expect.stringContaining('answered already'),
    ]);
    await answer({ kind: 'done', title: 'Signed in', lines: [] });
    expect(parameters.get('code')).toBe('first');
    expect((await first).status).toBe(200);
  });

  test('ends at a page with no code in its address, which can be looked at once', async () => {
    const { callback, at } = await listening();
    const page = visit(at(`?code=first&state=${STATE}`));
    const { answer } = await callback.received;
    await answer({ kind: 'done', title: 'Signed in', lines: [] });
    const { url, status } = await page;
    expect([status, url.search]).toEqual([200, '']);
    expect(url.pathname).toMatch(/^\/[0-9a-f]{32}$/);
    expect((await ask(url)).status).toBe(404);
  });

  test('is never sent on to where the query says', async () => {
    const { callback, at } = await listening();
    const evil = 'https://evil.example/';
    const query = new URLSearchParams({ code: 'x', state: STATE, redirect_uri: evil, next: evil });
    const answered = ask(at(`?${query}`));
    const shown = (await callback.received).answer({ kind: 'done', title: 'Done', lines: [] });
    const { location = '' } = (await answered).headers;
    expect(location).toMatch(/^\/[0-9a-f]{32}$/);
    await Promise.all([ask(at('', location)), shown]);
    for (const path of ['//evil.example/', '/\\evil.example', 'http://evil.example/']) {
      const { status, headers } = await ask(at(''), { path });
      expect([path, status, headers.location]).toEqual([path, 404, undefined]);
    }
  });

  test('is shown on a page that nothing can be smuggled into', async () => {
    const { callback, at } = await listening();
    const page = visit(at(`?code=x&state=${STATE}`));
    const evil =
      '<script>alert(1)</script><img src=x onerror=alert(2)> " \' ` \u202Etxt.exe \u001b[31m';
    await (await callback.received).answer({ kind: 'failed', title: evil, lines: [evil] });
    const { text, headers } = await page;
    expect(text).not.toMatch(/<script|<img|[\u202e\u001b]/);
    expect(text.match(/&#60;script&#62;/g)).toHaveLength(3);
    expect(headers).toMatchObject({
      'content-type': 'text/html; charset=utf-8',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'content-security-policy': expect.stringMatching(
        /^default-src 'none'; style-src 'sha256-[^']+'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
      ),
    });
  });
});

describe('where it listens', () => {
  test('is this machine only, on a free port', async () => {
    const { callback } = await listening();
    expect(callback.redirectUri).toMatch(/^http:\/\/127\.0\.0\.1:\d{4,5}\/callback$/);
  });

  test('is both loopback addresses where the redirect says localhost', async () => {
    const { callback, at, stillWaits } = await listening({ host: 'localhost' });
    expect(callback.redirectUri).toMatch(/^http:\/\/localhost:\d+\/callback$/);
    const { port, host } = new URL(callback.redirectUri);
    for (const address of ['127.0.0.1', '::1']) {
      const answer = await ask(at('?state=x'), { host: address, port, headers: { host } }).catch(
        () => null,
      );
      // A machine without IPv6 has no second one.
      expect(answer === null ? address : answer.status).toBe(answer === null ? '::1' : 400);
    }
    await stillWaits();
  });

  test('cannot be a port that is taken, by whichever address', async () => {
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void taken.close());
    const { port } = taken.address() as AddressInfo;
    for (const host of ['127.0.0.1', 'localhost'] as const) {
      await expect(
        listenForCallback({ host, port, path: '/callback' }, () => true),
      ).rejects.toMatchObject({ code: 'refused', message: expect.stringContaining('is taken') });
    }
  });
});
