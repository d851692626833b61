import type { Decision } from './decide.ts';
import { type ErrorCode, printable, TokenctlError } from './errors.ts';
import { type LeaseName, parseLeaseName } from './lock/lease-name.ts';
import { processState } from './platform/process-identity.ts';

/** The error for a decision that ends here: what happened, to which login, and what mends it. */
export const failureOf = (
  { code, why }: Extract<Decision, { kind: 'fail' }>,
  login: string,
): TokenctlError =>
  new TokenctlError(code, `${LEAD[code]}: ${printable(why, 400)}`, {
    login,
    hint: hintFor(code, login),
  });

const LEAD: Readonly<Record<ErrorCode, string>> = {
  usage: 'usage',
  no_such_login: 'no such login',
  login_required: 'login required',
  unavailable: 'not now',
  refused: 'refused',
  paused: 'paused',
  not_saved: 'the new token could not be saved',
};

const hintFor = (code: ErrorCode, login: string): string | undefined => {
  switch (code) {
    case 'login_required':
      return `tokenctl import ${login}`;
    case 'unavailable':
      return `try later, or force another try: tokenctl get ${login} --force`;
    case 'refused':
      return `tokenctl status ${login}`;
    default:
      return undefined;
  }
};

/** Who is being waited for, and how a person can end the wait. */
export const describeHolder = (holder: LeaseName | null): { who: string; hint: string } => {
  const owner = holder === null ? null : parseLeaseName(holder);
  if (owner === null) {
    return { who: 'another process that is refreshing', hint: 'try again' };
  }
  const { pid } = owner;
  const state = processState(pid);
  if (state === 'T' || state === 't') {
    return {
      who: `process ${pid}, which is refreshing and has been stopped`,
      hint: `let it go on (kill -CONT ${pid}) or end it (kill -KILL ${pid})`,
    };
  }
  return {
    who: `process ${pid}, which is refreshing`,
    hint: 'try again, or with a longer --timeout',
  };
};
