import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { CURL_OPTIONS, takesValue } from '../../../src/cli/curl/options.ts';
import { readCurlArguments } from '../../../src/cli/curl/read-arguments.ts';
import { curlRequest } from '../../../src/cli/curl/request.ts';
import { readRequestAddress } from '../../../src/hosts/request-target.ts';
import { hasCurl } from '../../support/curl.ts';
import { need } from '../../support/need.ts';

const request = (url: string, ...args: string[]) => {
  const address = readRequestAddress(url);
  if (address === null) {
    throw new Error(`no address: ${url}`);
  }
  return curlRequest(address, readCurlArguments(args));
};

const API = 'https://api.example.com/a';

describe('arguments for curl', () => {
  it.each([
    [['-sSfL'], ['--silent', '--show-error', '--fail', '--location']],
    [
      ['-XPOST', '-da=b'],
      ['--request', 'POST', '--data', 'a=b'],
    ],
    [
      ['-X', 'PUT', '-o', '-'],
      ['--request', 'PUT', '--output', '-'],
    ],
    [
      ['-sofile', '--data', '--location-trusted'],
      ['--silent', '--output', 'file', '--data', '--location-trusted'],
    ],
    [
      ['-d', '-K'],
      ['--data', '-K'],
    ],
    [
      ['-H', 'A: b', '-H', 'C;'],
      ['--header', 'A: b', '--header', 'C;'],
    ],
    [
      ['-w', '%{http_code}\n'],
      ['--write-out', '%{http_code}\n'],
    ],
  ])('%j are given to curl as %j', (args, given) => {
    expect(request(API, ...args).args).toEqual(given);
  });

  it.each([
    [['https://evil.example/']],
    [['--url', 'https://evil.example/']],
    [['-s', '--', 'https://evil.example/']],
    [['-']],
    [['']],
    [['--next']],
    [['-s:']],
    [['-K', 'file']],
    [['-sKfile']],
    [['--location-trusted']],
    [['--loc']],
    [['--location-t']],
    [['--url=https://evil.example/']],
    [['--proto-redir', 'http']],
    [['--proto', '=http']],
    [['--proto-default', 'http']],
    [['--oauth2-bearer', 'x']],
    [['-u', 'a:b']],
    [['-n']],
    [['--netrc-file', 'x']],
    [['--aws-sigv4', 'x']],
    [['--negotiate']],
    [['--proxy-header', 'A: b']],
    [['--trace', '-']],
    [['--trace-ascii', '-']],
    [['--libcurl', 'x']],
    [['--stderr', 'x']],
    [['--request-target', '/elsewhere']],
    [['--no-globoff']],
    [['--alt-svc', 'x']],
    [['--variable', 'x']],
    [['--expand-url', 'x']],
    [['-Z']],
    [['--data']],
    [['-d']],
    [['-h']],
    [['-V']],
    [['--constructor', 'x']],
    [['-k']],
    [['--insecure']],
    [['-H', 'Authorization: Basic x']],
    [['-H', 'authorization : x']],
    [['-H', 'Authorization;']],
    [['-H', 'DPoP: x']],
    [['-H', 'Host: evil.example']],
    [['-H', 'host;']],
    [['-H', ':authority: evil.example']],
    [['-H', ' Host: evil.example']],
    [['-H', '@file']],
    [['-H', 'A: b\r\nHost: evil.example']],
    [['-A', 'x\nHost: evil.example']],
    [['-e', 'x\rHost: evil.example']],
    [['-b', 'x\nHost: evil.example']],
    [['-X', 'GET / HTTP/1.1\r\nHost: evil.example']],
    [['-X', 'GET /']],
    [['-X', '']],
  ])('%j are refused', (args) => {
    expect(() => request(API, ...args)).toThrow(expect.objectContaining({ code: 'usage' }));
  });

  it.each([
    ['-x', 'http://proxy.example'],
    ['--connect-to', '::evil.example:80'],
    ['--resolve', '127.0.0.1:80:10.0.0.1'],
    ['--unix-socket', '/tmp/socket'],
    ['--socks5-hostname', 'proxy.example'],
  ])('%s is only for where TLS proves who is there', (...args) => {
    expect(request(API, ...args).args).toHaveLength(2);
    expect(() => request('http://127.0.0.1/', ...args)).toThrow(/without TLS/);
    expect(() => request('https://localhost/', '-k', ...args)).toThrow(/without TLS/);
  });

  it('without TLS no proxy is used', () => {
    expect(request('https://api.example.com/').direct).toBe(false);
    expect(request('http://127.0.0.1/').direct).toBe(true);
    expect(request('https://localhost/', '-k').direct).toBe(true);
    expect(request('http://127.0.0.1/', '--noproxy', '').args).toEqual([]);
  });

  it.each([
    ['GET', []],
    ['POST', ['-d', 'x']],
    ['POST', ['-F', 'a=b']],
    ['POST', ['--json', '{}']],
    ['GET', ['-G', '-d', 'x']],
    ['HEAD', ['-I']],
    ['PUT', ['-T', 'file']],
    ['PATCH', ['-d', 'x', '-X', 'PATCH']],
    ['DELETE', ['-XPUT', '-XDELETE']],
  ])('make a %s of %j', (method, args) => {
    expect(request(API, ...args).method).toBe(method);
  });

  const here = import.meta.filename;
  it.each([
    [[], true, false],
    [['-d', 'x'], true, false],
    [['-d', `@${here}`], true, false],
    [['-F', `a=@${here};type=x`], true, false],
    [['-T', here], true, false],
    [['--data-raw', '@-'], true, false],
    [['--form-string', 'a=@-'], true, false],
    [['-d', '@-'], false, true],
    [['--data-binary', '@/dev/stdin'], false, true],
    [['--json', '@-'], false, true],
    [['--data-urlencode', 'a@-'], false, true],
    [['-F', 'a=@-'], false, true],
    [['-F', 'a=<-;type=x'], false, true],
    [['-F', `a=@${here},-`], false, true],
    [['-T', '-'], false, true],
    [['-T.'], false, true],
    [['-w', '@-'], false, true],
    [['-b', '-'], false, true],
    [['-d', '@/dev/null'], false, false],
    [['-d', '@/nonexistent'], false, false],
    [['-F', 'a=@"-";type=x'], false, true],
    [['-F', 'a=@ -'], false, true],
    [['-w', 'a@b'], true, false],
    [['-OJ'], false, false],
    [['-C', '-'], false, false],
  ])('%j: sent twice if need be: %j, from stdin: %j', (args, repeatable, readsStdin) => {
    expect(request(API, ...args)).toMatchObject({ repeatable, readsStdin });
  });

  it.each([
    [[], null],
    [['-o', '-'], null],
    [['-o', 'a'], 'a'],
    [['-o', 'a', '--output-dir', 'b'], 'b/a'],
    [['-O'], 'a'],
    [['-O', '-o', 'b'], 'a'],
  ])('%j: the file is %j', (args, file) => {
    expect(request(`${API}?b=/c`, ...args).output).toBe(file);
  });
});

describe('the table of options', () => {
  it('says of each what the installed curl says: its short name, and whether it takes a value', (context) => {
    need(context, hasCurl, 'curl');
    const help = execFileSync('curl', ['--disable', '--help', 'all'], { encoding: 'utf8' });
    const known = new Map(
      [...help.matchAll(/^ (?:-(.), | {4})--([\w.-]+)( [<[][^ ]*)?/gm)].map(
        ([, short, name = '', value]) => [name, { short, takesValue: value !== undefined }],
      ),
    );
    expect(known.size).toBeGreaterThan(100);
    const differing = Object.entries(CURL_OPTIONS).flatMap(([name, [kind, short]]) => {
      const told = known.get(name);
      return told === undefined || (told.short === short && told.takesValue === takesValue(kind))
        ? []
        : [[name, told]];
    });
    expect(differing).toEqual([]);
    const missing = Object.keys(CURL_OPTIONS).filter((name) => !known.has(name));
    // More would be a table that has lost touch.
    expect(missing.length).toBeLessThan(10);
  });
});
