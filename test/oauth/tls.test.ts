import { writeFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { type KeyPair, withAuthority } from './certificates.ts';
import { listen, type Received, recording, send } from './servers.ts';

const authority = withAuthority();

const tlsServer = async (pair: KeyPair) => {
  const received: Received[] = [];
  const server = createServer(
    pair,
    recording(received, (response) => response.end('{}')),
  );
  return { ...(await listen(server)), received };
};

describe('post over TLS', () => {
  it('sends nothing to a server whose authority is unknown', async () => {
    const server = await tlsServer(authority().issue('DNS:localhost'));
    expect(await send(`https://localhost:${server.port}`)).toMatchObject({
      kind: 'not-sent',
      code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    });
    expect(server.received).toEqual([]);
  });

  it('trusts the authorities in SSL_CERT_FILE', async () => {
    const server = await tlsServer(authority().issue('DNS:localhost,IP:127.0.0.1'));
    const env = { SSL_CERT_FILE: authority().file };
    for (const host of ['localhost', '127.0.0.1']) {
      const result = await send(`https://${host}:${server.port}`, { env });
      expect(result).toMatchObject({ kind: 'answered', status: 200 });
    }
    await vi.waitFor(() => expect(server.open.size).toBe(0));
  });

  it('sends nothing to a server whose certificate names another host', async () => {
    const server = await tlsServer(authority().issue('DNS:other.example'));
    const env = { SSL_CERT_FILE: authority().file };
    for (const host of ['localhost', '127.0.0.1']) {
      expect(await send(`https://${host}:${server.port}`, { env })).toMatchObject({
        kind: 'not-sent',
        code: 'ERR_TLS_CERT_ALTNAME_INVALID',
      });
    }
    expect(server.received).toEqual([]);
  });

  it('checks certificates even if NODE_TLS_REJECT_UNAUTHORIZED says not to', async () => {
    const server = await tlsServer(authority().issue('DNS:localhost'));
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    try {
      expect(await send(`https://localhost:${server.port}`)).toMatchObject({ kind: 'not-sent' });
    } finally {
      vi.unstubAllEnvs();
    }
    expect(server.received).toEqual([]);
  });

  it('says which file it cannot use', async () => {
    const garbage = join(authority().directory, 'garbage.pem');
    writeFileSync(garbage, 'hello');
    const broken = join(authority().directory, 'broken.pem');
    writeFileSync(broken, '-----BEGIN CERTIFICATE-----\nhello\n-----END CERTIFICATE-----\n');
    for (const SSL_CERT_FILE of ['/nonexistent/ca.pem', authority().directory, garbage, broken]) {
      const result = await send('https://localhost:1', { env: { SSL_CERT_FILE } });
      expect(result).toMatchObject({
        kind: 'not-sent',
        message: expect.stringContaining(`SSL_CERT_FILE (${SSL_CERT_FILE}) cannot be used: `),
      });
    }
  });
});
