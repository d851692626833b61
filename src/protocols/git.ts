import { type Target, targetOf } from '../hosts/target.ts';
import { Secret } from '../secret.ts';
import { breaksLines, epochSeconds, malformed, requirePlain } from './checks.ts';
import { type Grant, type Protocol, type Request, SILENCE } from './protocol.ts';

/** https://git-scm.com/docs/git-credential#IOFMT and gitcredentials(7), "CUSTOM HELPERS" */
export const git: Protocol = {
  operations: {
    get: { input: 'block', read: (input) => readGet(parseAttributes(input)) },
    // What other helpers found, or we gave: nothing of it is to be kept here.
    store: { input: 'block', read: () => ({ kind: 'reply', output: SILENCE }) },
    erase: { input: 'block', read: (input) => readErase(parseAttributes(input)) },
    capability: {
      input: 'nothing',
      read: () => ({
        kind: 'reply',
        output: { stdout: 'version 0\ncapability authtype\n', code: 0 },
      }),
    },
  },
  unknown: SILENCE,
  greeting: '',
  failed: () => ({ stdout: '' }),
};

interface Attributes {
  readonly single: ReadonlyMap<string, string>;
  readonly lists: ReadonlyMap<string, readonly string[]>;
}

const MAX_LINE_BYTES = 65_535;

/** `key=value` lines up to a blank one. Unknown keys are nobody's concern; a known one comes once. */
const parseAttributes = (input: string): Attributes => {
  const single = new Map<string, string>();
  const lists = new Map<string, readonly string[]>();
  for (const line of input.split('\n')) {
    if (line === '') {
      break;
    }
    const [, key = '', list, value = ''] = /^([^=]+?)(\[\])?=(.*)$/s.exec(line) ?? [];
    if (key === '' || breaksLines(line) || Buffer.byteLength(line) > MAX_LINE_BYTES) {
      malformed('a line is not KEY=VALUE, too long, or has a control character');
    }
    if (list !== undefined) {
      lists.set(key, value === '' ? [] : [...(lists.get(key) ?? []), value]);
    } else if (single.has(key)) {
      malformed('a key comes twice');
    } else {
      single.set(key, value);
    }
  }
  return { single, lists };
};

/** Without protocol or host it is a pattern that anything matches (CVE-2020-11008): no target. */
const targetIn = ({ single }: Attributes): Target | null =>
  targetOf({
    protocol: single.get('protocol') ?? '',
    authority: single.get('host') ?? '',
    path: single.get('path'),
    username: single.get('username'),
  });

const readGet = (attributes: Attributes): Request => ({
  kind: 'get',
  target: targetIn(attributes),
  none: SILENCE,
  keepable: true,
  granted: (grant) => answer(requirePlain(grant), wantsBearer(attributes)),
});

/**
 * git can send other schemes than Basic (since 2.46), and the server says that it takes Bearer (RFC 9110
 * section 11.6.1). Most servers of git know only Basic, so that is what one gets that has not been heard
 * yet: git may ask before it asks the server (http.proactiveAuth).
 */
const wantsBearer = ({ lists }: Attributes): boolean =>
  (lists.get('capability') ?? []).includes('authtype') &&
  (lists.get('wwwauth') ?? []).some((challenge) => /^bearer\b/i.test(challenge));

const answer = ({ username, token, expiresAt }: Grant, bearer: boolean): string => {
  const credential = bearer
    ? ['capability[]=authtype', 'authtype=Bearer', `credential=${token.reveal()}`, 'ephemeral=1']
    : [`username=${username}`, `password=${token.reveal()}`];
  const expiry = expiresAt === null ? [] : [`password_expiry_utc=${epochSeconds(expiresAt)}`];
  return `${[...credential, ...expiry].join('\n')}\n`;
};

const readErase = (attributes: Attributes): Request => {
  const token = attributes.single.get('credential') ?? attributes.single.get('password') ?? '';
  return token === ''
    ? { kind: 'reply', output: SILENCE }
    : { kind: 'rejected', target: targetIn(attributes), token: new Secret(token) };
};
