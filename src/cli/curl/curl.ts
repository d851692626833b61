import { isAbsolute } from 'node:path';
import { bindingsOf } from '../../bound-logins.ts';
import type { TokenManager } from '../../create-token-manager.ts';
import { TokenctlError } from '../../errors.ts';
import { nonceWanted, proofs, type SignProof, schemeOf } from '../../fetch/authorization.ts';
import { isBound, notBound } from '../../fetch/bound-target.ts';
import { openDpopKey } from '../../fetch/dpop-key.ts';
import { covers } from '../../hosts/binding.ts';
import { readRequestAddress } from '../../hosts/request-target.ts';
import { noSuchLogin } from '../../messages.ts';
import type { Store } from '../../store/store.ts';
import type { Token } from '../../token.ts';
import { endLike } from '../child.ts';
import { asked, openLogin } from '../manager.ts';
import { reportWarnings } from '../report.ts';
import { type Attempt, type Sent, startAttempt } from './attempt.ts';
import { forgetting } from './discard-output.ts';
import { openHeadsOutput } from './dump.ts';
import { readCurlArguments } from './read-arguments.ts';
import { type CurlRequest, curlRequest } from './request.ts';
import { isFromOrigin } from './response-head.ts';
import { requireSafeCurl } from './version.ts';

export interface CurlOptions {
  readonly minTtlMs: number;
  readonly timeoutMs: number;
}

/** Runs the user's curl as a login, and ends as it ends. */
export const curl = async (
  name: string,
  url: string,
  args: readonly string[],
  options: CurlOptions,
): Promise<void> => {
  if (process.platform === 'win32') {
    throw new TokenctlError('refused', 'curl is not run on Windows: it has no /dev/fd');
  }
  // First the name: with both arguments in the wrong order it is what is wrong.
  const { store, manager } = openLogin(name);
  const address = readRequestAddress(url);
  if (address === null) {
    throw notBound(name, null);
  }
  const request = curlRequest(address, readCurlArguments(args));
  await requireBound(store, request);
  const env = environment();
  const [token] = await Promise.all([
    manager.getValidToken({ asked: asked(), ...options }),
    requireSafeCurl(env, request.follows),
  ]);
  tell(token);
  const session = await presenting(store, request, token, options.timeoutMs);
  const run = async (sent: Sent, holds: boolean) => {
    // It may have become another login, or been bound to something else, while we waited.
    await requireBound(store, request);
    return startAttempt(request, sent, { env, holds, output });
  };
  const forget = forgetting(request.output);
  const output = await openHeadsOutput(request.dumpHeader);

  let current = token;
  let attempt = await run(await session(current), request.repeatable);
  const nonce = request.repeatable ? nonceOf(attempt) : null;
  if (nonce !== null) {
    const ending = await attempt.drop();
    if (ending.kind === 'killed') {
      return endLike(ending);
    }
    forget();
    attempt = await run(await session(current, nonce), true);
  }
  if (!request.repeatable) {
    const ending = await attempt.pass();
    if (ending.kind === 'exited' && isRejected(attempt, request)) {
      await renewForTheNext(manager, token, options);
    }
    return endLike(ending);
  }
  if (!isRejected(attempt, request)) {
    return endLike(await attempt.pass());
  }
  try {
    current = await manager.getValidToken({ ...options, rejected: token.accessToken });
  } catch (error) {
    if (!(error instanceof TokenctlError) || error.code !== 'unavailable') {
      await attempt.drop();
      throw error;
    }
    // Not now: then what the server answered is the answer.
    reportWarnings(name, [error.message]);
    return endLike(await attempt.pass());
  }
  tell(current);
  const ending = await attempt.drop();
  if (ending.kind !== 'exited') {
    return endLike(ending);
  }
  forget();
  const again = await session(current, lastNonceOf(attempt) ?? nonce ?? undefined);
  return endLike(await (await run(again, false)).pass());
};

/** What could not be sent twice has failed; run again, it need not fail the same way. */
const renewForTheNext = async (
  manager: Pick<TokenManager, 'getValidToken'>,
  { login, accessToken }: Token,
  options: CurlOptions,
): Promise<void> => {
  try {
    tell(await manager.getValidToken({ ...options, rejected: accessToken }));
    const what = 'the token was rejected, and has been renewed';
    reportWarnings(login, [`${what}; this request could not be sent twice: run it again`]);
  } catch (error) {
    if (!(error instanceof TokenctlError)) {
      throw error;
    }
    reportWarnings(login, [`the token was rejected; ${error.message}`]);
  }
};

/** @throws {TokenctlError} `no_such_login`, `refused` */
const requireBound = async (store: Store, { address, follows }: CurlRequest): Promise<void> => {
  const record = (await store.read())?.record;
  if (record === undefined) {
    throw noSuchLogin(store.login);
  }
  const { target } = address;
  const bindings = bindingsOf(record);
  if (!isBound(target, bindings)) {
    throw notBound(store.login, target);
  }
  if (follows && bindings.every((binding) => binding.path !== null || !covers(binding, target))) {
    throw new TokenctlError(
      'refused',
      `--location: the login is bound to a path of ${target.host}, and curl takes the token to all of it`,
      { login: store.login, hint: 'without --location, curl shows where it is sent' },
    );
  }
};

/** How this login's tokens are presented, for one request after another. */
const presenting = async (
  store: Store,
  request: CurlRequest,
  token: Token,
  timeoutMs: number,
): Promise<(token: Token, nonce?: string) => Promise<Sent>> => {
  let sign: SignProof | null = null;
  if (schemeOf(token) === 'dpop') {
    requireOneRequest(request, token.login);
    const record = (await store.read())?.record;
    if (record === undefined) {
      throw noSuchLogin(store.login);
    }
    sign = await proofs(await openDpopKey(store, record, timeoutMs));
  }
  return async ({ accessToken }, nonce) => {
    const secret = accessToken.reveal();
    if (sign === null) {
      return { headers: [`Authorization: Bearer ${secret}`], secrets: [secret] };
    }
    const { method, address } = request;
    const proof = await sign({ method, url: address.url, nonce }, accessToken);
    return {
      headers: [`Authorization: DPoP ${secret}`, `DPoP: ${proof}`],
      secrets: [secret, proof],
    };
  };
};

/** A proof is for one request, by its method and address (RFC 9449 section 4.2). */
const requireOneRequest = (request: CurlRequest, login: string): void => {
  const { follows, repeats, address, args } = request;
  const appends = args.includes('--upload-file') && new URL(address.url).pathname.endsWith('/');
  const option = follows ? '--location' : repeats ? '--retry' : appends ? '--upload-file' : null;
  if (option !== null) {
    throw new TokenctlError(
      'refused',
      `${option}: the token goes with a proof for one request to one address`,
      { login, hint: appends ? 'write out the whole address' : `leave ${option} out` },
    );
  }
};

const isRejected = (attempt: Attempt, { address, follows }: CurlRequest): boolean =>
  attempt.heads.at(-1)?.status === 401 &&
  nonceOf(attempt) === null &&
  (!follows || isFromOrigin(attempt.heads, address.url));

const nonceOf = ({ heads }: Attempt): string | null => {
  const head = heads.at(-1);
  return head === undefined
    ? null
    : nonceWanted(head.status, head.header('www-authenticate'), head.header('dpop-nonce'));
};

const lastNonceOf = ({ heads }: Attempt): string | null =>
  heads.at(-1)?.header('dpop-nonce') ?? null;

const tell = ({ login, warnings, saved, lifeboat }: Token): void => {
  const what = 'a new token was issued and could not be saved';
  const mend =
    lifeboat === null
      ? `sign in again: tokenctl login ${login}`
      : `make the store writable: the next get takes what was saved in '${lifeboat}'`;
  reportWarnings(login, [...warnings, ...(saved ? [] : [`${what} (${mend})`])]);
};

/**
 * A curl that lies in the current directory is not the user's, what is ours is none of its business, and in
 * SSLKEYLOGFILE it would write down what opens the connection to others (https://curl.se/libcurl/c/libcurl-env.html).
 */
const environment = (): NodeJS.ProcessEnv => {
  const { PATH = '', SSLKEYLOGFILE: _, ...rest } = process.env;
  return {
    ...Object.fromEntries(Object.entries(rest).filter(([name]) => !name.startsWith('TOKENCTL_'))),
    // An empty one is the current directory (execvp(3)).
    PATH: PATH.split(':').filter(isAbsolute).join(':') || '/usr/bin:/bin',
  };
};
