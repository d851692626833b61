import { spawn } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { SignJWT } from 'jose';
import { onTestFinished } from 'vitest';
import type { Authority } from '../oauth/certificates.ts';
import { listening, outputOf, tool } from './client-user.ts';

const PROGRAM = tool('docker-registry');
export const haveRegistry = outputOf(PROGRAM, '--version') !== '';

export interface Registry {
  /** `127.0.0.1:PORT`, as a login is bound to it. */
  readonly host: string;
  /** Authorization, request by request, as the registry and its token server got it; null where there was none. */
  readonly authorizations: (string | null)[];
  /** What the token server was asked and how it answered: `GET 200`, `POST 401`. */
  readonly tokenRequests: string[];
}

/**
 * The real registry, which lets in whoever brings a token of its token server, and that server:
 * https://distribution.github.io/distribution/spec/auth/token/ and …/oauth/. It takes an access token as the
 * password or as identity token, and asks whether that still lives.
 */
export const startRegistry = async (
  authority: Authority,
  isLive: (token: string) => Promise<boolean>,
): Promise<Registry> => {
  const directory = mkdtempSync(join(tmpdir(), 'tokenctl-registry-'));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const authorizations: (string | null)[] = [];
  const tokenRequests: string[] = [];
  const sign = createSigner(authority);
  const tokenServer = await listening(
    createServer(async (asked, response) => {
      authorizations.push(asked.headers.authorization ?? null);
      const { searchParams } = new URL(asked.url ?? '', 'http://127.0.0.1');
      const parameters =
        asked.method === 'POST' ? new URLSearchParams(await text(asked)) : searchParams;
      const credential =
        asked.method === 'POST' ? parameters.get('refresh_token') : password(asked);
      const status = credential !== null && (await isLive(credential)) ? 200 : 401;
      tokenRequests.push(`${asked.method} ${status}`);
      const token = status === 200 ? await sign(parameters.getAll('scope')) : undefined;
      const body = status === 200 ? { token, access_token: token } : UNAUTHORIZED;
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    }),
  );
  const socket = join(directory, 'socket');
  const port = await listening(
    createServer((asked, response) => {
      authorizations.push(asked.headers.authorization ?? null);
      forward(socket, asked, response);
    }),
  );
  const config = join(directory, 'config.yml');
  writeFileSync(config, JSON.stringify(settings(directory, socket, tokenServer, authority.file)));
  await start(config, socket);
  return { host: `127.0.0.1:${port}`, authorizations, tokenRequests };
};

const SERVICE = 'registry';
const ISSUER = 'tests';
const UNAUTHORIZED = { errors: [{ code: 'UNAUTHORIZED', message: 'authentication required' }] };

/** JSON is YAML. */
const settings = (
  directory: string,
  socket: string,
  tokenServer: number,
  rootcertbundle: string,
) => ({
  version: '0.1',
  log: { accesslog: { disabled: true } },
  storage: { filesystem: { rootdirectory: join(directory, 'storage') } },
  http: { net: 'unix', addr: socket, relativeurls: true },
  auth: {
    token: {
      ...{ realm: `http://127.0.0.1:${tokenServer}/token`, service: SERVICE, issuer: ISSUER },
      rootcertbundle,
    },
  },
});

const start = async (config: string, socket: string): Promise<void> => {
  const registry = spawn(PROGRAM, ['serve', config], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const said = text(registry.stderr);
  const ended = once(registry, 'exit');
  onTestFinished(async () => {
    registry.kill('SIGKILL');
    await ended;
  });
  while (!existsSync(socket)) {
    if (registry.exitCode !== null) {
      throw new Error(`docker-registry: ${await said}`);
    }
    await new Promise((later) => setTimeout(later, 20));
  }
};

const forward = (socketPath: string, asked: IncomingMessage, response: ServerResponse): void => {
  const { method, url, headers } = asked;
  const onward = request({ socketPath, method, path: url, headers }, (answer) => {
    response.writeHead(answer.statusCode ?? 502, answer.headers);
    answer.pipe(response);
  });
  onward.on('error', () => response.destroy());
  asked.pipe(onward);
};

const password = ({ headers: { authorization = '' } }: IncomingMessage): string | null => {
  const [, basic = ''] = /^Basic (.+)$/.exec(authorization) ?? [];
  const [, , found] = /^(.*?):(.*)$/s.exec(Buffer.from(basic, 'base64').toString('utf8')) ?? [];
  return found || null;
};

/** A token for exactly what was asked: `repository:app:pull,push`. */
const createSigner = (authority: Authority) => {
  const { key, cert } = authority.issue('DNS:tokens.example');
  const x5c = [cert.replace(/-----[A-Z ]+-----|\s/g, '')];
  return (scopes: readonly string[]): Promise<string> =>
    new SignJWT({
      access: scopes
        .flatMap((scope) => scope.split(' '))
        .map((scope) => {
          const [type, name, actions] = scope.split(':');
          return { type, name, actions: actions?.split(',') };
        }),
    })
      .setProtectedHeader({ alg: 'ES256', typ: 'JWT', x5c })
      .setIssuer(ISSUER)
      .setAudience(SERVICE)
      .setSubject('someone')
      .setIssuedAt()
      .setNotBefore('-1m')
      .setExpirationTime('5m')
      .sign(createPrivateKey(key));
};
