import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { failureOf } from '../../src/oauth/route.ts';
import { firstLine } from '../support/lock-processes.ts';
import { httpServer, rawServer, send } from './servers.ts';

/** A server in a process of its own, which goes on when this one does not. */
const ANSWER_SOON = `
  const server = require('node:http').createServer((request, response) => {
    setTimeout(() => response.end('{}'), 150);
  });
  server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

const stopFor = (ms: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
};

const JSON_TYPE = { 'content-type': 'application/json' };
const LIMIT = 2 * 1_048_576;

describe('post', () => {
  it('sends one POST and returns the whole answer', async () => {
    const server = await httpServer((response) =>
      response.writeHead(418, { ...JSON_TYPE, 'Retry-After': '7' }).end('{"a":"ü"}'),
    );
    expect(await send(`${server.url}?x=1`)).toMatchObject({
      kind: 'answered',
      status: 418,
      headers: { 'content-type': 'application/json', 'retry-after': '7' },
      body: '{"a":"ü"}',
      truncated: false,
    });
    expect(server.received).toEqual([
      {
        method: 'POST',
        url: '/token?x=1',
        headers: {
          accept: 'application/json',
          host: `127.0.0.1:${server.port}`,
          connection: 'close',
          'content-length': '45',
        },
        body: 'grant_type=refresh_token&refresh_token=secret',
      },
    ]);
  });

  it('returns an answer whose end is the end of the connection', async () => {
    const server = await rawServer((socket) =>
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\n\r\n{"a":1}')),
    );
    expect(await send(server.url)).toMatchObject({ kind: 'answered', body: '{"a":1}' });
  });

  it('returns a complete answer in spite of what follows it', async () => {
    const first = 'HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n{"a":1}';
    for (const more of ['\r\n\r\n', 'garbage', first.replace('1}', '2}')]) {
      const server = await rawServer((socket) =>
        socket.once('data', () => socket.end(`${first}${more}`)),
      );
      expect(await send(server.url)).toMatchObject({ kind: 'answered', body: '{"a":1}' });
    }
  });

  it('returns HTML as it is', async () => {
    const server = await httpServer((response) => response.writeHead(502).end('<html>'));
    expect(await send(server.url)).toMatchObject({ kind: 'answered', status: 502, body: '<html>' });
  });

  it.each([301, 302, 303, 307, 308])('does not follow a %i', async (status) => {
    const other = await httpServer((response) => response.end('{}'));
    const server = await httpServer((response) =>
      response.writeHead(status, { location: other.url.href }).end(),
    );
    expect(await send(server.url)).toMatchObject({ kind: 'answered', status });
    expect(other.received).toEqual([]);
  });

  it('keeps no connection open, even if the server would', async () => {
    const server = await httpServer((response) =>
      response.writeHead(200, { connection: 'keep-alive' }).end('{}'),
    );
    await send(server.url);
    await vi.waitFor(() => expect(server.open.size).toBe(0));
  });
});

describe('post, when the connection is never made', () => {
  it.each(['http://127.0.0.1:1/', 'https://127.0.0.1:1/', 'http://localhost:1/'])(
    'says not-sent of a refused port: %s',
    async (url) => {
      expect(await send(url)).toEqual({
        kind: 'not-sent',
        code: 'ECONNREFUSED',
        message: expect.stringMatching(/^connect ECONNREFUSED .*:1$/),
      });
    },
  );

  it('says not-sent when the server hangs up during the TLS handshake', async () => {
    const server = await rawServer((socket) => socket.once('data', () => socket.destroy()));
    expect(await send(`https://127.0.0.1:${server.port}`)).toMatchObject({
      kind: 'not-sent',
      code: 'ECONNRESET',
    });
  });

  it('says not-sent when the other side does not speak TLS', async () => {
    const server = await httpServer((response) => response.end('{}'));
    expect(await send(`https://127.0.0.1:${server.port}`)).toMatchObject({ kind: 'not-sent' });
    expect(server.received).toEqual([]);
  });

  it('gives up when the handshake takes too long, and closes the connection', async () => {
    let bytes = '';
    const server = await rawServer((socket) =>
      socket.on('data', (chunk) => {
        bytes += chunk.toString('latin1');
      }),
    );
    const url = `https://127.0.0.1:${server.port}/token`;
    expect(await send(url, { connectTimeoutMs: 100 })).toEqual({
      kind: 'not-sent',
      code: 'ETIMEDOUT',
      message: 'no connection within 100 ms',
    });
    await vi.waitFor(() => expect(server.open.size).toBe(0));
    expect(bytes).not.toMatch(/POST|secret/);
  });

  it('says not-sent of a request that cannot be written', async () => {
    const server = await httpServer((response) => response.end('{}'));
    const headers = { accept: 'a\nb' };
    expect(await send(server.url, { headers })).toMatchObject({ kind: 'not-sent' });
    expect(server.received).toEqual([]);
  });
});

describe('failureOf', () => {
  it('says nothing of a local address that there is not', () => {
    const error = Object.assign(
      new Error('connect EMFILE 127.0.0.1:443 - Local (undefined:undefined)'),
      { code: 'EMFILE' },
    );
    expect(failureOf(error)).toEqual({ code: 'EMFILE', message: 'connect EMFILE 127.0.0.1:443' });
  });
});

describe('post, once the request is on its way', () => {
  const RESET = { kind: 'ambiguous', code: 'ECONNRESET' };

  it('says ambiguous when the server resets before it reads the request', async () => {
    const server = await rawServer(
      (socket) => setTimeout(() => socket.resetAndDestroy(), 50),
      true,
    );
    expect(await send(server.url)).toMatchObject(RESET);
  });

  it('says ambiguous when the server resets after it has read the request', async () => {
    const server = await rawServer((socket) => socket.once('data', () => socket.resetAndDestroy()));
    expect(await send(server.url)).toMatchObject(RESET);
  });

  it('says ambiguous when the server closes without a word', async () => {
    const server = await rawServer((socket) => socket.once('data', () => socket.end()));
    expect(await send(server.url)).toMatchObject(RESET);
  });

  it('says ambiguous when the answer breaks off', async () => {
    const server = await rawServer((socket) =>
      socket.once('data', () => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"acc')),
    );
    expect(await send(server.url)).toMatchObject(RESET);
  });

  it('says ambiguous when the answer is not HTTP, and repeats nothing of it', async () => {
    const server = await rawServer((socket) => socket.once('data', () => socket.end('secret!')));
    const result = await send(server.url);
    expect(result).toMatchObject({ kind: 'ambiguous' });
    expect(JSON.stringify(result)).not.toContain('secret');
  });

  it('gives up when no answer comes', async () => {
    const server = await httpServer(() => {});
    expect(await send(server.url, { answerTimeoutMs: 100 })).toEqual({
      kind: 'ambiguous',
      code: 'ETIMEDOUT',
      message: 'no complete answer in 100 ms',
    });
    await vi.waitFor(() => expect(server.open.size).toBe(0));
  });

  it('is not kept waiting by a server that sends a byte now and then', async () => {
    const server = await httpServer(async (response) => {
      response.writeHead(200, JSON_TYPE);
      while (!response.destroyed) {
        response.write(' ');
        await sleep(30);
      }
    });
    const started = Date.now();
    const result = await send(server.url, { answerTimeoutMs: 300 });
    expect(result).toMatchObject({ kind: 'ambiguous', code: 'ETIMEDOUT' });
    expect(Date.now() - started).toBeLessThan(2_000);
  });

  it('is not kept waiting by headers that come byte by byte', async () => {
    const server = await rawServer(async (socket) => {
      for (const byte of `HTTP/1.1 200 OK\r\nx: ${'x'.repeat(1000)}`) {
        if (!socket.destroyed) {
          socket.write(byte);
          await sleep(20);
        }
      }
    });
    const result = await send(server.url, { answerTimeoutMs: 200 });
    expect(result).toMatchObject({ kind: 'ambiguous', code: 'ETIMEDOUT' });
  });

  it('takes the answer that came while the process was stopped', async () => {
    const server = spawn(process.execPath, ['-e', ANSWER_SOON], { stdio: ['ignore', 'pipe', 2] });
    onTestFinished(() => {
      server.kill();
    });
    const result = await send(`http://127.0.0.1:${await firstLine(server)}/token`, {
      answerTimeoutMs: 300,
      beforeSending: async () => {
        // As if by a signal: then both the time is up and the answer is there, and timers come first.
        setTimeout(() => setImmediate(stopFor, 1_500), 50);
        return true;
      },
    });
    expect(result).toMatchObject({ kind: 'answered', body: '{}' });
  });

  it('does not count the time for the connection against the answer', async () => {
    const server = await httpServer((response) => setTimeout(() => response.end('{}'), 200));
    const result = await send(server.url, { connectTimeoutMs: 100, answerTimeoutMs: 5_000 });
    expect(result).toMatchObject({ kind: 'answered' });
  });
});

describe('post, given more than it wants to read', () => {
  it.each([
    [LIMIT, false],
    [LIMIT + 1, true],
    [2 * LIMIT, true],
  ])('reads %i bytes; truncated: %j', async (size, truncated) => {
    const server = await httpServer((response) => response.end(Buffer.alloc(size, ' ')));
    const result = await send(server.url);
    expect(result).toMatchObject({ kind: 'answered', truncated });
    expect(result.kind === 'answered' && result.body.length).toBe(LIMIT);
  });

  it('ends an endless answer', async () => {
    const server = await httpServer((response) => {
      const chunk = Buffer.alloc(65_536, 'x');
      const write = () => {
        while (!response.destroyed && response.write(chunk)) {}
      };
      response.on('drain', write);
      write();
    });
    expect(await send(server.url)).toMatchObject({ kind: 'answered', truncated: true });
    await vi.waitFor(() => expect(server.open.size).toBe(0));
  });

  it('ends an endless row of interim answers', async () => {
    const server = await rawServer((socket) => {
      const interim = 'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n'.repeat(1_000);
      const write = () => {
        while (!socket.destroyed && socket.write(interim)) {}
      };
      socket.on('drain', write).once('data', write);
    });
    expect(await send(server.url, { answerTimeoutMs: 60_000 })).toMatchObject({
      kind: 'ambiguous',
      code: 'invalid_response',
    });
    await vi.waitFor(() => expect(server.open.size).toBe(0));
  });
});
