import { gzipSync } from 'node:zlib';
import type { AuthorizationServerOptions } from '../../src/demo/authorization-server.ts';
import type { Authority, KeyPair } from '../oauth/certificates.ts';
import * as endpoint from './hostile-behaviours.ts';
import { type Behaviour, handOn, type Json, message } from './hostile-endpoint.ts';

/**
 * What a token endpoint may do to `tokenctl get NAME` with an expired access token, and what comes
 * of it. `test/e2e/hostile-answers.test.ts` runs every row; `docs/hostile-answers.md` shows them.
 */
export interface HostileAnswer {
  readonly answer: string;
  readonly behave: Behaviour;
  readonly server?: AuthorizationServerOptions;
  readonly exit: 0 | 4 | 5 | 6;
  /** In what is said on stderr; null: nothing is said; empty: anything may be. */
  readonly says: string | null;
  /** How often the refresh token goes out. */
  readonly requests: number;
  /** Which refresh token is stored afterwards. */
  readonly keeps: 'old' | 'new';
  /** What becomes of a later `get`, the endpoint being sound again. */
  readonly later: 'works' | 'sign in';
  /** Members of the record afterwards. */
  readonly stored?: Readonly<Record<string, unknown>>;
  /** Seconds during which nobody asks again, at least and at most. */
  readonly rests?: readonly [number, number];
  /** Behind TLS, with this. */
  readonly certificate?: (authority: Authority) => KeyPair;
  /** The token has expired when it comes: every get renews it. */
  readonly expiresAtOnce?: true;
}

type More = Partial<Omit<HostileAnswer, 'answer' | 'behave'>>;

/** No answer that counts: the refresh token is kept, and goes out once more if that can help. */
const notNow = (answer: string, says: string, behave: Behaviour, more: More = {}) =>
  row(answer, behave, { exit: 5, says, requests: 2, keeps: 'old' }, more);

/** An answer whose access token must not be used: the rotation in it counts all the same. */
const refused = (answer: string, says: string, edit: Edit, more: More = {}) =>
  row(answer, endpoint.rewrites(edit), { exit: 6, says, requests: 1, keeps: 'new' }, more);

const served = (answer: string, edit: Edit, more: More = {}) =>
  row(answer, endpoint.rewrites(edit), { exit: 0, says: null, requests: 1, keeps: 'new' }, more);

type Edit = Parameters<typeof endpoint.rewrites>[0];

function row(
  answer: string,
  behave: Behaviour,
  outcome: Pick<HostileAnswer, 'exit' | 'says' | 'requests' | 'keeps'>,
  more: More,
): HostileAnswer {
  return { answer, behave, later: 'works', ...outcome, ...more };
}

/** Must not turn up anywhere. */
export const SMUGGLED = 'smuggled';
const MB = 1_000_000;
const JSON_HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n';
const without =
  (name: string) =>
  ({ [name]: _, ...rest }: Json): Json =>
    rest;
const inTenMinutes = () => new Date(Date.now() + 600_000).toUTCString();
const MALFORMED = 'unusable_answer: the access token in the answer is malformed';
const IGNORED = 'the refresh token in the answer is malformed and was ignored';
const LOST = { exit: 4, says: 'invalid_grant', requests: 2, later: 'sign in' } as const;

const SOMETHING_ELSE: readonly HostileAnswer[] = [
  notNow(
    'a web page with 200',
    'a web page came',
    endpoint.answers('200 OK', '<!doctype html><title>Sign in to this network</title>'),
    { requests: 1 },
  ),
  notNow('302 to another host (a captive portal)', 'http_302', endpoint.redirects('302'), {
    requests: 1,
  }),
  notNow('307 to another host', 'http_307', endpoint.redirects('307'), { requests: 1 }),
  notNow('400 with a web page', 'http_400', endpoint.answers('400', '<html>'), { requests: 1 }),
  notNow(
    '404 with `invalid_grant`',
    'http_404',
    endpoint.answers('404', { error: 'invalid_grant' }),
    { requests: 1 },
  ),
  notNow(
    '101 Switching Protocols',
    'ECONNRESET',
    endpoint.bytes('HTTP/1.1 101 Other\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n'),
  ),
  notNow('an empty 204', 'not complete JSON', endpoint.bytes('HTTP/1.1 204 No Content\r\n\r\n')),
  notNow('bytes that are not HTTP', 'Parse Error', endpoint.bytes('SSH-2.0-OpenSSH_9.9\r\n')),
];

const TROUBLE: readonly HostileAnswer[] = [
  ...['500', '502', '503', '429'].map((status) =>
    notNow(status, `http_${status}`, endpoint.answers(status, '<html>'), { rests: [1, 1] }),
  ),
  notNow('429, `Retry-After: 1`', 'http_429', endpoint.answers('429', '', 'retry-after: 1'), {
    rests: [1, 1],
  }),
  notNow('429, `Retry-After: 120`', 'http_429', endpoint.answers('429', '', 'retry-after: 120'), {
    requests: 1,
    rests: [120, 120],
  }),
  notNow(
    '503, `Retry-After:` a date in ten minutes',
    'http_503',
    (exchange) => endpoint.answers('503', '', `retry-after: ${inTenMinutes()}`)(exchange),
    { requests: 1, rests: [500, 600] },
  ),
  notNow(
    '503, `Retry-After:` a date in the past',
    'http_503',
    endpoint.answers('503', '', 'retry-after: Thu, 01 Jan 1970 00:00:00 GMT'),
    { rests: [1, 1] },
  ),
  notNow(
    '503, `Retry-After:` a number of 400 digits',
    'http_503',
    endpoint.answers('503', '', `retry-after: ${'9'.repeat(400)}`),
    { requests: 1, rests: [3600, 3600] },
  ),
  notNow(
    '503, `Retry-After: -1`, or anything else that is none',
    'http_503',
    endpoint.answers('503', '', 'retry-after: -1'),
    { rests: [1, 1] },
  ),
];

const TOO_MUCH: readonly HostileAnswer[] = [
  notNow(
    'a body of 100 MB',
    'too large',
    endpoint.floods(
      `${JSON_HEAD}content-length: ${100 * MB}\r\n\r\n{"access_token":"`,
      'x'.repeat(MB),
      100,
    ),
  ),
  notNow(
    'a body without end',
    'too large',
    endpoint.floods(`${JSON_HEAD}\r\n{"access_token":"`, 'x'.repeat(65_536)),
  ),
  notNow(
    'a body without end, in chunks of one byte',
    'too large',
    endpoint.floods(`${JSON_HEAD}transfer-encoding: chunked\r\n\r\n`, '1\r\nx\r\n'.repeat(1_000)),
  ),
  notNow(
    'interim answers (103) without end',
    'too large',
    endpoint.floods('', 'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n'.repeat(1_000)),
  ),
  notNow(
    'headers without end',
    'Parse Error',
    endpoint.floods(JSON_HEAD, 'x-more: y\r\n'.repeat(1_000)),
  ),
  notNow('one byte a second', 'ETIMEDOUT', endpoint.trickles(`${JSON_HEAD}\r\n${' '.repeat(99)}`)),
  notNow(
    'an error of 2 MB, full of escape sequences',
    'http_400',
    endpoint.answers('400', { error: 'x', error_description: '\u001b[31m'.repeat(300_000) }),
    { requests: 1 },
  ),
  served(
    'a million lists within each other, beside the tokens',
    (json) => `{"x":${'['.repeat(MB)}${']'.repeat(MB)},${JSON.stringify(json).slice(1)}`,
  ),
];

const BROKEN_OFF: readonly HostileAnswer[] = [
  notNow('a reset before the request was read', 'ECONNRESET', endpoint.resets('unread')),
  notNow('a reset after it was read', 'ECONNRESET', endpoint.resets('read')),
  notNow('the connection is closed without a word', 'socket hang up', endpoint.closes),
  notNow(
    'less than was announced',
    'the connection was closed',
    endpoint.bytes(`${JSON_HEAD}content-length: 99\r\n\r\n{"access_token":"x"`),
  ),
  notNow('a reset after the rotation', '', endpoint.once(endpoint.loses), LOST),
  notNow('a reset after the rotation, and a grace period', '', endpoint.once(endpoint.loses), {
    server: { graceMs: 600_000 },
    ...{ exit: 0, says: null, keeps: 'new' },
  }),
  notNow(
    'truncated JSON',
    '',
    endpoint.rewrites((json) => JSON.stringify(json).slice(0, -5)),
    LOST,
  ),
  notNow(
    'truncated JSON, and a grace period',
    '',
    endpoint.once(endpoint.rewrites((json) => JSON.stringify(json).slice(0, -5))),
    { server: { graceMs: 600_000 }, exit: 0, says: null, keeps: 'new' },
  ),
  notNow(
    'a compressed answer, though none may be',
    '',
    endpoint.rewrites(
      (json) => json,
      (body) => message('200 OK', gzipSync(body), ['content-encoding: gzip']),
    ),
    LOST,
  ),
  row(
    'a complete answer, and a second one behind it',
    endpoint.rewrites(
      (json) => json,
      (body) =>
        Buffer.concat([
          message('200 OK', body),
          message('200 OK', JSON.stringify({ access_token: SMUGGLED, refresh_token: SMUGGLED })),
        ]),
    ),
    { exit: 0, says: null, requests: 1, keeps: 'new' },
    {},
  ),
];

const MEMBERS: readonly HostileAnswer[] = [
  served(
    'a member twice: the last one counts',
    (json) =>
      `{"access_token":"${SMUGGLED}","refresh_token":"${SMUGGLED}",${JSON.stringify(json).slice(1)}`,
  ),
  served(
    'a `refresh_token` inside another member, `__proto__` for one',
    (json) =>
      `{"__proto__":{"refresh_token":"${SMUGGLED}"},"x":{"refresh_token":"${SMUGGLED}"},${JSON.stringify(json).slice(1)}`,
    { server: { rotate: false }, keeps: 'old' },
  ),
  served(
    'the same `refresh_token` again',
    (json, sent) => ({
      ...json,
      refresh_token: sent.get('refresh_token'),
    }),
    { server: { rotate: false }, keeps: 'old' },
  ),
  served('no `refresh_token`: nothing was rotated', (json) => json, {
    server: { rotate: false },
    keeps: 'old',
  }),
  ...[
    ['with a newline', `${SMUGGLED}\nx`],
    ['that is no string', 7],
    ['of a megabyte', SMUGGLED.repeat(MB / 8)],
  ].map(([what, refresh_token]) =>
    served(`a \`refresh_token\` ${what}`, (json) => ({ ...json, refresh_token }), {
      says: IGNORED,
      keeps: 'old',
      later: 'sign in',
    }),
  ),
  ...[
    ['with a newline', `${SMUGGLED}\r\nAuthorization: x`],
    ['with a NUL', `${SMUGGLED}\u0000`],
    ['that is not ASCII', `${SMUGGLED}é`],
    ['with a space', `${SMUGGLED} x`],
    ['that is empty', ''],
    ['that is no string', [SMUGGLED]],
    ['of a megabyte', SMUGGLED.repeat(MB / 8)],
  ].map(([what, access_token]) =>
    refused(`an \`access_token\` ${what}`, MALFORMED, (json) => ({ ...json, access_token })),
  ),
  refused('no `access_token`', 'the answer holds no access token', without('access_token')),
  served('no `token_type`: `Bearer`', without('token_type'), { stored: { token_type: 'Bearer' } }),
  refused('`token_type` `DPoP`', 'needs a DPoP key', (json) => ({ ...json, token_type: 'DPoP' })),
  refused('`token_type` `mac`', 'token type "mac"', (json) => ({ ...json, token_type: 'mac' })),
  refused('`token_type` `mac`, and an `access_token` of 64 KiB', 'token type "mac"', (json) => ({
    ...json,
    token_type: 'mac',
    access_token: SMUGGLED.repeat(8192),
  })),
  refused('`token_type` with a newline', 'token type "Bearer X: y"', (json) => ({
    ...json,
    token_type: 'Bearer\r\nX: y',
  })),
  refused('tokens, and an `error`', 'the error "invalid_grant"', (json) => ({
    ...json,
    error: 'invalid_grant',
  })),
  served('`scope` as a list', (json) => ({ ...json, scope: ['read', 'write'] }), {
    stored: { scope: 'read write' },
  }),
  ...[
    ['with a newline', `${SMUGGLED}\nread`],
    ['as an object', { [SMUGGLED]: 1 }],
  ].map(([what, scope]) =>
    served(`\`scope\` ${what}`, (json) => ({ ...json, scope }), {
      says: 'scope in the answer is malformed and was ignored',
      stored: { scope: 'read write' },
    }),
  ),
  served('an `id_token` that is none', (json) => ({ ...json, id_token: SMUGGLED }), {
    says: 'the id token is not usable',
    stored: { id_token: null },
  }),
];

const LIFETIMES: readonly HostileAnswer[] = [
  served('a string, `"3600"`', (json) => ({ ...json, expires_in: '3600' }), {
    stored: { expires_in: 3600 },
  }),
  served('a fraction, `3599.5`', (json) => ({ ...json, expires_in: 3599.5 }), {
    stored: { expires_in: 3599.5 },
  }),
  served('absent: fresh until it is rejected', without('expires_in'), {
    stored: { expires_in: null },
  }),
  ...[
    ['negative', -1],
    ['zero', 0],
    ['a word', 'soon'],
  ].map(([what, expires_in]) =>
    served(`${what}: as if it were absent`, (json) => ({ ...json, expires_in }), {
      says: 'expires_in in the answer is not a positive number and was ignored',
      stored: { expires_in: null },
    }),
  ),
  ...['1e15', '1e400'].map((number) =>
    served(
      `\`${number}\`: ten years`,
      (json) =>
        `${JSON.stringify(without('expires_in')(json)).slice(0, -1)},"expires_in":${number}}`,
      { stored: { expires_in: 315_360_000 } },
    ),
  ),
  served('over on arrival, `1e-9`', (json) => ({ ...json, expires_in: 1e-9 }), {
    stored: { expires_in: 1e-9 },
    expiresAtOnce: true,
  }),
];

/** The certificate is not what it must be: nothing is sent. */
const distrusted = (
  answer: string,
  says: string,
  certificate: (authority: Authority) => KeyPair,
): HostileAnswer => notNow(answer, says, handOn, { requests: 0, certificate });

const LOCALHOST = 'DNS:localhost';

const CERTIFICATES: readonly HostileAnswer[] = [
  distrusted('names another host', 'ERR_TLS_CERT_ALTNAME_INVALID', ({ issue }) =>
    issue('DNS:other.example'),
  ),
  distrusted('has expired', 'CERT_HAS_EXPIRED', ({ issue }) => issue(LOCALHOST, -1)),
  distrusted('is self-signed', 'DEPTH_ZERO_SELF_SIGNED_CERT', ({ selfSigned }) =>
    selfSigned(LOCALHOST),
  ),
  distrusted(
    'was issued by an authority that nobody knows',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    ({ issueByUnrelated }) => issueByUnrelated(LOCALHOST),
  ),
];

export interface Group {
  readonly title: string;
  readonly rows: readonly HostileAnswer[];
}

export const HOSTILE_ANSWERS: readonly Group[] = [
  { title: 'Something else answers', rows: SOMETHING_ELSE },
  { title: 'The certificate …', rows: CERTIFICATES },
  { title: 'The server is in trouble', rows: TROUBLE },
  { title: 'The answer breaks off', rows: BROKEN_OFF },
  { title: 'The answer is more than anybody wants', rows: TOO_MUCH },
  { title: 'The answer holds …', rows: MEMBERS },
  { title: 'Its `expires_in` is …', rows: LIFETIMES },
];
