import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect, type Socket } from 'node:net';
import { describe, expect, it, vi } from 'vitest';
import { withAuthority } from './certificates.ts';
import { httpServer, listen, type Received, rawServer, recording, send } from './servers.ts';

interface Tunnel {
  readonly target: string | undefined;
  readonly authorization: string | undefined;
}

/** A forward proxy: makes the tunnel that CONNECT asks for, or answers with `status`. */
const proxyServer = async (status = 200, server = createHttpServer()) => {
  const tunnels: Tunnel[] = [];
  let bytes = '';
  server.on('connect', (request: IncomingMessage, client: Socket) => {
    tunnels.push({
      target: request.url,
      authorization: request.headers['proxy-authorization'],
    });
    if (status !== 200) {
      client.end(`HTTP/1.1 ${status} No\r\nContent-Length: 2\r\n\r\nno`);
      return;
    }
    const { hostname, port } = new URL(`http://${request.url}`);
    const upstream = connect(Number(port), hostname, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      client.on('data', (chunk) => {
        bytes += chunk.toString('latin1');
      });
      client.pipe(upstream).pipe(client);
    });
    upstream.on('error', () => client.destroy());
    upstream.on('close', () => client.destroy());
    client.on('error', () => upstream.destroy());
    client.on('close', () => upstream.destroy());
  });
  const { port, open } = await listen(server);
  return { port, open, tunnels, bytes: () => bytes, url: `http://127.0.0.1:${port}` };
};

const target = () => httpServer((response) => response.end('{"ok":true}'));

describe('post through a proxy', () => {
  it.each(['HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'all_proxy'])('uses %s', async (variable) => {
    const [server, proxy] = [await target(), await proxyServer()];
    expect(await send(server.url, { env: { [variable]: proxy.url } })).toMatchObject({
      kind: 'answered',
      body: '{"ok":true}',
    });
    expect(proxy.tunnels).toEqual([{ target: `127.0.0.1:${server.port}` }]);
    expect(server.received).toMatchObject([
      { body: 'grant_type=refresh_token&refresh_token=secret' },
    ]);
    await vi.waitFor(() => expect(proxy.open.size + server.open.size).toBe(0));
  });

  it('takes the proxy from the given environment and leaves the own one alone', async () => {
    const [server, proxy] = [await target(), await proxyServer()];
    const own = process.env;
    await send(server.url, { env: { HTTP_PROXY: proxy.url } });
    expect(process.env).toBe(own);
    expect(proxy.tunnels).toHaveLength(1);
  });

  it.each(['*', '127.0.0.1', '.0.0.1', 'example.com,127.0.0.1'])(
    'goes around it for NO_PROXY=%s',
    async (NO_PROXY) => {
      const [server, proxy] = [await target(), await proxyServer()];
      const result = await send(server.url, { env: { HTTP_PROXY: proxy.url, NO_PROXY } });
      expect(result).toMatchObject({ kind: 'answered' });
      expect(proxy.tunnels).toEqual([]);
    },
  );

  it('does not use the proxy of the other scheme', async () => {
    const [server, proxy] = [await target(), await proxyServer()];
    expect(await send(server.url, { env: { HTTPS_PROXY: proxy.url } })).toMatchObject({
      kind: 'answered',
    });
    expect(proxy.tunnels).toEqual([]);
  });

  it('still says ambiguous when the answer gets lost behind the proxy', async () => {
    const server = await rawServer((socket) => socket.once('data', () => socket.resetAndDestroy()));
    const proxy = await proxyServer();
    expect(await send(server.url, { env: { HTTP_PROXY: proxy.url } })).toMatchObject({
      kind: 'ambiguous',
    });
  });
});

describe('post through a proxy that fails', () => {
  it.each([407, 502, 503, 403])(
    'says not-sent when CONNECT is answered with %i',
    async (status) => {
      const [server, proxy] = [await target(), await proxyServer(status)];
      expect(await send(server.url, { env: { HTTP_PROXY: proxy.url } })).toEqual({
        kind: 'not-sent',
        code: `proxy_${status}`,
        message: `CONNECT was answered with ${status} (through the proxy 127.0.0.1:${proxy.port})`,
      });
      expect(server.received).toEqual([]);
      await vi.waitFor(() => expect(proxy.open.size).toBe(0));
    },
  );

  it('says not-sent when it refuses the connection', async () => {
    const result = await send('http://127.0.0.1:2', { env: { HTTP_PROXY: 'http://127.0.0.1:1' } });
    expect(result).toMatchObject({
      kind: 'not-sent',
      code: 'ECONNREFUSED',
      message: expect.stringContaining('(through the proxy 127.0.0.1:1)'),
    });
  });

  it('says not-sent when it hangs up, or never answers, and closes the connection', async () => {
    for (const onData of [(socket: Socket) => socket.destroy(), () => {}]) {
      const proxy = await rawServer((socket) => socket.once('data', () => onData(socket)));
      const env = { HTTP_PROXY: proxy.url.origin };
      const result = await send('http://127.0.0.1:2', { env, connectTimeoutMs: 200 });
      expect(result).toMatchObject({ kind: 'not-sent' });
      await vi.waitFor(() => expect(proxy.open.size).toBe(0));
    }
  });

  it('says not-sent when the proxy speaks something else', async () => {
    const proxy = await rawServer((socket) => socket.once('data', () => socket.end('\r\n\r\n')));
    const env = { HTTP_PROXY: proxy.url.origin };
    expect(await send('http://127.0.0.1:2', { env })).toMatchObject({ kind: 'not-sent' });
  });

  it('does not make a tunnel when the CA file cannot be used', async () => {
    const proxy = await proxyServer();
    const env = { HTTPS_PROXY: proxy.url, SSL_CERT_FILE: '/nonexistent/ca.pem' };
    expect(await send('https://127.0.0.1:2', { env })).toMatchObject({
      kind: 'not-sent',
      code: 'invalid_ca_file',
    });
    expect(proxy.tunnels).toEqual([]);
  });

  it.each(['socks5://127.0.0.1:1', 'http://[', 'ftp://127.0.0.1'])(
    'says not-sent of a proxy that it cannot use: %s',
    async (HTTP_PROXY) => {
      const server = await target();
      expect(await send(server.url, { env: { HTTP_PROXY } })).toMatchObject({
        kind: 'not-sent',
        code: 'invalid_proxy',
      });
      expect(server.received).toEqual([]);
    },
  );
});

describe('the credentials of a proxy', () => {
  it('reach the proxy and nobody else', async () => {
    const [server, proxy] = [await target(), await proxyServer()];
    const env = { HTTP_PROXY: `http://us%40er:hunter%2f2@127.0.0.1:${proxy.port}` };
    await send(server.url, { env });
    const credentials = Buffer.from('us@er:hunter/2').toString('base64');
    expect(proxy.tunnels).toMatchObject([{ authorization: `Basic ${credentials}` }]);
    expect(server.received[0]?.headers).not.toHaveProperty('proxy-authorization');
  });

  it('survive a percent sign that nobody escaped', async () => {
    const [server, proxy] = [await target(), await proxyServer()];
    await send(server.url, { env: { HTTP_PROXY: `http://u:50%@127.0.0.1:${proxy.port}` } });
    const credentials = Buffer.from('u:50%').toString('base64');
    expect(proxy.tunnels).toMatchObject([{ authorization: `Basic ${credentials}` }]);
  });

  it('are never in a message', async () => {
    const proxy = await proxyServer(407);
    for (const address of [`127.0.0.1:${proxy.port}`, '127.0.0.1:1', '[', '127.0.0.1:99999']) {
      const env = { HTTP_PROXY: `http://user:hunter2@${address}` };
      const result = await send('http://127.0.0.1:2', { env });
      expect(result).toMatchObject({ kind: 'not-sent' });
      expect(JSON.stringify(result)).not.toMatch(/user|hunter2/);
    }
  });
});

describe('post over TLS through a proxy', () => {
  const authority = withAuthority();
  const tlsTarget = async (names: string) => {
    const received: Received[] = [];
    const answer = recording(received, (response) => response.end('{}'));
    const server = await listen(createHttpsServer(authority().issue(names), answer));
    return { ...server, received };
  };

  it('tunnels, and the proxy sees no secret', async () => {
    const [server, proxy] = [await tlsTarget('DNS:localhost'), await proxyServer()];
    const env = { HTTPS_PROXY: proxy.url, SSL_CERT_FILE: authority().file };
    expect(await send(`https://localhost:${server.port}/token`, { env })).toMatchObject({
      kind: 'answered',
    });
    expect(proxy.tunnels).toEqual([{ target: `localhost:${server.port}` }]);
    expect(proxy.bytes().length).toBeGreaterThan(200);
    expect(proxy.bytes()).not.toMatch(/POST|secret/);
    await vi.waitFor(() => expect(proxy.open.size + server.open.size).toBe(0));
  });

  it('sends nothing when the certificate behind the tunnel is not trusted', async () => {
    const [server, proxy] = [await tlsTarget('DNS:localhost'), await proxyServer()];
    const result = await send(`https://localhost:${server.port}`, {
      env: { HTTPS_PROXY: proxy.url },
    });
    expect(result).toMatchObject({ kind: 'not-sent', code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
    expect(server.received).toEqual([]);
  });

  it('compares the certificate with the address asked for, not with the proxy', async () => {
    const [server, proxy] = [await tlsTarget('DNS:localhost'), await proxyServer()];
    const env = {
      HTTPS_PROXY: `http://localhost:${proxy.port}`,
      SSL_CERT_FILE: authority().file,
    };
    expect(await send(`https://127.0.0.1:${server.port}`, { env })).toMatchObject({
      kind: 'not-sent',
      code: 'ERR_TLS_CERT_ALTNAME_INVALID',
    });
    expect(server.received).toEqual([]);
  });

  it('reaches the proxy itself by TLS if its URL says so, and checks its certificate', async () => {
    const server = await tlsTarget('DNS:localhost');
    const pair = authority().issue('DNS:localhost');
    const proxy = await proxyServer(200, createHttpsServer(pair) as never);
    const HTTPS_PROXY = `https://localhost:${proxy.port}`;
    const url = `https://localhost:${server.port}`;
    const env = { HTTPS_PROXY, SSL_CERT_FILE: authority().file };
    expect(await send(url, { env })).toMatchObject({ kind: 'answered' });
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    try {
      expect(await send(url, { env: { HTTPS_PROXY } })).toMatchObject({ kind: 'not-sent' });
    } finally {
      vi.unstubAllEnvs();
    }
    expect(proxy.tunnels).toHaveLength(1);
  });

  it('gives up on a handshake behind the tunnel that takes too long, and closes everything', async () => {
    const server = await rawServer((socket) => socket.resume());
    const proxy = await proxyServer();
    const env = { HTTPS_PROXY: proxy.url };
    const result = await send(`https://localhost:${server.port}`, { env, connectTimeoutMs: 200 });
    expect(result).toMatchObject({ kind: 'not-sent', code: 'ETIMEDOUT' });
    await vi.waitFor(() => expect(proxy.open.size + server.open.size).toBe(0));
  });
});
