import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa, execaSync } from 'execa';
import { onTestFinished } from 'vitest';

const BACKEND = ((): string => {
  try {
    return join(execaSync('git', ['--exec-path']).stdout, 'git-http-backend');
  } catch {
    return '';
  }
})();

export const haveGitServer = existsSync(BACKEND);

export type IsLetIn = (username: string, password: string, url: string) => Promise<boolean>;

export interface GitServer {
  /** `127.0.0.1:PORT`, as a login is bound to it. */
  readonly host: string;
  readonly url: string;
  /** Where the repositories are. */
  readonly root: string;
  /** What came as Authorization, request by request; null where nothing did. */
  readonly authorizations: (string | null)[];
  /** From now on every request is sent on to there. */
  redirectTo(url: string): void;
  close(): Promise<void>;
}

/**
 * Smart HTTP (gitprotocol-http(5)) over git-http-backend, for whoever brings a password that is let in, or
 * where the scheme is Bearer, a token.
 */
export const startGitServer = async (
  isLetIn: IsLetIn,
  scheme: 'Basic' | 'Bearer' = 'Basic',
): Promise<GitServer> => {
  const root = mkdtempSync(join(tmpdir(), 'tokenctl-git-server-'));
  const authorizations: (string | null)[] = [];
  let elsewhere: string | null = null;
  const server = createServer(async (request, response) => {
    const { authorization } = request.headers;
    authorizations.push(authorization ?? null);
    if (elsewhere !== null) {
      response.writeHead(302, { location: `${elsewhere}${request.url}` }).end();
    } else if (await isAuthorised(authorization, isLetIn, scheme, request.url ?? '')) {
      runBackend(root, request, response);
    } else {
      request.resume();
      response.writeHead(401, { 'www-authenticate': `${scheme} realm="git"` }).end();
    }
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((closed) => server.close(closed));
    rmSync(root, { recursive: true, force: true });
  };
  onTestFinished(close);
  const { port } = server.address() as AddressInfo;
  return {
    host: `127.0.0.1:${port}`,
    url: `http://127.0.0.1:${port}`,
    root,
    authorizations,
    redirectTo: (url) => {
      elsewhere = url;
    },
    close,
  };
};

/** A repository that can be pushed to. */
export const createRepository = async ({ root }: GitServer, name: string): Promise<void> => {
  const path = join(root, name);
  await execa('git', ['init', '--quiet', '--bare', '--initial-branch=main', path]);
  await execa('git', ['-C', path, 'config', 'http.receivepack', 'true']);
};

const isAuthorised = async (
  authorization: string | undefined,
  isLetIn: IsLetIn,
  scheme: string,
  url: string,
): Promise<boolean> => {
  const [, given, credential = ''] = /^(\S+) (.+)$/.exec(authorization ?? '') ?? [];
  if (given !== scheme) {
    return false;
  }
  if (scheme === 'Bearer') {
    return isLetIn('', credential, url);
  }
  const [, username, password] =
    /^(.*?):(.*)$/s.exec(Buffer.from(credential, 'base64').toString('utf8')) ?? [];
  return username !== undefined && password !== undefined && isLetIn(username, password, url);
};

/** CGI (RFC 3875). */
const runBackend = (root: string, request: IncomingMessage, response: ServerResponse): void => {
  const { pathname, search } = new URL(request.url ?? '/', 'http://127.0.0.1');
  const { headers } = request;
  const backend = spawn(BACKEND, {
    env: {
      PATH: process.env.PATH,
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      // Repositories of a test may belong to whoever runs it.
      GIT_CONFIG_COUNT: '1',
      GIT_CONFIG_KEY_0: 'safe.directory',
      GIT_CONFIG_VALUE_0: '*',
      REQUEST_METHOD: request.method,
      PATH_INFO: pathname,
      QUERY_STRING: search.slice(1),
      REMOTE_USER: 'test',
      CONTENT_TYPE: headers['content-type'] ?? '',
      CONTENT_LENGTH: headers['content-length'] ?? '',
      HTTP_CONTENT_ENCODING: headers['content-encoding'] ?? '',
      HTTP_GIT_PROTOCOL: String(headers['git-protocol'] ?? ''),
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  backend.stdin.on('error', () => {});
  request.pipe(backend.stdin);
  let head = Buffer.alloc(0);
  const readHead = (chunk: Buffer): void => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end === -1) {
      return;
    }
    backend.stdout.off('data', readHead);
    const fields = head.subarray(0, end).toString('latin1').split('\r\n');
    for (const field of fields) {
      const [, name = '', value = ''] = /^([^:]+): *(.*)$/.exec(field) ?? [];
      if (name.toLowerCase() === 'status') {
        response.statusCode = Number.parseInt(value, 10);
      } else {
        response.setHeader(name, value);
      }
    }
    response.write(head.subarray(end + 4));
    backend.stdout.pipe(response);
  };
  backend.stdout.on('data', readHead);
};
