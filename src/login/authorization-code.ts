import { createHash, timingSafeEqual } from 'node:crypto';
import * as oauth from 'oauth4webapi';
import { printable, TokenctlError } from '../errors.ts';
import { clientAuthentication } from '../oauth/client-authentication.ts';
import { keyPair } from '../oauth/keys.ts';
import { redactor } from '../oauth/redact.ts';
import type { TokenGrant } from '../oauth/token-request.ts';
import { Secret } from '../secret.ts';
import { openBrowser } from './browser.ts';
import { through } from './discover.ts';
import type { Fetch } from './fetch.ts';
import { type Callback, listenForCallback } from './loopback.ts';
import type { Page } from './page.ts';
import type { Person } from './person.ts';
import type { LoginSettings } from './settings.ts';

/** A code, and all that proves that it is for us. */
export interface Authorized {
  readonly grant: TokenGrant;
  readonly given: readonly Secret[];
  /** What the id token must repeat (OpenID Connect Core 3.1.2.1); null if none was asked for. */
  readonly nonce: string | null;
  /** Shows the waiting browser how it ended, if there is one. */
  readonly answer: (page: Page) => Promise<void>;
  readonly close: () => void;
}

/** Where the browser comes back to; listening from here on, if it is on this machine. */
export interface Redirect {
  readonly uri: string;
  readonly callback: Callback | null;
}

/** What ties the answer to this request. */
interface Ties {
  readonly state: string;
  readonly verifier: Secret;
  readonly nonce: string | null;
}

/** Made before the redirect is listened for, which is told which state is ours. */
export const createTies = ({ scope }: LoginSettings): Ties => ({
  state: oauth.generateRandomState(),
  verifier: new Secret(oauth.generateRandomCodeVerifier()),
  nonce: isOpenId(scope) ? oauth.generateRandomNonce() : null,
});

const isOpenId = (scope: string | null): boolean =>
  scope?.split(/[ ,]/).includes('openid') ?? false;

export const listenForRedirect = async (
  { redirect, fixedRedirectUri }: LoginSettings,
  { state }: Ties,
): Promise<Redirect> => {
  if ('uri' in redirect) {
    return { uri: redirect.uri, callback: null };
  }
  const callback = await listenForCallback(redirect, (parameters) => isOurs(parameters, state));
  // As it is registered, where the port is part of that.
  const asRegistered = fixedRedirectUri !== null && /^http:\/\/[^/]*:\d+/.test(fixedRedirectUri);
  return { uri: asRegistered ? fixedRedirectUri : callback.redirectUri, callback };
};

/**
 * Asks a person, in a browser: authorization code with PKCE (RFC 6749 section 4.1, RFC 7636), tied to
 * this process by `state` and checked for its issuer (RFC 9207).
 *
 * @throws {TokenctlError} `login_required` if the person or the server says no, `refused` for an answer
 *   that is not to be trusted, `unavailable` when nobody answers in time
 */
export const authorize = async (
  settings: LoginSettings,
  ties: Ties,
  redirect: Redirect,
  person: Person,
  how: {
    readonly fetch: Fetch;
    readonly browser: string | null | undefined;
    readonly display: boolean;
    readonly signal: AbortSignal;
  },
): Promise<Authorized> => {
  const url = await authorizationUrl(settings, ties, redirect.uri, how.fetch);
  person.say(`To sign in to ${settings.login}, open this address:\n\n  ${url.href}\n`);
  if (how.browser !== null && (how.browser !== undefined || how.display)) {
    const problem = await openBrowser(url.href, how.browser, person.env);
    if (problem !== null) {
      person.say(problem);
    }
  }
  const { parameters, answer } = await responseTo(settings, ties, redirect, person, how.signal);
  try {
    const checked = checkResponse(settings, ties, parameters);
    const code = checked.get('code') ?? '';
    return {
      grant: {
        type: 'authorization_code',
        parameters: [
          ['code', code],
          ['redirect_uri', redirect.uri],
          ...(settings.pkce ? [['code_verifier', ties.verifier.reveal()] as const] : []),
          ...settings.parameters.filter(([name]) => name === 'resource'),
        ],
      },
      given: [new Secret(code), ties.verifier],
      nonce: ties.nonce,
      answer,
      close: () => redirect.callback?.close(),
    };
  } catch (error) {
    await answer(failedPage(error));
    throw error;
  }
};

export const failedPage = (error: unknown): Page => ({
  kind: 'failed',
  title: 'Not signed in',
  lines: [
    error instanceof TokenctlError ? sentence(error.message) : 'Something unforeseen happened.',
    ...(error instanceof TokenctlError && error.hint !== undefined
      ? [`What helps: ${error.hint}`]
      : []),
    'You can close this window; the terminal says the same.',
  ],
});

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

const authorizationUrl = async (
  { server, client, scope, parameters, pkce }: LoginSettings,
  { state, verifier, nonce }: Ties,
  redirectUri: string,
  fetch: Fetch,
): Promise<URL> => {
  const url = new URL(server.authorizationEndpoint ?? '');
  const { dpopKey = null } = client.extras ?? {};
  const asked: [string, string][] = [
    ['response_type', 'code'],
    ['client_id', client.clientId ?? ''],
    ['redirect_uri', redirectUri],
    ...(scope === null ? [] : [['scope', scope] as [string, string]]),
    ['state', state],
    ...(nonce === null ? [] : [['nonce', nonce] as [string, string]]),
    ...(pkce
      ? ([
          ['code_challenge', await oauth.calculatePKCECodeChallenge(verifier.reveal())],
          ['code_challenge_method', 'S256'],
        ] as [string, string][])
      : []),
    ...(dpopKey === null
      ? []
      : [
          ['dpop_jkt', await oauth.DPoP({}, await keyPair(dpopKey)).calculateThumbprint()] as [
            string,
            string,
          ],
        ]),
    ...parameters.map(([name, value]) => [name, value] as [string, string]),
  ];
  const shown =
    server.pushEndpoint === null
      ? asked
      : await push(server.pushEndpoint, server.issuer, client, asked, fetch);
  for (const [name, value] of shown) {
    url.searchParams.append(name, value);
  }
  return url;
};

/** RFC 9126: the request goes to the server directly, and the browser only carries a reference. */
const push = async (
  endpoint: string,
  issuer: string | null,
  client: LoginSettings['client'],
  asked: readonly [string, string][],
  fetch: Fetch,
): Promise<[string, string][]> => {
  const server = {
    issuer: issuer ?? endpoint,
    pushed_authorization_request_endpoint: endpoint,
  };
  const clientId = client.clientId ?? '';
  const authentication = await clientAuthentication(client);
  if ('problem' in authentication) {
    throw new TokenctlError('refused', authentication.problem);
  }
  try {
    const response = await oauth.pushedAuthorizationRequest(
      server,
      { client_id: clientId },
      authentication,
      asked.map(([name, value]) => [name, value]),
      through(fetch),
    );
    const { request_uri } = await oauth.processPushedAuthorizationResponse(
      server,
      { client_id: clientId },
      response,
    );
    return [
      ['client_id', clientId],
      ['request_uri', request_uri],
    ];
  } catch (error) {
    throw refusedBy(error, 'the pushed request was refused', client);
  }
};

/** An error of the library, which may hold what it was given, as one of ours. */
export const refusedBy = (
  error: unknown,
  what: string,
  client: LoginSettings['client'],
): TokenctlError => {
  if (error instanceof TokenctlError) {
    return error;
  }
  const { error: code, error_description: description, message } = Object(error);
  const redact = redactor(client.clientSecret === null ? [] : [client.clientSecret]);
  const said = [code ?? message, description].filter((text) => typeof text === 'string');
  return new TokenctlError('refused', `${what}: ${redact(said.join(': '))}`, {
    hint: 'check the client id, its redirect URI and its scopes at the provider',
  });
};

const isOurs = (parameters: URLSearchParams, state: string): boolean => {
  const [given, ...more] = parameters.getAll('state');
  return given !== undefined && more.length === 0 && timingSafeEqual(digest(given), digest(state));
};

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

interface Response {
  readonly parameters: URLSearchParams;
  readonly answer: (page: Page) => Promise<void>;
}

/** From the browser, or pasted by the person whose browser cannot reach this machine. */
const responseTo = async (
  { login }: LoginSettings,
  { state }: Ties,
  { uri, callback }: Redirect,
  person: Person,
  signal: AbortSignal,
): Promise<Response> => {
  if (callback === null && !person.interactive) {
    throw new TokenctlError('usage', 'the answer goes to another machine and must be pasted here', {
      login,
      hint: 'sign in from a terminal, or with a redirect URI at 127.0.0.1',
    });
  }
  const done = new AbortController();
  const ended = AbortSignal.any([signal, done.signal]);
  const nobody = new Promise<never>((_, reject) => {
    const timedOut = () => reject(tooLate(login));
    if (signal.aborted) {
      timedOut();
    }
    signal.addEventListener('abort', timedOut);
  });
  try {
    const ways: Promise<Response>[] = callback === null ? [] : [callback.received];
    if (person.interactive) {
      ways.push(pasted(uri, state, person, ended));
    }
    return await Promise.race([...ways, nobody]);
  } finally {
    done.abort();
  }
};

const tooLate = (login: string): TokenctlError =>
  new TokenctlError('unavailable', 'nobody signed in within the time limit', {
    login,
    hint: `tokenctl login ${login}, with a longer --timeout if that helps`,
  });

/** Asks again until it is the address that the browser was sent to. */
const pasted = async (
  uri: string,
  state: string,
  person: Person,
  signal: AbortSignal,
): Promise<Response> => {
  const prompt =
    'When the browser cannot reach this machine, paste the address that it ended at (it is not shown): ';
  for (;;) {
    let text: string;
    try {
      text = (await person.askHidden(prompt, signal)).trim();
    } catch {
      // The other way was faster, or stdin came to its end.
      return new Promise<never>(() => {});
    }
    const url = URL.canParse(text) ? new URL(text) : null;
    if (url !== null && isAt(url, new URL(uri)) && isOurs(url.searchParams, state)) {
      return { parameters: url.searchParams, answer: async () => {} };
    }
    if (text !== '') {
      person.say(
        url === null
          ? `That is no address: it begins with ${uri}?…`
          : 'That address is not the answer to this sign-in; paste the one from this attempt.',
      );
    }
  }
};

const isAt = (url: URL, expected: URL): boolean =>
  url.origin === expected.origin && url.pathname === expected.pathname;

/** State again, issuer, and whether the server said no. */
const checkResponse = (
  { login, server, client }: LoginSettings,
  { state }: Ties,
  parameters: URLSearchParams,
): URLSearchParams => {
  const checked = new URLSearchParams(parameters);
  if (server.issuer === null) {
    // There is nothing to compare it with.
    checked.delete('iss');
  }
  try {
    const valid = oauth.validateAuthResponse(
      {
        issuer: server.issuer ?? 'unknown',
        authorization_response_iss_parameter_supported: server.saysIssuer,
      },
      { client_id: client.clientId ?? '' },
      checked,
      state,
    );
    if (!valid.get('code')) {
      throw new TokenctlError('refused', 'the answer holds no code', {
        login,
        hint: `try again: tokenctl login ${login}`,
      });
    }
    return valid;
  } catch (error) {
    throw error instanceof TokenctlError ? error : badResponse(login, error, parameters);
  }
};

const badResponse = (login: string, error: unknown, parameters: URLSearchParams): TokenctlError => {
  if (error instanceof oauth.AuthorizationResponseError) {
    const redact = redactor([new Secret(parameters.get('code') ?? '')]);
    const said = [error.error, error.error_description].filter(Boolean).join(': ');
    const denied = error.error === 'access_denied';
    return new TokenctlError(
      denied ? 'login_required' : 'refused',
      denied ? `access was denied (${redact(said)})` : `the server refused: ${redact(said)}`,
      {
        login,
        hint: denied
          ? `try again and allow it: tokenctl login ${login}`
          : 'check the client id, its redirect URI and its scopes at the provider',
      },
    );
  }
  const issuer = /issuer/.test(error instanceof Error ? error.message : '');
  return new TokenctlError(
    'refused',
    issuer
      ? 'the answer does not come from the server that was asked (iss), so its code was not used'
      : `the answer is not valid: ${printable(error instanceof Error ? error.message : 'unknown error')}`,
    { login, hint: 'check --issuer, and that nobody interferes; then try again' },
  );
};
