import { bindingsOf } from '../bound-logins.ts';
import { TokenctlError } from '../errors.ts';
import { covers, type HostBinding } from '../hosts/binding.ts';
import { targetOfRequest } from '../hosts/request-target.ts';
import { placeOf, type Target } from '../hosts/target.ts';

/** Whether a token of a login that is bound to these hosts may go there. */
export const isBound = (target: Target | null, bindings: readonly HostBinding[]): boolean =>
  target !== null && bindings.some((binding) => covers(binding, target));

/** The same for an address that is read once only: by the `URL` class here, and so by `fetch`. */
export const mayHaveToken = (url: URL, hosts: readonly string[]): boolean =>
  url.username === '' &&
  url.password === '' &&
  isBound(
    targetOfRequest(url.protocol.slice(0, -1), url.host, url.pathname),
    bindingsOf({ hosts }),
  );

/** What to say of an address that a login is not bound to. */
export const notBound = (login: string, target: Target | null): TokenctlError =>
  target === null
    ? new TokenctlError(
        'refused',
        'a token is sent to a plain https address only (http: on this machine)',
        { login, hint: 'https://HOST/PATH' },
      )
    : new TokenctlError(
        'refused',
        target.path === null
          ? `the login is not bound to all of ${target.host}, and the path is not plain`
          : `the login is not bound to ${placeOf(target)}`,
        { login, hint: `tokenctl hosts ${login} add ${placeOf(target)}` },
      );
