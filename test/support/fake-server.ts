import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer, type ServerOptions } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Answer {
  readonly status?: number;
  readonly json: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface FakeServer {
  readonly issuer: string;
  /** Requests that came, in order: method and path, and what was in a form. */
  readonly requests: {
    what: string;
    form: URLSearchParams;
    headers: IncomingMessage['headers'];
    body: string;
  }[];
  readonly asked: () => string[];
  metadata: Record<string, unknown>;
  /** Below `/.well-known/`. */
  wellKnown: string;
  /** What the token endpoint answers, in order; the last one again and again. */
  answers: (Answer | 'reset')[];
  device: Record<string, unknown>;
}

export const TOKENS = {
  access_token: 'an-access-token-of-the-fake',
  refresh_token: 'a-refresh-token-of-the-fake',
  token_type: 'Bearer',
  expires_in: 3600,
};

/** An authorization server that says what a test wants it to say, and shows no pages. */
export const startFakeServer = async (
  tls: ServerOptions | null = null,
  look: (request: IncomingMessage) => void = () => {},
): Promise<FakeServer> => {
  const requests: FakeServer['requests'] = [];
  const listener = async (request: IncomingMessage, response: ServerResponse) => {
    look(request);
    let body = '';
    for await (const chunk of request) {
      body += chunk;
    }
    const what = `${request.method} ${request.url}`;
    requests.push({ what, form: new URLSearchParams(body), headers: request.headers, body });
    const answer = answerTo(what);
    if (answer === 'reset') {
      request.socket.resetAndDestroy();
      return;
    }
    response.writeHead(answer.status ?? 200, {
      'content-type': 'application/json',
      ...answer.headers,
    });
    response.end(JSON.stringify(answer.json));
  };
  const http = tls === null ? createHttpServer(listener) : createHttpsServer(tls, listener);
  const port = await listenLocally(http);
  const issuer = tls === null ? `http://127.0.0.1:${port}` : `https://localhost:${port}`;
  const server: FakeServer = {
    issuer,
    requests,
    asked: () => requests.map(({ what }) => what),
    metadata: {
      issuer,
      authorization_endpoint: `${issuer}/authorize`,
      token_endpoint: `${issuer}/token`,
      device_authorization_endpoint: `${issuer}/device`,
      code_challenge_methods_supported: ['S256'],
    },
    wellKnown: 'openid-configuration',
    answers: [{ json: TOKENS }],
    device: {
      device_code: 'the-device-code',
      user_code: 'ABCD-EFGH',
      verification_uri: `${issuer}/activate`,
      verification_uri_complete: `${issuer}/activate?user_code=ABCD-EFGH`,
      expires_in: 60,
      interval: 0.05,
    },
  };
  const answerTo = (what: string): Answer | 'reset' => {
    switch (what) {
      case `GET /.well-known/${server.wellKnown}`:
        return { json: server.metadata };
      case 'POST /token':
        return (
          (server.answers.length > 1 ? server.answers.shift() : server.answers[0]) ?? { json: {} }
        );
      case 'POST /device':
        return { json: server.device };
      case 'POST /register':
        return {
          status: 201,
          json: { client_id: 'registered', token_endpoint_auth_method: 'none' },
        };
      case 'POST /par':
        return {
          status: 201,
          json: { request_uri: 'urn:ietf:params:oauth:request_uri:x', expires_in: 60 },
        };
      default:
        return { status: 404, json: {} };
    }
  };
  return server;
};

/** A forward proxy for CONNECT; `tunnels` are the hosts that were asked for, `headers` what came with that. */
export const startProxy = async (): Promise<{
  url: string;
  tunnels: string[];
  headers: IncomingMessage['headers'][];
}> => {
  const tunnels: string[] = [];
  const headers: IncomingMessage['headers'][] = [];
  const server = createHttpServer();
  server.on('connect', (request: IncomingMessage, client: Socket) => {
    tunnels.push(request.url ?? '');
    headers.push(request.headers);
    const { hostname, port } = new URL(`http://${request.url}`);
    const upstream = connect(Number(port), hostname, () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      client.pipe(upstream).pipe(client);
    });
    upstream.on('error', () => client.destroy());
    client.on('error', () => upstream.destroy());
  });
  return { url: `http://127.0.0.1:${await listenLocally(server)}`, tunnels, headers };
};

const listenLocally = async (server: Server): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return (server.address() as AddressInfo).port;
};
