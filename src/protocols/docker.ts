import { targetOfUrl } from '../hosts/target.ts';
import { breaksLines, malformed, requirePlain } from './checks.ts';
import type { Output, Protocol } from './protocol.ts';

/** https://github.com/docker/docker-credential-helpers#development; errors go to stdout. */
export const docker: Protocol = {
  operations: {
    get: {
      input: 'all',
      read: (input) => {
        const url = serverUrl(input);
        return {
          kind: 'get',
          target: targetOfUrl(url),
          none: NOT_FOUND,
          keepable: true,
          granted: (grant) => {
            const { username, token } = requirePlain(grant);
            return json({ ServerURL: url, Username: username, Secret: token.reveal() });
          },
        };
      },
    },
    list: {
      input: 'nothing',
      read: () => ({
        kind: 'list',
        listed: (entries) =>
          json(Object.fromEntries(entries.map(({ url, username }) => [url, username]))),
      }),
    },
    store: {
      input: 'all',
      read: () => ({
        kind: 'reply',
        output: {
          stdout: 'tokenctl keeps no passwords; sign in with: tokenctl login NAME --host HOST\n',
          code: 1,
        },
      }),
    },
    // `docker logout`: a login of ours is not only docker's.
    erase: { input: 'all', read: () => ({ kind: 'reply', output: { stdout: '', code: 0 } }) },
    version: {
      input: 'nothing',
      read: () => ({
        kind: 'reply',
        output: { stdout: 'docker-credential-tokenctl (tokenctl)\n', code: 0 },
      }),
    },
  },
  unknown: { stdout: 'tokenctl does not know this operation\n', code: 1 },
  greeting: '',
  failed: ({ message }) => ({ stdout: `${message}\n`, code: 1 }),
};

/** These very words: whoever asks compares them. */
const NOT_FOUND: Output = { stdout: 'credentials not found in native keychain\n', code: 1 };

const MAX_URL_BYTES = 8192;

const serverUrl = (input: string): string => {
  const url = input.replace(/\r?\n$/, '');
  return url === '' || breaksLines(url) || Buffer.byteLength(url) > MAX_URL_BYTES
    ? malformed('not the address of a server')
    : url;
};

const json = (value: object): string => `${JSON.stringify(value)}\n`;
