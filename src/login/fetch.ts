import { TokenctlError } from '../errors.ts';
import { parseEndpoint } from '../oauth/endpoint.ts';
import { type ClientCertificate, post } from '../oauth/transport.ts';
import type { Trace } from '../trace.ts';

const CONNECT_TIMEOUT_MS = 10_000;
const ANSWER_TIMEOUT_MS = 15_000;

/** Nothing that the network could mend. */
const OWN_FAULTS: ReadonlySet<string> = new Set([
  'invalid_proxy',
  'invalid_ca_file',
  'invalid_certificate',
]);

export type Fetch = (
  url: string,
  options: {
    readonly method: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly body?: unknown;
  },
) => Promise<Response>;

/**
 * `fetch` as oauth4webapi asks for it, on the same transport as token requests: proxies and
 * certificate authorities from the environment, https or this machine only, no redirects, a bounded
 * answer.
 */
export const createFetch =
  (env: NodeJS.ProcessEnv, tls?: ClientCertificate | undefined, trace?: Trace | undefined): Fetch =>
  async (address, { method, headers, body }) => {
    const url = parseEndpoint(address);
    if ('problem' in url) {
      throw new TokenctlError('refused', `an endpoint of the server is ${url.problem}`);
    }
    const asked = `${method} ${url.origin}${url.pathname}`;
    trace?.(`${asked}: asking`);
    const result = await post(url, {
      method: method === 'GET' ? 'GET' : 'POST',
      headers: { ...headers, 'accept-encoding': 'identity', 'user-agent': 'tokenctl' },
      body: body === undefined || body === null ? '' : String(body),
      tls,
      connectTimeoutMs: CONNECT_TIMEOUT_MS,
      answerTimeoutMs: ANSWER_TIMEOUT_MS,
      env,
    });
    if (result.kind !== 'answered') {
      const { code, message } = result;
      if (OWN_FAULTS.has(code)) {
        throw new TokenctlError('refused', `${code}: ${message}`, {
          hint: 'correct HTTPS_PROXY, SSL_CERT_FILE or the certificate that was given',
        });
      }
      throw new TokenctlError('unavailable', `${url.host} cannot be reached: ${code}: ${message}`, {
        hint: 'check the network, HTTPS_PROXY and SSL_CERT_FILE, and try again',
      });
    }
    trace?.(`${asked}: answered`, { status: result.status });
    if (result.truncated) {
      throw new TokenctlError('unavailable', `the answer of ${url.host} is too large`);
    }
    const empty = result.status === 204 || result.status === 304 || result.status < 200;
    return new Response(empty ? null : result.body, {
      status: Math.max(200, result.status),
      headers: result.headers,
    });
  };
