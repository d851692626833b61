import { setTimeout as sleep } from 'node:timers/promises';
import * as oauth from 'oauth4webapi';
import { printable, TokenctlError } from '../errors.ts';
import { clientAuthentication } from '../oauth/client-authentication.ts';
import { parseEndpoint } from '../oauth/endpoint.ts';
import { monotonicMs } from '../platform/clock.ts';
import type { RefreshOutcome } from '../refresh-outcome.ts';
import { Secret } from '../secret.ts';
import { through } from './discover.ts';
import type { Fetch } from './fetch.ts';
import type { Person } from './person.ts';
import { refusedBy } from './refused-by.ts';
import type { LoginSettings } from './settings.ts';

/** What a person is to do, and what this device asks with meanwhile (RFC 8628 section 3.2). */
export interface DeviceCode {
  readonly deviceCode: Secret;
  readonly userCode: string;
  readonly verificationUri: string;
  readonly verificationUriComplete: string | null;
  readonly expiresInMs: number;
  readonly intervalMs: number;
}

/** Seconds, if the server names none (section 3.5) … */
const USUAL_INTERVAL_S = 5;
/** … and how much longer after each `slow_down`. */
const SLOW_DOWN_MS = 5_000;
const LONGEST_INTERVAL_MS = 60_000;

export const askForDeviceCode = async (
  { server, client, scope, parameters }: LoginSettings,
  fetch: Fetch,
): Promise<DeviceCode> => {
  const endpoint = server.deviceAuthorizationEndpoint ?? '';
  const as = { issuer: server.issuer ?? endpoint, device_authorization_endpoint: endpoint };
  const self = { client_id: client.clientId ?? '' };
  const authentication = await clientAuthentication(client);
  if ('problem' in authentication) {
    throw new TokenctlError('refused', authentication.problem);
  }
  try {
    const response = await oauth.deviceAuthorizationRequest(
      as,
      self,
      authentication,
      [
        ...(scope === null ? [] : [['scope', scope]]),
        ...parameters.map(([name, value]) => [name, value]),
      ],
      through(fetch),
    );
    const answer = await oauth.processDeviceAuthorizationResponse(as, self, response);
    return {
      deviceCode: new Secret(answer.device_code),
      userCode: printable(answer.user_code, 64),
      verificationUri: webAddress(answer.verification_uri) ?? '',
      verificationUriComplete: webAddress(answer.verification_uri_complete),
      expiresInMs: answer.expires_in * 1000,
      intervalMs: Math.min((answer.interval ?? USUAL_INTERVAL_S) * 1000, LONGEST_INTERVAL_MS),
    };
  } catch (error) {
    throw refusedBy(error, 'the server gave no device code', client);
  }
};

/** It is going to be opened: a web page and nothing else. */
const webAddress = (address: string | undefined): string | null => {
  if (address === undefined) {
    return null;
  }
  const url = parseEndpoint(address);
  if ('problem' in url) {
    throw new TokenctlError('refused', `the address for the code is ${url.problem}`);
  }
  return url.href;
};

/** Tells the person what to do: a code to type, and where there is a terminal one to point a telephone at. */
export const showDeviceCode = async (
  { login }: LoginSettings,
  { userCode, verificationUri, verificationUriComplete }: DeviceCode,
  person: Person,
): Promise<void> => {
  person.say(
    `To sign in to ${login}, open this address on any device:\n\n  ${verificationUri}\n\nand enter the code  ${userCode}\n`,
  );
  if (verificationUriComplete !== null) {
    person.say(`(or open ${verificationUriComplete} and compare the code)\n`);
  }
  if (person.interactive) {
    const { renderUnicodeCompact } = await import('uqr');
    person.say(`${renderUnicodeCompact(verificationUriComplete ?? verificationUri)}\n`);
  }
};

/** What one poll came to; `done`: there are tokens, and they are saved. */
type Answer = 'done' | Exclude<RefreshOutcome, { kind: 'granted' }>;

/**
 * Asks until the person has answered (section 3.5). Trouble on the way is no answer: it is asked
 * again, ever less often.
 */
export const pollForTokens = async (
  { login }: LoginSettings,
  device: DeviceCode,
  person: Person,
  { poll, timeoutMs }: { poll: () => Promise<Answer>; timeoutMs: number },
): Promise<void> => {
  const end = monotonicMs() + Math.min(device.expiresInMs, timeoutMs);
  let intervalMs = device.intervalMs;
  for (;;) {
    await countDown(person, end, intervalMs);
    if (monotonicMs() >= end) {
      throw expired(login);
    }
    const outcome = await poll();
    if (outcome === 'done') {
      return;
    }
    switch (outcome.error) {
      case 'authorization_pending':
        break;
      case 'slow_down':
        intervalMs = Math.min(intervalMs + SLOW_DOWN_MS, LONGEST_INTERVAL_MS);
        break;
      case 'expired_token':
        throw expired(login);
      case 'access_denied':
        throw new TokenctlError('login_required', 'access was denied', {
          login,
          hint: `try again and allow it: tokenctl login ${login} --device`,
        });
      default:
        if (outcome.kind !== 'unavailable') {
          const said = [outcome.error, outcome.description].filter(Boolean).join(': ');
          throw new TokenctlError('refused', `the server refused: ${said}`, {
            login,
            hint: 'check that the client may use the device flow; or sign in without --device',
          });
        }
        // Section 3.5: on a timeout, ask half as often.
        intervalMs = Math.min(
          Math.max(intervalMs * 2, outcome.retryAfterMs ?? 0),
          LONGEST_INTERVAL_MS,
        );
    }
  }
};

const countDown = async (person: Person, end: number, ms: number): Promise<void> => {
  const until = Math.min(end, monotonicMs() + ms);
  for (let left = until - monotonicMs(); left > 0; left = until - monotonicMs()) {
    const seconds = Math.ceil((end - monotonicMs()) / 1000);
    person.progress(
      `Waiting for you, ${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')} left`,
    );
    await sleep(Math.min(left, 1_000));
  }
  person.progress('');
};

const expired = (login: string): TokenctlError =>
  new TokenctlError('unavailable', 'the code was not used in time', {
    login,
    hint: `get a new one: tokenctl login ${login} --device`,
  });
