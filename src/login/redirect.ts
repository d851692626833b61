import { TokenctlError } from '../errors.ts';
import type { Provider } from '../providers/providers.ts';
import type { Before, LoginRequest, LoginSettings } from './settings.ts';

const PATH = '/callback';

/** Where the browser is to be sent back to: what is said, else any free port of this machine. */
export const chooseRedirect = (
  { redirectUri, port }: LoginRequest,
  preset: Provider | null,
  before: Before | null,
  { registers, flow }: { registers: boolean; flow: LoginSettings['flow'] },
): Pick<LoginSettings, 'redirect' | 'fixedRedirectUri'> => {
  if (redirectUri !== undefined) {
    const url = parse(redirectUri);
    const host = LOOPBACK.find((known) => known === url.hostname);
    if (url.protocol === 'http:' && host !== undefined) {
      const said = port ?? (url.port === '' ? 0 : Number(url.port));
      const redirect = { host, port: said, path: url.pathname };
      return { redirect, fixedRedirectUri: redirectUri };
    }
    return { redirect: { uri: redirectUri }, fixedRedirectUri: redirectUri };
  }
  if (flow === 'code' && preset?.redirectPort === 'fixed' && port === undefined) {
    throw new TokenctlError('usage', 'this provider compares the redirect URI to the letter', {
      hint: `register http://${preset.redirectHost ?? '127.0.0.1'}:8765${PATH} there and add --port 8765${preset.registration === undefined ? '' : ` (${preset.registration})`}`,
    });
  }
  const host = preset?.redirectHost ?? '127.0.0.1';
  const redirect = { host, port: port ?? 0, path: PATH } as const;
  const fixed = port === undefined || registers ? null : `http://${host}:${port}${PATH}`;
  return {
    redirect,
    fixedRedirectUri: fixed ?? (registers ? null : (before?.signIn?.redirectUri ?? null)),
  };
};

const LOOPBACK = ['127.0.0.1', 'localhost', '[::1]'] as const;

const parse = (address: string): URL => {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url === null || url.hash !== '' || url.username !== '' || url.password !== '') {
    throw new TokenctlError('usage', '--redirect-uri is not a URL without a fragment', {
      hint: 'give it as it is registered, such as http://127.0.0.1:8765/callback',
    });
  }
  if (url.protocol === 'http:' && url.search !== '') {
    throw new TokenctlError('usage', '--redirect-uri has a query', {
      hint: 'register one without, such as http://127.0.0.1:8765/callback',
    });
  }
  return url;
};
