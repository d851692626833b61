import type { Decision } from './decide.ts';
import { abbreviated, type ErrorCode, printable, TokenctlError } from './errors.ts';
import { hashMachine, type LeaseName, type LeaseOwner, parseLeaseName } from './lock/lease-name.ts';
import { currentProcess, processState } from './platform/process-identity.ts';

/** The error for a decision that ends here: what happened, to which login, and what mends it. */
export const failureOf = (
  { code, why, mend }: Extract<Decision, { kind: 'fail' }>,
  login: string,
): TokenctlError =>
  new TokenctlError(code, `${LEAD[code]}: ${printable(why, 400)}`, {
    login,
    hint: mend === undefined ? hintFor(code, login) : `tokenctl ${mend} ${login}`,
    shared: true,
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
      return `tokenctl login ${login}`;
    case 'unavailable':
      return 'try later';
    case 'refused':
      return `when it is mended: tokenctl get ${login} --force`;
    default:
      return undefined;
  }
};

/** The error for a name under which nothing is stored. */
export const noSuchLogin = (login: string): TokenctlError => {
  const said = abbreviated(login);
  return new TokenctlError(
    'no_such_login',
    `there is no login named ${said}`,
    said === login ? { login, hint: `tokenctl login ${login}` } : { hint: 'tokenctl status' },
  );
};

/** Its pid means something here. */
const isHere = ({ machineHash, namespaces }: LeaseOwner): boolean => {
  const self = currentProcess();
  return machineHash === hashMachine(self.machine) && namespaces === self.namespaces;
};

/** Who is being waited for, and how a person can end the wait. */
export const describeHolder = (
  holder: LeaseName | null,
  doing: 'refreshing' | 'signing in' = 'refreshing',
): { who: string; hint: string } => {
  const owner = holder === null ? null : parseLeaseName(holder);
  if (owner === null) {
    return { who: `another process that is ${doing}`, hint: 'try again' };
  }
  const { pid } = owner;
  if (!isHere(owner)) {
    return {
      who: `a process on another machine or in another container, which is ${doing}`,
      hint: 'try again, or with a longer --timeout',
    };
  }
  const state = processState(pid);
  if (state === 'T' || state === 't') {
    return {
      who: `process ${pid}, which is ${doing} and has been stopped`,
      hint: `let it go on (kill -CONT ${pid}) or end it (kill -KILL ${pid})`,
    };
  }
  return {
    who: `process ${pid}, which is ${doing}`,
    hint:
      doing === 'refreshing' ? 'try again, or with a longer --timeout' : `or end it: kill ${pid}`,
  };
};
