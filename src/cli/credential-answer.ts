import { bindingsOf, type HeldLogin, readBoundLogins } from '../bound-logins.ts';
import { TokenctlError } from '../errors.ts';
import { formatHostBinding, type HostBinding, isHostOf } from '../hosts/binding.ts';
import { type Choice, chooseLogin } from '../hosts/choose.ts';
import { placeOf, type Target } from '../hosts/target.ts';
import { findPaths } from '../paths.ts';
import type { Grant, Output, Request } from '../protocols/protocol.ts';
import { SILENCE } from '../protocols/protocol.ts';
import { providers } from '../providers/providers.ts';
import { Secret } from '../secret.ts';
import { type KeptAnswer, stampRecords } from '../store/answers.ts';
import type { Token } from '../token.ts';
import { mayRenewIdToken, validIdToken } from './get.ts';
import { say } from './io.ts';
import { asked, openLogin } from './manager.ts';
import { asLine, reportWarnings } from './report.ts';

export interface CredentialOptions {
  /** Only this login may answer. */
  readonly login?: string | undefined;
  /** The id token instead of the access token. */
  readonly idToken: boolean;
}

export interface Answer extends Output {
  /** The token had to be renewed for it. */
  readonly refreshed?: boolean;
  /** What to keep of it, if it may be given again while no record changes. */
  readonly kept?: Pick<KeptAnswer, 'stamp' | 'login' | 'hosts' | 'before' | 'after'>;
}

/** Answers one request of whatever protocol. Never asks a person. */
export const answerRequest = async (
  request: Request,
  options: CredentialOptions,
): Promise<Answer> => {
  switch (request.kind) {
    case 'reply':
      return request.output;
    case 'get':
      return answerGet(request, options);
    case 'list':
      return { stdout: request.listed(entriesOf(await heldLogins(options.login))), code: 0 };
    case 'rejected':
      await invalidateRejected(request, options.login);
      return SILENCE;
  }
};

type Get = Extract<Request, { kind: 'get' }>;

const answerGet = async (request: Get, options: CredentialOptions): Promise<Answer> => {
  const { target, none } = request;
  const only = request.login ?? options.login;
  if (target === null) {
    return none;
  }
  const stamp = request.keepable ? stampRecords(findPaths().credentials) : null;
  let faults = 0;
  const held = await heldLogins(only, () => {
    faults += 1;
  });
  const choice = chooseLogin(target, held);
  if (choice.kind !== 'one') {
    explain(choice, target);
    return none;
  }
  const { store, manager } = openLogin(choice.login);
  let token = await manager.getValidToken({ asked: asked() });
  if (options.idToken && mayRenewIdToken(token)) {
    token = await manager.getValidToken({ asked: asked(), force: true });
  }
  reportWarnings(choice.login, token.warnings);
  // It may have become another login, or been bound to something else, while we waited.
  const record = (await store.read())?.record;
  const still = record && chooseLogin(target, [{ ...choice, bindings: bindingsOf(record) }]);
  if (record === undefined || still?.kind !== 'one') {
    return none;
  }
  const username = usernameFor(target, still.binding, record.provider);
  const grant = grantOf(token, username, options.idToken);
  const answer = { stdout: request.granted(grant), code: 0, refreshed: token.refreshed };
  const alwaysSo = faults + token.warnings.length === 0 && !token.refreshed && !options.idToken;
  return stamp !== null && alwaysSo
    ? {
        ...answer,
        kept: { stamp, login: choice.login, hosts: record.hosts, ...around(request, grant) },
      }
    : answer;
};

/** The answer without its token. */
const around = (request: Get, grant: Grant): { before: string; after: string } => {
  const mark = 'tokenctl.token.';
  const [before = '', after = ''] = request
    .granted({ ...grant, token: new Secret(mark) })
    .split(mark);
  return { before, after };
};

const grantOf = (token: Token, username: string, idToken: boolean): Grant =>
  idToken
    ? {
        username,
        token: validIdToken(token),
        tokenType: 'Bearer',
        expiresAt: token.idTokenExpiresAt,
      }
    : {
        username,
        token: token.accessToken,
        tokenType: token.tokenType,
        expiresAt: token.expiresAt,
      };

/** With an access token as the password most servers take any name; some want a certain one. */
const usernameFor = (
  target: Pick<Target, 'username'>,
  binding: HostBinding,
  provider: string | null,
): string => {
  const preset =
    provider !== null && Object.hasOwn(providers, provider) ? providers[provider] : undefined;
  return preset?.basicUsername ?? target.username ?? binding.username ?? 'oauth2';
};

const heldLogins = (only: string | undefined, onFault = () => {}): Promise<HeldLogin[]> =>
  readBoundLogins(only, (error) => {
    say(`${asLine(error)}\n`);
    onFault();
  });

/** Nobody sees it but a person who wonders why there was no answer. */
const explain = (choice: Exclude<Choice, { kind: 'one' }>, target: Target): void => {
  if (choice.kind === 'none') {
    return;
  }
  const logins = choice.logins.join(', ');
  const host = placeOf(target);
  const error =
    choice.kind === 'ambiguous'
      ? new TokenctlError('refused', `${host}: several logins may answer: ${logins}`, {
          hint: `tell them apart: tokenctl hosts NAME add USERNAME@${host}; or pass --login NAME`,
        })
      : new TokenctlError(
          'refused',
          `${host}: bound to a path only (${logins}), and none is said`,
          {
            hint: `git config --global credential.${target.protocol}://${host}.useHttpPath true`,
          },
        );
  say(`${asLine(error)}\n`);
};

const entriesOf = (held: readonly HeldLogin[]): { url: string; username: string }[] =>
  held.flatMap(({ record, bindings }) =>
    bindings.map((binding) => ({
      url: `https://${formatHostBinding({ ...binding, username: null })}`,
      username: usernameFor({ username: null }, binding, record.provider),
    })),
  );

/**
 * Only a token that is still the stored one, so that one renewal follows and no more. By host alone:
 * what comes back may bear the user name that we gave.
 */
const invalidateRejected = async (
  { target, token }: Extract<Request, { kind: 'rejected' }>,
  only: string | undefined,
): Promise<void> => {
  if (target === null) {
    return;
  }
  for (const { login, record, bindings } of await heldLogins(only)) {
    if (bindings.some((binding) => isHostOf(binding, target)) && token.equals(record.accessToken)) {
      await openLogin(login).manager.invalidate(token);
    }
  }
};
