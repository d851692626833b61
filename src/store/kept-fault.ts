import { type ErrorCode, TokenctlError } from '../errors.ts';
import type { Place } from '../kept.ts';

/**
 * Why what is kept apart cannot be had, or put there, now. Never a word about the login itself: none
 * of these says that the refresh token is dead.
 */
export interface KeptFault {
  readonly place: Place;
  /** `absent`: there is no such place here. `missing`: it is there, and the secrets are not in it. */
  readonly kind: 'absent' | 'locked' | 'denied' | 'slow' | 'missing';
  /** As the platform says it; safe to print. */
  readonly what: string;
}

/** What time or a person's password mends by itself is 5, what must be set right is 6. */
const CODES: Readonly<Record<KeptFault['kind'], ErrorCode>> = {
  absent: 'refused',
  locked: 'unavailable',
  denied: 'refused',
  slow: 'unavailable',
  missing: 'refused',
};

export const faultError = (fault: KeptFault, login: string): TokenctlError => {
  const { message, hint } = describe(fault, login);
  return new TokenctlError(CODES[fault.kind], message, { login, hint });
};

/** The same for what was to be put there: it need not be this place. */
export const refusedBy = (fault: KeptFault, login: string): TokenctlError => {
  const error = faultError(fault, login);
  if (fault.kind !== 'absent') {
    return error;
  }
  const [message, hint] = ABSENT[fault.place];
  const what = fault.what === '' ? message : `${message} (${fault.what})`;
  return new TokenctlError(error.code, what, { login, hint });
};

const ABSENT: Readonly<Record<Place, readonly [message: string, hint: string]>> = {
  file: ['there is no such place', 'choose keychain or encrypted'],
  keychain: [
    'there is no keychain here',
    'run it in a desktop session; or choose another place: encrypted, file',
  ],
  encrypted: [
    'there is no passphrase to encrypt with',
    'set TOKENCTL_PASSPHRASE_FILE, or TOKENCTL_KEY_COMMAND',
  ],
};

/** One line for a warning. */
export const faultText = (fault: KeptFault, login: string): string =>
  describe(fault, login).message;

const describe = (
  { place, kind, what }: KeptFault,
  login: string,
): { message: string; hint: string } => {
  const [message, hint] = (place === 'keychain' ? keychain : encrypted)(kind, login);
  return { message: what === '' ? message : `${message} (${what})`, hint };
};

const keychain = (kind: KeptFault['kind'], login: string): readonly [string, string] => {
  switch (kind) {
    case 'absent':
      return [
        'the refresh token is for the keychain, and none can be reached from here',
        `run it in the desktop session that has it; there, tokenctl store ${login} --to file moves it out`,
      ];
    case 'locked':
      return ['the keychain is locked', 'unlock it, and try again'];
    case 'denied':
      return ['the keychain refuses', 'allow access to it, and try again'];
    case 'slow':
      return ['the keychain does not answer', 'answer what it may be asking, and try again'];
    case 'missing':
      return [
        'the keychain has no entry for this login',
        `if it is in another keychain, run it there; else sign in again: tokenctl login ${login}`,
      ];
  }
};

const encrypted = (kind: KeptFault['kind'], login: string): readonly [string, string] => {
  switch (kind) {
    case 'absent':
      return [
        'the refresh token is encrypted, and no passphrase is given',
        'set TOKENCTL_PASSPHRASE_FILE, or TOKENCTL_KEY_COMMAND',
      ];
    case 'slow':
      return ['the key command does not answer', 'mend TOKENCTL_KEY_COMMAND, and try again'];
    case 'missing':
      return [
        'what is encrypted belongs to another login',
        `restore the credential file, or sign in again: tokenctl login ${login}`,
      ];
    default:
      return [
        'the refresh token cannot be decrypted',
        'give the passphrase it was encrypted with: TOKENCTL_PASSPHRASE_FILE, or TOKENCTL_KEY_COMMAND',
      ];
  }
};
