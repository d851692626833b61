import { type IncomingHttpHeaders, type RequestOptions, request } from 'node:http';
import { confirmDevice, consentAs } from './oidc-sign-in.ts';
import type { Home, Result } from './tokenctl.ts';

export { confirmDevice };

/** A `tokenctl login` that waits for somebody in a browser. */
export interface RunningLogin {
  /** The address that it told the person to open. */
  readonly url: Promise<URL>;
  /** All that it has said on stderr. */
  readonly said: () => string;
  /** Resolves when it has said this. */
  readonly says: (text: RegExp) => Promise<void>;
  readonly result: Promise<Result>;
  readonly kill: (signal: NodeJS.Signals) => void;
}

export const startLogin = (
  home: Home,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): RunningLogin => {
  const { child, result } = home.start(args, { env });
  let said = '';
  const listeners = new Set<() => void>();
  child.stderr?.on('data', (chunk) => {
    said += chunk;
    for (const listener of listeners) {
      listener();
    }
  });
  const says = (text: RegExp): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = () => {
        if (text.test(said)) {
          listeners.delete(look);
          resolve();
        }
      };
      listeners.add(look);
      look();
      result.then(({ code }) => reject(new Error(`it ended with ${code} and said only:\n${said}`)));
    });
  const url = says(/\n {2}(https?:\S+)\n/).then(
    () => new URL(/\n {2}(https?:\S+)\n/.exec(said)?.[1] ?? ''),
  );
  url.catch(() => {});
  return { url, said: () => said, says, result, kill: (signal) => child.kill(signal) };
};

export interface Visited {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Where it ended. */
  readonly url: URL;
}

/** Plays the person: signs in as `user`, consents, and lets the browser go where it is sent. */
export const playPerson = async (user: string, url: URL): Promise<Visited> => {
  const redirectUri = url.searchParams.get('redirect_uri') ?? '';
  return visit(await consentAs(user, url, redirectUri));
};

/** As a browser navigates; `fetch` says of itself that it does not. */
export const visit = async (url: URL, options: RequestOptions = {}): Promise<Visited> => {
  const answer = await ask(url, options);
  const { location } = answer.headers;
  return location === undefined ? answer : visit(new URL(location, url));
};

/** One request, redirects not followed. */
export const ask = (url: URL, options: RequestOptions = {}): Promise<Visited> =>
  new Promise((resolve, reject) => {
    const sent = request(url, { agent: false, ...options }, (response) => {
      let text = '';
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, url }),
      );
    });
    sent.on('error', reject);
    sent.end();
  });
