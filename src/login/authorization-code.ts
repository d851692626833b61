import * as oauth from 'oauth4webapi';
import type { TokenGrant } from '../oauth/token-request.ts';
import { Secret } from '../secret.ts';
import { authorizationUrl } from './authorization-request.ts';
import { checkResponse, isOurs, responseTo } from './authorization-response.ts';
import { openBrowser } from './browser.ts';
import type { Fetch } from './fetch.ts';
import { type Callback, listenForCallback } from './loopback.ts';
import type { Page } from './page.ts';
import type { Person } from './person.ts';
import { failedPage } from './result-pages.ts';
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
export interface Ties {
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
