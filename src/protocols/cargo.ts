import { targetOfUrl } from '../hosts/target.ts';
import {
  breaksLines,
  epochSeconds,
  type Members,
  malformed,
  member,
  parseObject,
  requirePlain,
} from './checks.ts';
import type { Grant, Output, Protocol, Request } from './protocol.ts';

/** https://doc.rust-lang.org/cargo/reference/credential-provider-protocol.html; errors are answers. */
export const cargo: Protocol = {
  operations: { '': { input: 'lines', read: (line) => readRequest(parseObject(line)) } },
  unknown: { stdout: '' },
  greeting: '{"v":[1]}\n',
  failed: ({ code, message }) =>
    refusal(code === 'no_such_login' ? { kind: 'not-found' } : { kind: 'other', message }),
};

const readRequest = (request: Members): Request => {
  if (member(request, 'v') !== 1) {
    malformed('not version 1 of the protocol');
  }
  if (member(request, 'kind') !== 'get') {
    return { kind: 'reply', output: refusal({ kind: 'operation-not-supported' }) };
  }
  const url = member(member(request, 'registry'), 'index-url');
  if (typeof url !== 'string' || breaksLines(url)) {
    return malformed('registry.index-url is missing');
  }
  return {
    kind: 'get',
    target: targetOfUrl(url.replace(/^sparse\+/, '')),
    login: loginIn(member(request, 'args')),
    none: refusal({ kind: 'url-not-supported' }),
    granted: (grant) => answer(requirePlain(grant)),
  };
};

/** What stands after the program's name in `credential-provider = […]`. */
const loginIn = (args: unknown): string | undefined => {
  if (args === undefined || (Array.isArray(args) && args.length === 0)) {
    return undefined;
  }
  const [option, login, ...rest]: unknown[] = Array.isArray(args) ? args : [];
  return option === '--login' && typeof login === 'string' && rest.length === 0
    ? login
    : malformed('its arguments are not --login NAME');
};

/** The token is the whole value of the Authorization header. */
const answer = ({ token, expiresAt }: Grant): string =>
  line({
    Ok: {
      kind: 'get',
      token: `Bearer ${token.reveal()}`,
      ...(expiresAt === null
        ? { cache: 'session' }
        : { cache: 'expires', expiration: epochSeconds(expiresAt) }),
      operation_independent: true,
    },
  });

const refusal = (error: Members): Output => ({ stdout: line({ Err: error }), code: 0 });

const line = (value: object): string => `${JSON.stringify(value)}\n`;
