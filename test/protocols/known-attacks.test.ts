import { describe, expect, it } from 'vitest';
import { answerOf, cargoRequest, execInfo } from './asked.ts';

/** What has been done to others that answer for a host, done to each of ours. */
const BOUND = ['git.example.com', 'alice@pages.example.com', 'localhost:8080'];

const git = (...lines: string[]): [string, string] => ['git', `${lines.join('\n')}\n\n`];
const docker = (url: string): [string, string] => ['docker', url];
const kubectl = (url: string): [string, string] => ['kubectl', execInfo(url)];
const cargo = (url: string): [string, string] => ['cargo', cargoRequest(url)];

describe('the table of known attacks', () => {
  it('is about hosts that are answered for otherwise', () => {
    const asked = [
      git('protocol=https', 'host=git.example.com'),
      docker('https://git.example.com'),
      kubectl('https://git.example.com'),
      cargo('sparse+https://git.example.com/'),
    ];
    for (const [kind, input] of asked) {
      expect(answerOf(kind, input, BOUND)).toContain('access-1');
    }
  });

  it.each<[string, string, [string, string]]>([
    [
      'CVE-2020-5260',
      'git: a line feed in an address puts in another host',
      git('protocol=https', 'host=evil.example', '', 'host=git.example.com'),
    ],
    [
      'CVE-2020-5260',
      'the second host of two',
      git('protocol=https', 'host=evil.example', 'host=git.example.com'),
    ],
    ['CVE-2020-11008', 'git: no host means any', git('protocol=https', 'host=')],
    ['CVE-2020-11008', 'no protocol means any', git('host=git.example.com')],
    ['CVE-2020-11008', 'nothing at all means any', git('username=alice')],
    [
      'CVE-2024-52006',
      'git: a carriage return ends a line for some helpers',
      git('protocol=https', 'host=evil.example\rhost=git.example.com'),
    ],
    [
      'CVE-2024-50338',
      'Git Credential Manager: the same, the other way round',
      git('protocol=https', 'host=git.example.com\rhost=evil.example'),
    ],
    [
      'CVE-2025-23040',
      'GitHub Desktop: the same by the path',
      git('protocol=https', 'host=evil.example', 'path=x\rhost=git.example.com'),
    ],
    [
      'CVE-2024-53263',
      'Git LFS: escaped line breaks, put on the line as they are',
      git('protocol=https', 'host=evil.example\0', 'host=git.example.com'),
    ],
    [
      'CVE-2024-53858',
      'gh: a token for a host that only looks like one of the own',
      git('protocol=https', 'host=git.example.com.evil.example'),
    ],
    ['CVE-2024-53858', 'a host above the own', git('protocol=https', 'host=example.com')],
    ['CVE-2024-53858', 'a host below the own', git('protocol=https', 'host=x.git.example.com')],
    [
      'CVE-2016-8624',
      'curl: # ends the host for one parser only',
      docker('https://git.example.com#@evil.example/'),
    ],
    ['CVE-2016-8624', 'the other way round', docker('https://evil.example#@git.example.com/')],
    [
      'CVE-2022-27774',
      'curl: the same host on another port, after a redirect',
      git('protocol=https', 'host=git.example.com:8443'),
    ],
    ['CVE-2022-27774', 'the same host without TLS', git('protocol=http', 'host=git.example.com')],
    [
      'CVE-2022-27774',
      'another protocol on the same host',
      git('protocol=ftp', 'host=git.example.com'),
    ],
    [
      'CVE-2022-27779',
      'curl: a trailing dot makes it another host',
      cargo('sparse+https://git.example.com./'),
    ],
    [
      'CVE-2022-27780',
      'curl: an escaped slash in the host',
      docker('https://git.example.com%2fevil/'),
    ],
    [
      'CVE-2024-47081',
      'requests: a colon and nothing before the @',
      docker('https://git.example.com:@evil.example/'),
    ],
    [
      'CVE-2019-9636',
      'Python: characters that normalise to a border',
      docker('https://git.example.com\uff03@evil.example/'),
    ],
    [
      'CVE-2019-10160',
      'the same in the port',
      docker('https://git.example.com:\uff03@evil.example'),
    ],
    [
      'CVE-2021-45046',
      'a host that one parser sees before #, another after it',
      kubectl('https://localhost#evil.example:8080'),
    ],
    [
      'CVE-2020-15157',
      'containerd: an address of the attacker’s, given by the registry',
      docker('https://evil.example/v2/token?service=git.example.com'),
    ],
    ['backslash', 'a slash to browsers only', docker('https://git.example.com\\@evil.example')],
    ['backslash', 'the other way round', kubectl('https://evil.example\\@git.example.com')],
    ['userinfo', 'the host before the @', kubectl('https://git.example.com@evil.example')],
    ['userinfo', 'our own host after the @', kubectl('https://evil.example@git.example.com')],
    ['IDNA', 'a fullwidth letter', git('protocol=https', 'host=ｇit.example.com')],
    ['IDNA', 'an ideographic full stop', cargo('https://git。example.com/')],
    ['IDNA', 'a soft hyphen', docker('https://git\u00ad.example.com')],
    ['IDNA', 'a Kelvin sign', docker('https://git.example.com\u212a')],
    ['addresses', 'this machine in octal', docker('http://0177.0.0.1:8080')],
    ['addresses', 'this machine as a part of a name', docker('http://localhost.evil.example:8080')],
    ['DNS rebinding', 'a name for this machine', docker('http://rebound.example:8080')],
    [
      'accounts',
      'another account on a shared host',
      git('protocol=https', 'host=pages.example.com', 'username=mallory'),
    ],
  ])('%s: %s', (_name, _what, [kind, input]) => {
    expect(answerOf(kind, input, BOUND)).toBeNull();
  });
});
