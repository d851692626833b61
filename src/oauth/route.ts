import type { Agent } from 'node:http';
import type { SecureContext } from 'node:tls';
import { errnoOf, printable } from '../errors.ts';
import type { ClientCertificate } from './transport.ts';

/** How to get to the server, where the environment has a say. */
export interface Route {
  readonly agent?: Agent | undefined;
  readonly secureContext?: SecureContext | undefined;
  /** The proxy, for messages: without its credentials. */
  readonly proxy?: string | undefined;
}

/** Why a connection failed, safe to print. */
export interface Failure {
  readonly code: string;
  readonly message: string;
}

/** The route to `url` by the proxy and CA variables in `env`; what they need is loaded only if they are set. */
export const chooseRoute = async (
  url: URL,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
  own?: ClientCertificate | undefined,
): Promise<Route | Failure> => {
  const trust = await trustFor(url, env, own);
  if ('code' in trust || !PROXY_VARIABLES.some((name) => env[name])) {
    return trust;
  }
  const agent = (await import('./proxy.ts')).proxyAgent(url, env, {
    signal,
    // The proxy is nobody to show the client's certificate to.
    ...(own === undefined ? trust : await trustFor(url, env, undefined)),
  });
  if (agent === null || 'code' in agent) {
    return agent ?? trust;
  }
  return { ...trust, agent, proxy: agent.proxy.host };
};

const trustFor = async (
  url: URL,
  env: NodeJS.ProcessEnv,
  own: ClientCertificate | undefined,
): Promise<Pick<Route, 'secureContext'> | Failure> =>
  (env.SSL_CERT_FILE || own !== undefined) && url.protocol === 'https:'
    ? (await import('./ca.ts')).trustFile(env.SSL_CERT_FILE, env, own)
    : {};

const PROXY_VARIABLES = ['https_proxy', 'http_proxy', 'all_proxy'].flatMap((name) => [
  name,
  name.toUpperCase(),
]);

/** The part of a system, TLS or parser error that may be shown: the error itself can hold raw bytes of the answer. */
export const failureOf = (error: unknown): Failure => {
  // Several addresses were tried: the first failure stands for all.
  const first: unknown = error instanceof AggregateError ? error.errors[0] : error;
  return {
    code: errnoOf(first) ?? 'network_error',
    message: printable(first instanceof Error ? first.message.replace(LOCAL, '') : 'unknown error'),
  };
};

/** What Node.js says of the local address where there is none yet. */
const LOCAL = / - Local \(undefined:undefined\)$/;
