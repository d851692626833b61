/** What of an option of curl matters here; `flag` and `value` are passed on as they are. */
export type CurlOption =
  | 'flag'
  | 'value'
  /** Leads the connection elsewhere: only where TLS proves who is at its end. */
  | 'diverts'
  /** Makes the method POST; `@FILE` is read. */
  | 'data'
  | 'form'
  /** The same without files. */
  | 'text'
  | 'header';

/**
 * The options of curl that may be given, by long name, with their short ones. All others are refused: what is
 * not known here may send a header elsewhere (--location-trusted, --next, --config …), sign in as somebody
 * else (--user, --netrc …) or write the token down (--trace, --libcurl …).
 */
export const CURL_OPTIONS: Readonly<Record<string, readonly [kind: CurlOption, short?: string]>> = {
  // What is asked
  request: ['value', 'X'],
  get: ['flag', 'G'],
  head: ['flag', 'I'],
  header: ['header', 'H'],
  'user-agent': ['value', 'A'],
  referer: ['value', 'e'],
  range: ['value', 'r'],
  'time-cond': ['value', 'z'],
  'continue-at': ['value', 'C'],
  compressed: ['flag'],
  'etag-compare': ['value'],
  'etag-save': ['value'],
  'path-as-is': ['flag'],
  globoff: ['flag', 'g'],
  disable: ['flag', 'q'],
  // What is sent
  data: ['data', 'd'],
  'data-ascii': ['data'],
  'data-binary': ['data'],
  'data-raw': ['text'],
  'data-urlencode': ['data'],
  json: ['data'],
  form: ['form', 'F'],
  'form-string': ['text'],
  'form-escape': ['flag'],
  'upload-file': ['value', 'T'],
  'expect100-timeout': ['value'],
  cookie: ['value', 'b'],
  'cookie-jar': ['value', 'c'],
  'junk-session-cookies': ['flag', 'j'],
  // What is shown and kept
  output: ['value', 'o'],
  'output-dir': ['value'],
  'remote-name': ['flag', 'O'],
  'remote-header-name': ['flag', 'J'],
  'remote-time': ['flag', 'R'],
  'remove-on-error': ['flag'],
  'create-dirs': ['flag'],
  'create-file-mode': ['value'],
  'dump-header': ['value', 'D'],
  include: ['flag', 'i'],
  'write-out': ['value', 'w'],
  fail: ['flag', 'f'],
  'fail-early': ['flag'],
  'fail-with-body': ['flag'],
  silent: ['flag', 's'],
  'show-error': ['flag', 'S'],
  verbose: ['flag', 'v'],
  'progress-bar': ['flag', '#'],
  'no-progress-meter': ['flag'],
  'no-buffer': ['flag', 'N'],
  raw: ['flag'],
  'suppress-connect-headers': ['flag'],
  // Redirects and further attempts
  location: ['flag', 'L'],
  'max-redirs': ['value'],
  post301: ['flag'],
  post302: ['flag'],
  post303: ['flag'],
  retry: ['value'],
  'retry-all-errors': ['flag'],
  'retry-connrefused': ['flag'],
  'retry-delay': ['value'],
  'retry-max-time': ['value'],
  // Limits
  'connect-timeout': ['value'],
  'max-time': ['value', 'm'],
  'max-filesize': ['value'],
  'limit-rate': ['value'],
  'speed-limit': ['value', 'Y'],
  'speed-time': ['value', 'y'],
  // The connection
  ipv4: ['flag', '4'],
  ipv6: ['flag', '6'],
  'http1.0': ['flag', '0'],
  'http1.1': ['flag'],
  http2: ['flag'],
  'http2-prior-knowledge': ['flag'],
  http3: ['flag'],
  'happy-eyeballs-timeout-ms': ['value'],
  interface: ['value'],
  'local-port': ['value'],
  'keepalive-time': ['value'],
  'no-keepalive': ['flag'],
  'tcp-nodelay': ['flag'],
  'connect-to': ['diverts'],
  resolve: ['diverts'],
  'unix-socket': ['diverts'],
  proxy: ['diverts', 'x'],
  preproxy: ['diverts'],
  socks4: ['diverts'],
  socks4a: ['diverts'],
  socks5: ['diverts'],
  'socks5-hostname': ['diverts'],
  'proxy-user': ['value', 'U'],
  'proxy-cacert': ['value'],
  proxytunnel: ['flag', 'p'],
  noproxy: ['value'],
  // TLS
  insecure: ['flag', 'k'],
  cacert: ['value'],
  capath: ['value'],
  crlfile: ['value'],
  cert: ['value', 'E'],
  'cert-type': ['value'],
  key: ['value'],
  'key-type': ['value'],
  pass: ['value'],
  pinnedpubkey: ['value'],
  'cert-status': ['flag'],
  ciphers: ['value'],
  'tls13-ciphers': ['value'],
  curves: ['value'],
  tlsv1: ['flag', '1'],
  'tlsv1.0': ['flag'],
  'tlsv1.1': ['flag'],
  'tlsv1.2': ['flag'],
  'tlsv1.3': ['flag'],
  'tls-max': ['value'],
};

export const takesValue = (kind: CurlOption): boolean => kind !== 'flag';

/** Why one of the others is refused, where there is something to be said. */
export const WHY_NOT: Readonly<Record<string, string>> = {
  user: 'the login says who asks',
  netrc: 'the login says who asks',
  'netrc-file': 'the login says who asks',
  'netrc-optional': 'the login says who asks',
  'oauth2-bearer': 'the login says who asks',
  url: 'one address at a time',
  next: 'one address at a time',
  parallel: 'one address at a time',
  config: 'what is in a file is not looked into; write it out here',
  'location-trusted': 'it gives the token to every host; --location gives it to none but yours',
  'proto-redir': 'a redirect goes to https',
  proto: 'a token is sent by https',
  trace: 'it writes the token down; --verbose does not',
  'trace-ascii': 'it writes the token down; --verbose does not',
  libcurl: 'it writes the token down',
  stderr: 'redirect it in the shell: 2>FILE',
};

export const SHORT_NAMES: ReadonlyMap<string, string> = new Map([
  ...Object.entries(CURL_OPTIONS).flatMap(([name, [, short]]) =>
    short === undefined ? [] : [[short, name] as const],
  ),
  // For a message.
  ...([
    ['u', 'user'],
    ['n', 'netrc'],
    [':', 'next'],
    ['Z', 'parallel'],
    ['K', 'config'],
  ] as const),
]);
