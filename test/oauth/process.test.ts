import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withAuthority } from './certificates.ts';
import { httpServer, listen, rawServer } from './servers.ts';

/** What only a process of its own can show: what Node reads as it starts, what it loads, when it ends. */

const directory = mkdtempSync(join(tmpdir(), 'tokenctl-transport-'));
const bundle = join(directory, 'transport.cjs');
const PROGRAM = `
  const [bundle, url, limits] = process.argv.slice(1);
  const { post } = require(bundle);
  post(new URL(url), { headers: {}, body: 'b', env: process.env, ...JSON.parse(limits) }).then((result) => {
    const undici = process.moduleLoadList.some((name) => name.includes('undici/undici'));
    console.log(JSON.stringify({ ...result, undici }));
    const resolved = Date.now();
    process.on('exit', () => console.log(Date.now() - resolved));
  });
`;

beforeAll(async () => {
  const entryPoints = ['src/oauth/transport.ts'];
  await build({ entryPoints, bundle: true, platform: 'node', format: 'cjs', outfile: bundle });
});

afterAll(() => rmSync(directory, { recursive: true }));

const run = async (url: URL | string, env: NodeJS.ProcessEnv = {}, limits: object = {}) => {
  const bounds = { connectTimeoutMs: 5_000, answerTimeoutMs: 5_000, ...limits };
  const args = ['-e', PROGRAM, bundle, String(url), JSON.stringify(bounds)];
  const { stdout, stderr } = await execa(process.execPath, args, {
    env: { PATH: process.env.PATH, ...env },
    extendEnv: false,
  });
  const [result, lingeredMs] = stdout.split('\n');
  return { result: JSON.parse(result ?? ''), lingeredMs: Number(lingeredMs), stderr };
};

describe('a process that has sent a request', () => {
  it('ends at once after an answer, and has not loaded the machinery of fetch', async () => {
    const server = await httpServer((response) =>
      response.writeHead(200, { connection: 'keep-alive', 'keep-alive': 'timeout=60' }).end('{}'),
    );
    const { result, lingeredMs } = await run(server.url);
    expect(result).toMatchObject({ kind: 'answered', undici: false });
    expect(lingeredMs).toBeLessThan(500);
  });

  it('ends at once after it gave up', async () => {
    const server = await rawServer((socket) => socket.resume());
    const limits = { connectTimeoutMs: 200, answerTimeoutMs: 200 };
    const silent = await run(server.url, {}, limits);
    expect(silent.result).toMatchObject({ kind: 'ambiguous', code: 'ETIMEDOUT' });
    expect(silent.lingeredMs).toBeLessThan(500);
    const noTls = await run(`https://127.0.0.1:${server.port}`, {}, limits);
    expect(noTls.result).toMatchObject({ kind: 'not-sent', code: 'ETIMEDOUT' });
    expect(noTls.lingeredMs).toBeLessThan(500);
    const noTunnel = await run(server.url, { HTTP_PROXY: server.url.origin }, limits);
    expect(noTunnel.result).toMatchObject({ kind: 'not-sent', code: 'ETIMEDOUT' });
    expect(noTunnel.lingeredMs).toBeLessThan(500);
  });

  it('says not-sent of a host that does not exist', async () => {
    // RFC 6761 section 6.4: .invalid never resolves.
    const { result } = await run('https://nothing.invalid/token');
    expect(result).toMatchObject({ kind: 'not-sent' });
    expect(['ENOTFOUND', 'EAI_AGAIN', 'ETIMEDOUT']).toContain(result.code);
  });

  it('does not print the credentials of a proxy when DEBUG is set', async () => {
    const { result, stderr } = await run('http://127.0.0.1:2', {
      DEBUG: '*',
      HTTP_PROXY: 'http://user:hunter2@127.0.0.1:1',
    });
    expect(result).toMatchObject({ kind: 'not-sent', code: 'ECONNREFUSED' });
    expect(stderr).toContain('https-proxy-agent');
    for (const secret of ['hunter2', Buffer.from('user:hunter2').toString('base64')]) {
      expect(stderr).not.toContain(secret);
    }
  });
});

describe('NODE_EXTRA_CA_CERTS', () => {
  const authority = withAuthority();

  it('is honoured, alone and beside SSL_CERT_FILE', async () => {
    const server = createServer(authority().issue('DNS:localhost'), (_, response) => {
      response.end('{}');
    });
    const url = `https://localhost:${(await listen(server)).port}`;
    const NODE_EXTRA_CA_CERTS = authority().file;
    expect((await run(url)).result).toMatchObject({ kind: 'not-sent' });
    expect((await run(url, { NODE_EXTRA_CA_CERTS })).result).toMatchObject({ kind: 'answered' });
    // Any file of certificates will do: this one has nothing to do with the server.
    const env = { NODE_EXTRA_CA_CERTS, SSL_CERT_FILE: authority().unrelated };
    expect((await run(url, env)).result).toMatchObject({ kind: 'answered' });
  });
});
