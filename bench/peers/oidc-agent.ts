import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CaseKind } from '../case.ts';
import { PRINTS_TOKEN, TOKEN } from '../homes.ts';
import { requirePrograms } from './programs.ts';
import { run } from './run.ts';

export const oidcToken: CaseKind = {
  name: 'oidc-token',
  by: 'peer',
  prepare: async (bench) => {
    await requirePrograms('oidc-agent-cli', 'oidc-agent', 'oidc-gen', 'oidc-token');
    const home = { HOME: bench.directory('memory') };
    const started = await run(['oidc-agent'], { env: home });
    const variable = (name: string) => new RegExp(`${name}=([^;]+)`).exec(started)?.[1] ?? '';
    const pid = Number(variable('OIDCD_PID'));
    bench.atEnd(() => {
      process.kill(pid);
    });
    const issuer = await startIssuer();
    try {
      await run(['oidc-gen', ...account(issuer.url), 'bench'], {
        env: {
          ...{ ...home, OIDC_SOCK: variable('OIDC_SOCK') },
          ...{ OIDC_REFRESH_TOKEN: 'worth-nothing', OIDC_ENCRYPTION_PW: 'unused' },
        },
      });
    } finally {
      issuer.close();
    }
    return {
      command: {
        argv: ['oidc-token', 'bench'],
        env: { ...home, OIDC_SOCK: variable('OIDC_SOCK') },
      },
      expected: PRINTS_TOKEN,
      daemons: [pid],
      note: 'asks its agent, which refreshes',
    };
  },
};

/** An account that only the running agent knows, from a refresh token. */
const account = (issuer: string): string[] => [
  ...['--manual', '--no-save', `--iss=${issuer}`, '--client-id=bench', '--client-secret=unused'],
  ...['--redirect-uri=http://localhost:8080', '--scope=openid offline_access'],
  ...['--flow=refresh', '--rt-env', '--pw-env', '--confirm-default', '--prompt=none'],
  '--no-url-call',
];

/** As much of an OpenID provider as oidc-gen asks for: discovery, and one answer to every refresh. */
const startIssuer = async (): Promise<{ url: string; close: () => void }> => {
  const server = createServer((request, response) => {
    request.resume();
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(request.method === 'POST' ? TOKENS : metadata()));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://localhost:${(server.address() as AddressInfo).port}/`;
  const metadata = () => ({
    issuer: url,
    token_endpoint: `${url}token`,
    authorization_endpoint: `${url}authorize`,
    registration_endpoint: `${url}register`,
    jwks_uri: `${url}jwks`,
    scopes_supported: ['openid', 'offline_access'],
    grant_types_supported: ['refresh_token', 'authorization_code'],
    response_types_supported: ['code'],
  });
  return { url, close: () => server.closeAllConnections() ?? server.close() };
};

const TOKENS = {
  access_token: TOKEN,
  token_type: 'Bearer',
  expires_in: 86_400,
  refresh_token: 'worth-nothing-either',
  scope: 'openid offline_access',
};
