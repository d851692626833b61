import type { SecureContext } from 'node:tls';
import { HttpsProxyAgent } from 'https-proxy-agent';
import { getProxyForUrl } from 'proxy-from-env';
import type { Failure } from './route.ts';

export interface ProxyOptions {
  /** Ends a connection that is still being made. */
  readonly signal: AbortSignal;
  /** Whom to trust, for proxies that are reached by TLS. */
  readonly secureContext?: SecureContext | undefined;
}

/** The tunnel (RFC 9110 section 9.3.6) that the environment prescribes for `url`; null for none. */
export const proxyAgent = (
  url: URL,
  env: NodeJS.ProcessEnv,
  options: ProxyOptions,
): HttpsProxyAgent<string> | Failure | null => {
  const address = proxyFor(url, env);
  if (address === '') {
    return null;
  }
  let proxy: URL;
  try {
    proxy = new URL(address);
  } catch {
    // The address is not repeated: it may hold a password.
    return { code: 'invalid_proxy', message: 'the proxy in the environment is not a URL' };
  }
  if (proxy.protocol !== 'http:' && proxy.protocol !== 'https:') {
    const scheme = proxy.protocol.slice(0, -1);
    return { code: 'invalid_proxy', message: `${scheme} proxies are not supported, only http(s)` };
  }
  const headers = authorization(proxy);
  // Credentials do not go into the agent's URL: with DEBUG set it prints that one to stderr.
  proxy.username = '';
  proxy.password = '';
  return new HttpsProxyAgent<string>(proxy, {
    ...options,
    headers,
    // NODE_TLS_REJECT_UNAUTHORIZED=0, exported for some other program, does not count here.
    rejectUnauthorized: true,
  });
};

/** proxy-from-env only looks into `process.env`, and does so before it returns. */
const proxyFor = (url: URL, env: NodeJS.ProcessEnv): string => {
  const own = process.env;
  process.env = env;
  try {
    return getProxyForUrl(url);
  } finally {
    process.env = own;
  }
};

const authorization = ({ username, password }: URL): Record<string, string> => {
  if (username === '' && password === '') {
    return {};
  }
  const credentials = [username, password].map(decodeLeniently).join(':');
  return { 'Proxy-Authorization': `Basic ${Buffer.from(credentials).toString('base64')}` };
};

/** A lone `%` in a password is more likely a forgotten escape than a reason to give up. */
const decodeLeniently = (text: string): string => {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
};
