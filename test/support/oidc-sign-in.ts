import * as oauth from 'oauth4webapi';
import { OIDC_CLIENTS, type OidcClientId, REDIRECT_URI } from './oidc-clients.ts';

/** The answer of the token endpoint, as it came. */
export interface SignedIn {
  readonly access_token: string;
  readonly refresh_token: string;
  readonly id_token: string;
  readonly token_type: string;
  readonly expires_in: number;
  readonly scope: string;
}

/** A real authorization code exchange with PKCE, where a person's part is played over HTTP. */
export const signIn = async (
  { issuer }: { readonly issuer: string },
  clientId: OidcClientId,
): Promise<SignedIn> => {
  const insecure = { [oauth.allowInsecureRequests]: true };
  const server = await oauth.processDiscoveryResponse(
    new URL(issuer),
    await oauth.discoveryRequest(new URL(issuer), insecure),
  );
  const client: oauth.Client = { client_id: clientId };
  const verifier = oauth.generateRandomCodeVerifier();
  const state = oauth.generateRandomState();
  const authorization = new URL(String(server.authorization_endpoint));
  authorization.search = new URLSearchParams({
    client_id: clientId,
    response_type: 'code',
    redirect_uri: REDIRECT_URI,
    scope: 'openid offline_access',
    // OpenID Connect Core section 11: offline_access is granted only with consent.
    prompt: 'consent',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state,
  }).toString();
  const redirect = await consentAs('alice', authorization);
  const code = oauth.validateAuthResponse(server, client, redirect, state);
  const response = await oauth.authorizationCodeGrantRequest(
    server,
    client,
    authenticationOf(clientId),
    code,
    REDIRECT_URI,
    verifier,
    insecure,
  );
  const raw = (await response.clone().json()) as SignedIn;
  await oauth.processAuthorizationCodeResponse(server, client, response, { requireIdToken: true });
  return raw;
};

/** Walks from page to page as a browser would, until the redirect to the client. */
export const consentAs = async (
  user: string,
  authorization: URL,
  redirectUri = REDIRECT_URI,
): Promise<URL> => {
  const cookies = new Map<string, string>();
  let next: { url: URL; form?: Record<string, string> } = { url: authorization };
  for (let step = 0; step < 10; step += 1) {
    const response = await fetch(next.url, {
      method: next.form === undefined ? 'GET' : 'POST',
      redirect: 'manual',
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      body: next.form === undefined ? null : new URLSearchParams(next.form),
    });
    keepCookies(cookies, response);
    const location = response.headers.get('location');
    if (location?.startsWith(`${redirectUri}?`)) {
      return new URL(location);
    }
    next =
      location === null
        ? { url: next.url, form: formFor(user, await response.text()) }
        : { url: new URL(location, next.url) };
  }
  throw new Error('the sign-in did not end');
};

/** Enters nothing but what a person would: compares the code, signs in, consents. */
export const confirmDevice = async (user: string, verification: URL): Promise<void> => {
  const cookies = new Map<string, string>();
  let next: { url: URL; form?: Record<string, string> } = { url: verification };
  for (let step = 0; step < 15; step += 1) {
    const response = await fetch(next.url, {
      method: next.form === undefined ? 'GET' : 'POST',
      redirect: 'manual',
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      body: next.form === undefined ? null : new URLSearchParams(next.form),
    });
    keepCookies(cookies, response);
    const location = response.headers.get('location');
    if (location !== null) {
      next = { url: new URL(location, next.url) };
      continue;
    }
    const page = await response.text();
    if (/Sign-in Success|Device confirmed|success/i.test(page) && !page.includes('<form')) {
      return;
    }
    const fields = [
      ...page.matchAll(/<input[^>]*type="hidden"[^>]*name="([^"]+)"[^>]*value="([^"]*)"/g),
    ];
    const [, action] = /<form[^>]*action="([^"]+)"/.exec(page) ?? [];
    const form = Object.fromEntries(fields.map(([, name = '', value = '']) => [name, value]));
    next = {
      url: new URL(action ?? next.url.href, next.url),
      form: form.prompt === undefined ? { ...form, confirm: 'yes' } : formFor(user, page),
    };
  }
  throw new Error('the device was not confirmed');
};

/** Paths are ignored: each cookie of the provider is only ever asked for where it belongs. */
const keepCookies = (cookies: Map<string, string>, response: Response): void => {
  for (const line of response.headers.getSetCookie()) {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
    if (name !== undefined && value) {
      cookies.set(name, value);
    } else if (name !== undefined) {
      cookies.delete(name);
    }
  }
};

/** What a person would fill into the development pages of oidc-provider. */
const formFor = (user: string, page: string): Record<string, string> => {
  const prompt = /name="prompt" value="(login|consent)"/.exec(page)?.[1];
  if (prompt === undefined) {
    throw new Error(`the provider shows neither the login nor the consent: ${page.slice(0, 400)}`);
  }
  return prompt === 'login' ? { prompt, login: user, password: 'any' } : { prompt };
};

const authenticationOf = (clientId: OidcClientId): oauth.ClientAuth => {
  const { client_secret_basic: basic, client_secret_post: post } = OIDC_CLIENTS;
  switch (clientId) {
    case basic.clientId:
      return oauth.ClientSecretBasic(basic.clientSecret);
    case post.clientId:
      return oauth.ClientSecretPost(post.clientSecret);
    default:
      return oauth.None();
  }
};
