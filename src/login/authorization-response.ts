import { createHash, timingSafeEqual } from 'node:crypto';
import * as oauth from 'oauth4webapi';
import { printable, TokenctlError } from '../errors.ts';
import { redactor } from '../oauth/redact.ts';
import { Secret } from '../secret.ts';
import type { Redirect, Ties } from './authorization-code.ts';
import type { Page } from './page.ts';
import type { Person } from './person.ts';
import type { LoginSettings } from './settings.ts';

export const isOurs = (parameters: URLSearchParams, state: string): boolean => {
  const [given, ...more] = parameters.getAll('state');
  return given !== undefined && more.length === 0 && timingSafeEqual(digest(given), digest(state));
};

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

interface Response {
  readonly parameters: URLSearchParams;
  readonly answer: (page: Page) => Promise<void>;
}

/** From the browser, or pasted by the person whose browser cannot reach this machine. */
export const responseTo = async (
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
export const checkResponse = (
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
