import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import fc from 'fast-check';
import { beforeEach, expect, it } from 'vitest';
import { bindingsOf } from '../../../src/bound-logins.ts';
import { configText } from '../../../src/cli/curl/config.ts';
import { readCurlArguments } from '../../../src/cli/curl/read-arguments.ts';
import { curlRequest } from '../../../src/cli/curl/request.ts';
import { isBound } from '../../../src/fetch/bound-target.ts';
import { readRequestAddress } from '../../../src/hosts/request-target.ts';
import { type ResourceServer, startResource } from '../../fetch/servers.ts';
import { hasCurl } from '../../support/curl.ts';
import { rounds } from '../../support/login.ts';
import { need } from '../../support/need.ts';

let directory = '';
beforeEach((context) => {
  need(context, hasCurl, 'curl');
  directory = mkdtempSync(join(tmpdir(), 'tokenctl-curl-'));
  return () => rmSync(directory, { recursive: true });
});

/** What the installed curl does with an address and arguments that have been let through; null: they have not. */
const run = async (url: string, args: readonly string[], bound: ResourceServer) => {
  const address = readRequestAddress(url);
  if (address === null || !isBound(address.target, bindingsOf({ hosts: [bound.host] }))) {
    return null;
  }
  let request: ReturnType<typeof curlRequest>;
  try {
    request = curlRequest(address, readCurlArguments(args));
  } catch {
    return null;
  }
  const input = configText(request, {
    headers: ['Authorization: Bearer sesame'],
    dumpHeader: '/dev/null',
    toTerminal: false,
  });
  const { exitCode } = await execa('curl', ['--disable', '--config', '-', ...request.args], {
    input,
    reject: false,
    cwd: directory,
    timeout: 20_000,
    env: { http_proxy: 'http://127.0.0.1:9', HOME: '/nonexistent' },
  });
  return exitCode ?? null;
};

it('the installed curl never gives the token to another server, whatever it is asked', async () => {
  const evil = await startResource(() => ({ status: 200, body: 'evil' }));
  const bound = await startResource(({ url }) =>
    url.includes('away')
      ? { status: 302, headers: { location: `${evil.origin}/stolen` } }
      : { status: 200, body: 'fine' },
  );
  const host = fc.constantFrom(bound.host, bound.host, evil.host, '127.0.0.1', 'localhost');
  const trick = fc.constantFrom(
    '',
    '',
    '@',
    '\\@',
    ':80@',
    '#@',
    '?@',
    '/@',
    '%2f@',
    ',',
    '{',
    '}',
    '/away?',
    '\t',
    ' ',
  );
  const address = fc
    .tuple(
      fc.constantFrom('http://', 'http://', '', 'https://', 'HTTP://'),
      host,
      trick,
      host,
      trick,
    )
    .map((parts) => parts.join(''));
  const plain = fc.constant(`${bound.origin}/away`);
  const word = fc.oneof(
    fc.constantFrom(
      ...[
        '-s',
        '-L',
        '-sL',
        '-Ls',
        '-f',
        '-g',
        '-i',
        '-I',
        '-G',
        '-d',
        '-X',
        '-H',
        '-o',
        '-A',
        '-e',
        '-m1',
      ],
      ...[
        '-o/dev/null',
        '-dx',
        '-XPUT',
        '-HA: b',
        '-H:',
        '-Hhost: x',
        '--data',
        '--url',
        '--next',
        '-:',
        '-K',
      ],
      ...[
        '--location',
        '--location-trusted',
        '--proxy',
        '-x',
        '--noproxy',
        '--connect-to',
        '--resolve',
        '-k',
      ],
      ...[
        '--header',
        '--config',
        '-',
        '--',
        '@-',
        '/dev/null',
        'x',
        '',
        '--no-globoff',
        '-q',
        '--proto-redir',
      ],
      ...[
        '=http',
        '--retry',
        '0',
        '-Lo/dev/null',
        '-sd',
        '-w',
        '%{url}',
        '--request-target',
        '/away',
        '-T',
      ],
    ),
    address,
    fc.constantFrom(evil.origin, evil.host, `::${evil.host}`, `Host: ${evil.host}`),
  );
  const whole = fc.constantFrom(
    ...[
      ['-L'],
      ['-sL'],
      ['-L', '-XPUT', '-dx'],
      ['-G', '-d', 'x'],
      ['-H', 'A: b'],
      ['-o', '/dev/null'],
    ],
    ...[
      ['-I'],
      ['-i'],
      ['-f'],
      ['--noproxy', ''],
      ['--post302', '-dx'],
      ['-e', ';auto'],
      ['-A', 'x'],
    ],
    ...[
      ['-F', 'a=b'],
      ['--max-redirs', '9'],
      ['-w', '%{url}'],
      ['-c', '-'],
      ['--retry', '1'],
    ],
  );
  /** Each of these would do it, if it were let through. */
  const harmful = fc.constantFrom(
    ...[['--location-trusted'], ['--url', evil.origin], ['--proxy', evil.origin], [evil.origin]],
    ...[
      ['--connect-to', `::${evil.host}`],
      ['--next', evil.origin],
      ['--preproxy', evil.origin],
    ],
    ...[
      ['--resolve', `127.0.0.1:${bound.port}:127.0.0.2`],
      ['--proxy1.0', evil.host],
    ],
  );
  let through = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(address, { arbitrary: plain, weight: 2 }),
      fc.array(fc.oneof({ arbitrary: whole, weight: 4 }, harmful, word), { maxLength: 4 }),
      async (url, words) => {
        const args = words.flat();
        evil.seen.length = 0;
        const ended = await run(url, ['-m5', ...args], bound);
        through += ended === null ? 0 : 1;
        expect(
          evil.seen.filter(({ headers }) => JSON.stringify(headers).includes('sesame')),
        ).toEqual([]);
      },
    ),
    { numRuns: rounds(400, 5_000) },
  );
  expect(through).toBeGreaterThan(40);
  expect(bound.seen.some(({ authorization }) => authorization === 'Bearer sesame')).toBe(true);
}, 600_000);

it('a token with quotes and backslashes arrives as it is', async () => {
  const api = await startResource(() => ({ status: 200 }));
  const address = readRequestAddress(api.origin);
  expect(address).not.toBeNull();
  if (address !== null) {
    const input = configText(curlRequest(address, []), {
      headers: ['Authorization: Bearer a"b\\c#d\' e'],
      dumpHeader: '/dev/null',
      toTerminal: false,
    });
    await execa('curl', ['--disable', '--config', '-'], { input });
    expect(api.seen[0]?.authorization).toBe('Bearer a"b\\c#d\' e');
  }
});
