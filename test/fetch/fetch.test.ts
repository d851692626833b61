import fc from 'fast-check';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import {
  createTokenManager,
  importTokens,
  memoryStore,
  type TokenManagerOptions,
} from '../../src/index.ts';
import { newDpopKey } from '../../src/oauth/keys.ts';
import type { Store } from '../../src/store/store.ts';
import { inputs } from '../support/fuzz.ts';
import { guarded, type ResourceServer, type Seen, startResource } from './servers.ts';

interface Person {
  readonly tokens: ReturnType<typeof createTokenManager>;
  readonly store: Store;
  /** Access tokens in the order of their issue. */
  readonly issued: string[];
}

/** A login whose tokens are `token-1`, `token-2` … */
const signIn = async (
  hosts: readonly string[],
  options: Partial<TokenManagerOptions> = {},
): Promise<Person> => {
  const store = memoryStore(null, 'work');
  const issued = ['token-1'];
  await importTokens(store, { access_token: 'token-1', expires_in: 3600 });
  const tokens = createTokenManager({
    store,
    hosts,
    refresh: async () => {
      issued.push(`token-${issued.length + 1}`);
      return { access_token: issued.at(-1) ?? '', expires_in: 3600 };
    },
    ...options,
  });
  return { tokens, store, issued };
};

const echoing = (seen: Seen) => ({ status: 200, body: `${seen.method} ${seen.body}` });

describe('fetch as a login', () => {
  it('sends the token to a host that the login is bound to', async () => {
    const api = await startResource(echoing);
    const { tokens } = await signIn([api.host]);
    const response = await tokens.fetch(`${api.origin}/a?b=c`, { method: 'POST', body: 'hello' });
    expect(await response.text()).toBe('POST hello');
    expect(api.seen[0]).toMatchObject({ url: '/a?b=c', authorization: 'Bearer token-1' });
  });

  it('knows the hosts that came with imported tokens', async () => {
    const api = await startResource(echoing);
    const store = memoryStore();
    const hosts = [api.host];
    await importTokens(store, { access_token: 'imported', expires_in: 60, hosts });
    const tokens = createTokenManager({ store });
    expect((await tokens.fetch(api.origin)).status).toBe(200);
    expect(api.seen[0]?.authorization).toBe('Bearer imported');
  });

  it('makes the login by a refresh function, where there is none yet', async () => {
    const api = await startResource(echoing);
    const refresh = async () => ({ access_token: 'made', expires_in: 60 });
    const tokens = createTokenManager({ store: memoryStore(), refresh, hosts: [api.host] });
    expect((await tokens.fetch(api.origin)).status).toBe(200);
    expect(api.seen[0]?.authorization).toBe('Bearer made');
    await expect(
      createTokenManager({ store: memoryStore() }).fetch(api.origin),
    ).rejects.toMatchObject({ code: 'no_such_login' });
  });

  it('sends nothing at all to a host that it is not bound to, and says how to bind it', async () => {
    const api = await startResource(echoing);
    const { tokens } = await signIn(['api.example.com']);
    await expect(tokens.fetch(api.origin)).rejects.toMatchObject({
      code: 'refused',
      hint: `tokenctl hosts work add ${api.host}`,
    });
    await expect(tokens.fetch('http://api.example.com/')).rejects.toMatchObject({
      code: 'refused',
      message: expect.stringContaining('plain https'),
    });
    await expect(tokens.fetch('https://u:p@api.example.com/')).rejects.toMatchObject({
      code: 'refused',
    });
    expect(api.seen).toEqual([]);
  });

  it('heeds a binding to a path, however the path is written', async () => {
    const api = await startResource(echoing);
    const { tokens } = await signIn([`${api.host}/mine`]);
    for (const path of ['/mine', '/mine/', '/mine/x?y', '/other/../mine', '/%6dine/x']) {
      expect((await tokens.fetch(`${api.origin}${path}`)).status).toBe(200);
    }
    const outside = ['/', '/minesweeper', '/mine/../other', '/mine/%2e%2e/other', '/mine%2f..%2fx'];
    for (const path of [
      ...outside,
      '/mine/..;/x',
      '//mine',
      '/mine/%252e%252e/x',
      '/mine\\..\\x',
    ]) {
      await expect(tokens.fetch(`${api.origin}${path}`)).rejects.toMatchObject({ code: 'refused' });
    }
    expect(api.seen).toHaveLength(5);
  });

  it('lets paths that are not plain go to a host that is bound as a whole', async () => {
    const api = await startResource(echoing);
    const { tokens } = await signIn([api.host]);
    expect((await tokens.fetch(`${api.origin}/projects/group%2Fname//x`)).status).toBe(200);
  });

  it('leaves no room for another Authorization, proof or host', async () => {
    const { tokens } = await signIn(['api.example.com']);
    for (const header of ['Authorization', 'DPoP', 'Host']) {
      const init = { headers: { [header]: 'x' } };
      await expect(tokens.fetch('https://api.example.com/', init)).rejects.toMatchObject({
        code: 'usage',
      });
    }
  });

  it('is one to whoever wants a fetch', async () => {
    const api = await startResource(echoing);
    const { tokens } = await signIn([api.host]);
    const given: typeof globalThis.fetch = tokens.fetch;
    expect((await given(new URL(api.origin))).status).toBe(200);
  });

  it('takes a Request, and what is said besides it', async () => {
    const api = await startResource(echoing);
    const { tokens } = await signIn([api.host]);
    const request = new Request(api.origin, { method: 'PUT', body: 'x', headers: { a: 'b' } });
    const response = await tokens.fetch(request, { headers: { c: 'd' } });
    expect(await response.text()).toBe('PUT x');
    expect(api.seen[0]?.headers).toMatchObject({ c: 'd' });
    expect(api.seen[0]?.headers).not.toHaveProperty('a');
  });

  it('never gets the token to a host that is not bound, whatever the address (property)', async () => {
    const bound = ['api.example.com', '127.0.0.1:5000', 'xn--bcher-kva.example/a'];
    const sent: { url: string; authorization: string | null }[] = [];
    const { tokens } = await signIn(bound, {
      fetch: async (url, init) => {
        const authorization = new Headers(init?.headers).get('authorization');
        sent.push({ url: String(url), authorization });
        const location = addresses.pop();
        return location === undefined
          ? new Response('')
          : new Response(null, { status: 307, headers: { location: encodeURI(location) } });
      },
    });
    let addresses: string[] = [];
    const piece = fc.constantFrom(
      ...['api.example.com', '127.0.0.1:5000', '127.0.0.1', 'evil.example', 'bücher.example'],
      ...['@', ':', '/', '//', '\\', '#', '?', '%2f', '..', '.', '%2e%2e', ':80', ':443', '[::1]'],
      ...[
        'a',
        'user',
        '\t',
        '%00',
        '。',
        ';',
        'http://',
        'https://',
        'HTTPS://',
        '/a',
        '%',
        '[',
        ']',
      ],
    );
    const address = fc
      .tuple(fc.constantFrom('https://', 'http://', ''), fc.array(piece, { maxLength: 6 }))
      .map(([scheme, pieces]) => scheme + pieces.join(''));
    const start = fc.oneof(address, fc.constant('https://api.example.com/'));
    const seen = { with: 0, without: 0 };
    await fc.assert(
      fc.asyncProperty(start, fc.array(address, { maxLength: 3 }), async (first, next) => {
        addresses = next;
        sent.length = 0;
        await tokens.fetch(first).catch(() => {});
        for (const { url, authorization } of sent) {
          const { protocol, host, pathname } = new URL(url);
          const secure = protocol === 'https:' && host === 'api.example.com';
          const local = host === '127.0.0.1:5000';
          const below =
            protocol === 'https:' &&
            host === 'xn--bcher-kva.example' &&
            /^\/(a|%61)([/]|$)/i.test(pathname);
          seen[authorization === null ? 'without' : 'with'] += 1;
          if (authorization !== null) {
            expect([url, secure || local || below]).toEqual([url, true]);
          }
        }
      }),
      inputs('host'),
    );
    expect(seen.with).toBeGreaterThan(100);
    expect(seen.without).toBeGreaterThan(20);
  });
});

describe('a redirect', () => {
  const chain = async (
    from: (target: string) => { status: number; to: string },
    target: ResourceServer,
  ): Promise<ResourceServer> =>
    startResource(({ url }) =>
      url === '/start'
        ? { status: from(target.origin).status, headers: { location: from(target.origin).to } }
        : { status: 200, body: url },
    );

  it('takes the token along to another host that is bound', async () => {
    const other = await startResource(echoing);
    const api = await chain((origin) => ({ status: 302, to: `${origin}/x` }), other);
    const { tokens } = await signIn([api.host, other.host]);
    const response = await tokens.fetch(`${api.origin}/start`);
    expect([response.redirected, response.url]).toEqual([true, `${other.origin}/x`]);
    expect(other.seen[0]?.authorization).toBe('Bearer token-1');
  });

  it('leaves the token and cookies behind on the way to one that is not', async () => {
    const other = await startResource(echoing);
    const api = await chain((origin) => ({ status: 302, to: `${origin}/x` }), other);
    const { tokens } = await signIn([api.host]);
    const headers = { cookie: 'a=b', 'proxy-authorization': 'c', 'x-mine': 'd' };
    const response = await tokens.fetch(`${api.origin}/start`, { headers });
    expect(response.status).toBe(200);
    expect(other.seen[0]?.headers).toMatchObject({ 'x-mine': 'd' });
    for (const name of ['authorization', 'cookie', 'proxy-authorization']) {
      expect(other.seen[0]?.headers).not.toHaveProperty(name);
    }
  });

  it('that leads back by way of somebody else comes back without the token', async () => {
    const { origin, host, seen } = await startResource(({ url }) =>
      url === '/start'
        ? { status: 302, headers: { location: `${other.origin}/` } }
        : { status: 200 },
    );
    const other = await startResource(() => ({
      status: 302,
      headers: { location: `${origin}/of-their-choice` },
    }));
    const { tokens } = await signIn([host]);
    await tokens.fetch(`${origin}/start`);
    expect(seen.map(({ url, authorization }) => [url, authorization])).toEqual([
      ['/start', 'Bearer token-1'],
      ['/of-their-choice', undefined],
    ]);
  });

  it('leaves the token behind on the way out of the path that is bound', async () => {
    const api = await startResource(({ url }) =>
      url === '/mine/start' ? { status: 302, headers: { location: '/other' } } : { status: 200 },
    );
    const { tokens } = await signIn([`${api.host}/mine`]);
    await tokens.fetch(`${api.origin}/mine/start`);
    expect(api.seen.map(({ authorization }) => authorization)).toEqual([
      'Bearer token-1',
      undefined,
    ]);
  });

  it.each([
    [301, 'POST', 'GET', ''],
    [302, 'POST', 'GET', ''],
    [303, 'PUT', 'GET', ''],
    [301, 'PUT', 'PUT', 'x'],
    [307, 'POST', 'POST', 'x'],
    [308, 'PUT', 'PUT', 'x'],
  ])('of %d makes of %s a %s', async (status, method, then, body) => {
    const api = await startResource(({ url }) =>
      url === '/start' ? { status, headers: { location: '/next' } } : { status: 200 },
    );
    const { tokens } = await signIn([api.host]);
    await tokens.fetch(`${api.origin}/start`, { method, body: 'x' });
    expect(api.seen[1]).toMatchObject({ method: then, body });
    expect('content-type' in (api.seen[1]?.headers ?? {})).toBe(body !== '');
    // Node's own does the same.
    await fetch(`${api.origin}/start`, { method, body: 'x' });
    expect(api.seen[3]).toMatchObject({ method: then, body });
  });

  it('is not followed where that was not wanted', async () => {
    const api = await startResource(() => ({ status: 302, headers: { location: '/next' } }));
    const { tokens } = await signIn([api.host]);
    const manual = await tokens.fetch(api.origin, { redirect: 'manual' });
    expect([manual.status, manual.headers.get('location')]).toEqual([302, '/next']);
    await expect(tokens.fetch(api.origin, { redirect: 'error' })).rejects.toThrow(TypeError);
    expect(api.seen).toHaveLength(2);
  });

  it('is followed twenty times', async () => {
    let left = 20;
    const api = await startResource(() =>
      left-- > 0 ? { status: 302, headers: { location: '/' } } : { status: 200 },
    );
    const { tokens } = await signIn([api.host]);
    expect((await tokens.fetch(api.origin)).status).toBe(200);
    left = 21;
    await expect(tokens.fetch(api.origin)).rejects.toThrow(TypeError);
  });

  it('from https to http ends it', async () => {
    const sent: string[] = [];
    const { tokens } = await signIn(['api.example.com', '127.0.0.1:1'], {
      fetch: async (url) => {
        sent.push(String(url));
        return new Response(null, { status: 302, headers: { location: 'http://127.0.0.1:1/' } });
      },
    });
    await expect(tokens.fetch('https://api.example.com/')).rejects.toThrow(TypeError);
    expect(sent).toEqual(['https://api.example.com/']);
  });
});

describe('a rejected token', () => {
  it('is renewed once, and the request sent once more', async () => {
    const api = await startResource(guarded(() => ['token-2']));
    const { tokens, issued } = await signIn([api.host]);
    const response = await tokens.fetch(api.origin, { method: 'POST', body: 'x' });
    expect(await response.text()).toBe('the answer');
    expect(api.seen.map(({ authorization, body }) => [authorization, body])).toEqual([
      ['Bearer token-1', 'x'],
      ['Bearer token-2', 'x'],
    ]);
    expect(issued).toHaveLength(2);
  });

  it('is renewed once for all who ask at the same time', async () => {
    const api = await startResource(guarded(() => ['token-2']));
    const { tokens, issued } = await signIn([api.host]);
    const all = await Promise.all(Array.from({ length: 20 }, () => tokens.fetch(api.origin)));
    expect(all.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(issued).toHaveLength(2);
  });

  it('twice is the answer', async () => {
    const api = await startResource(guarded(() => []));
    const { tokens, issued } = await signIn([api.host]);
    const response = await tokens.fetch(api.origin);
    expect([response.status, await response.text()]).toEqual([401, 'rejected']);
    expect([api.seen.length, issued.length]).toEqual([2, 2]);
    // The new one again, right after its issue: nobody renews it once more (invariant 10).
    const again = await tokens.fetch(api.origin);
    expect([again.status, await again.text()]).toEqual([401, 'rejected']);
    expect([api.seen.length, issued.length]).toEqual([3, 2]);
  });

  it.each([
    ['a stream', () => new Response('x').body],
    [
      'what is iterated over',
      () =>
        (async function* () {
          yield Buffer.from('x');
        })(),
    ],
  ])('is not sent again with %s', async (_, body) => {
    const api = await startResource(guarded(() => ['token-2']));
    const { tokens, issued } = await signIn([api.host]);
    const init = { method: 'POST', body: body(), duplex: 'half' } as RequestInit;
    expect((await tokens.fetch(api.origin, init)).status).toBe(401);
    expect([api.seen.length, issued.length]).toEqual([1, 2]);
    // But the token is renewed for the next one.
    expect((await tokens.fetch(api.origin)).status).toBe(200);
    expect([api.seen.length, issued.length]).toEqual([2, 2]);
  });

  it.each([
    ['text', () => 'x'],
    ['bytes', () => Buffer.from('x')],
    ['a form', () => new URLSearchParams({ x: '' })],
    ['a multipart form', () => Object.assign(new FormData(), {})],
    ['a blob', () => new Blob(['x'])],
  ])('is sent again with %s', async (_, body) => {
    const api = await startResource(guarded(() => ['token-2']));
    const { tokens } = await signIn([api.host]);
    expect((await tokens.fetch(api.origin, { method: 'POST', body: body() })).status).toBe(200);
    const [first, second] = api.seen;
    expect(second?.body.length).toBe(first?.body.length);
  });

  it('is sent again with a short body of a Request, and not with a long one', async () => {
    const api = await startResource(guarded(() => ['token-2', 'token-4']));
    const { tokens } = await signIn([api.host]);
    const short = new Request(api.origin, { method: 'POST', body: 'x' });
    expect((await tokens.fetch(short)).status).toBe(200);
    await tokens.getValidToken({ force: true });
    const long = new Request(api.origin, { method: 'POST', body: 'x'.repeat(3_000_000) });
    expect((await tokens.fetch(long)).status).toBe(401);
    expect(api.seen.map(({ body }) => body.length)).toEqual([1, 1, 3_000_000]);
  });

  it('says so where a person must sign in again', async () => {
    const api = await startResource(guarded(() => []));
    const { store } = await signIn([api.host]);
    await importTokens(store, { access_token: 'only', hosts: [api.host] });
    const tokens = createTokenManager({ store });
    await expect(tokens.fetch(api.origin)).rejects.toMatchObject({ code: 'login_required' });
  });

  it('is not waited for by who gave up, and renewed for the others', async () => {
    const api = await startResource(guarded(() => ['slow']));
    let finish = () => {};
    const store = memoryStore();
    await importTokens(store, { access_token: 'first', expires_in: 60, hosts: [api.host] });
    const tokens = createTokenManager({
      store,
      refresh: () =>
        new Promise((resolve) => {
          finish = () => resolve({ access_token: 'slow', expires_in: 60 });
          abort.abort(new Error('enough'));
        }),
    });
    const abort = new AbortController();
    await expect(tokens.fetch(api.origin, { signal: abort.signal })).rejects.toThrow('enough');
    finish();
    expect((await tokens.fetch(api.origin)).status).toBe(200);
  });
});

describe('a token that is bound to a key', () => {
  const keyed = async (host: string): Promise<Store> => {
    const store = memoryStore(null, 'work');
    await importTokens(store, {
      access_token: 'bound',
      token_type: 'DPoP',
      expires_in: 60,
      hosts: [host],
    });
    const record = (await store.read())?.record;
    if (record === undefined) {
      throw new Error('nothing was imported');
    }
    const extras = {
      grant: 'refresh_token',
      parameters: [],
      clientKey: null,
      assertion: null,
    } as const;
    const client = { ...record.client, extras: { ...extras, tls: null, dpopKey: newDpopKey() } };
    return memoryStore({ ...record, client }, 'work');
  };

  /** Verifies the proof by the key that it names, as RFC 9449 section 4.3 says. */
  const verified = async ({ headers }: Seen): Promise<Record<string, unknown>> => {
    const proof = String(headers.dpop);
    const { jwk } = JSON.parse(Buffer.from(proof.split('.')[0] ?? '', 'base64url').toString());
    const { payload } = await jwtVerify(proof, createLocalJWKSet({ keys: [jwk] }), {
      typ: 'dpop+jwt',
    });
    return payload;
  };

  it('goes with a proof for each request, and with the nonce that the server wants', async () => {
    let wanted = 'first';
    const payloads: Promise<Record<string, unknown>>[] = [];
    const api = await startResource((seen) => {
      payloads.push(verified(seen));
      const proof = String(seen.headers.dpop);
      const { nonce } = JSON.parse(Buffer.from(proof.split('.')[1] ?? '', 'base64url').toString());
      const challenge = 'DPoP error="use_dpop_nonce", error_description="x"';
      return nonce === wanted
        ? { status: 200 }
        : { status: 401, headers: { 'www-authenticate': challenge, 'dpop-nonce': wanted } };
    });
    const tokens = createTokenManager({ store: await keyed(api.host) });
    expect((await tokens.fetch(`${api.origin}/a?b#c`, { method: 'POST', body: 'x' })).status).toBe(
      200,
    );
    expect((await tokens.fetch(`${api.origin}/a`)).status).toBe(200);
    wanted = 'second';
    expect((await tokens.fetch(`${api.origin}/a`)).status).toBe(200);
    const seen = await Promise.all(payloads);
    expect(seen.map(({ nonce, htm }) => [nonce, htm])).toEqual([
      [undefined, 'POST'],
      ['first', 'POST'],
      ['first', 'GET'],
      ['first', 'GET'],
      ['second', 'GET'],
    ]);
    expect(new Set(seen.map(({ jti }) => jti)).size).toBe(5);
    expect(seen[0]).toMatchObject({ htu: `${api.origin}/a`, ath: expect.any(String) });
    expect(api.seen[0]?.authorization).toBe('DPoP bound');
  });

  it('is refused where the key is not here', async () => {
    const store = memoryStore();
    const hosts = ['127.0.0.1:1'];
    await importTokens(store, { access_token: 'x', token_type: 'DPoP', expires_in: 60, hosts });
    const tokens = createTokenManager({ store });
    await expect(tokens.fetch('http://127.0.0.1:1/')).rejects.toMatchObject({ code: 'refused' });
  });
});
