import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { findLeaks, type Seen } from '../support/leaks.ts';
import { createSharedLogin, type SharedLogin } from '../support/login.ts';
import { need } from '../support/need.ts';
import { LAUNCHED, type Result } from '../support/tokenctl.ts';
import { canWitness, contentOf, pathsBelow, witness } from '../support/witness.ts';

const CLIENT_SECRET = 'Cs9-odd/secret+with=all&of it%20"it\\';
const CLIENT_ID = 'the client';
const CREDENTIALS = [CLIENT_ID, CLIENT_SECRET]
  .map((half) => new URLSearchParams({ v: half }).toString().slice(2))
  .join(':');
const BASIC = Buffer.from(CREDENTIALS).toString('base64');
/** Given by users where it does not belong. */
const STRAY = 'Stray7f3k0Pq8sLwZx2Vn5Bm1Yt6Ur4Ei9Oa';
const part = (json: object) => Buffer.from(JSON.stringify(json)).toString('base64url');
const idToken = (lifetime: number) =>
  `${part({ alg: 'RS256' })}.${part({ aud: CLIENT_ID, exp: Math.floor(Date.now() / 1000) + lifetime, jti: 'an-id-token-of-one' })}.c2lnbmF0dXJlLW9mLWl0`;

/** What Node.js and its packages say if they are asked, whether we are or not. */
const TALKATIVE = {
  NODE_DEBUG: 'http,https,net,tls,fetch,undici,child_process',
  DEBUG: '*',
};
const DEBUG = { TOKENCTL_DEBUG: '1' };

interface Stage extends SharedLogin {
  /** A new grant under the name `work`, and its tokens. */
  signIn(lifetime?: number, more?: object): Promise<Record<string, unknown>>;
  readonly temp: string;
  secrets(): string[];
  /** Also a secret from now on. */
  plant(secret: string): string;
}

interface Scenario {
  readonly what: string;
  readonly args: readonly string[];
  readonly code: number | readonly (number | null)[];
  readonly before?: (stage: Stage) => Promise<unknown>;
  /** Arguments that are only known then. */
  readonly more?: (stage: Stage) => readonly string[];
  readonly input?: (stage: Stage) => string;
  readonly env?: (stage: Stage) => NodeJS.ProcessEnv;
  /** Sent when the token endpoint has been reached. */
  readonly signal?: NodeJS.Signals;
  /** A report by Node.js is found afterwards. */
  readonly leavesReport?: true;
  /** The one token that belongs on stdout is what stands there. */
  readonly prints?: (stdout: string) => string;
  /** That one is in the environment of a program, too. */
  readonly handsOver?: true;
}

const plain = (stdout: string) => stdout.trim();
const signedIn = (lifetime?: number) => (stage: Stage) => stage.signIn(lifetime);
const expired = signedIn(0);

/** Answers with an error that repeats everything it was sent, whole and cut short. */
const echoing = (status: number, code: string) => async (stage: Stage) => {
  const { refresh_token, access_token } = await stage.signIn(0);
  const refreshToken = String(refresh_token);
  const echo = [refreshToken, `${refreshToken.slice(0, 20)}…`, access_token, `Basic ${BASIC}`];
  const description = [...echo, CLIENT_SECRET, CREDENTIALS].join(' and ');
  const body = { error: code, error_description: description, access_token: refreshToken };
  stage.server.setFault({ kind: 'status', status, body });
};

const faulty =
  (fault: Parameters<SharedLogin['server']['setFault']>[0]) =>
  async (stage: Stage): Promise<void> => {
    await stage.signIn(0);
    stage.server.setFault(fault);
  };

/** Something is in the way of the lock. */
const unlockable = async (stage: Stage): Promise<void> => {
  await stage.signIn(0);
  writeFileSync(join(stage.home, 'credentials/work.lock'), 'x');
};

const damaged = async (stage: Stage): Promise<void> => {
  await stage.signIn(0);
  const record = contentOf(stage.recordPath('work'));
  writeFileSync(stage.recordPath('work'), record.replace('"token_type":', '"token_type":7,"x":'));
};

/** The record says that it was written on another machine. */
const copied = async (stage: Stage): Promise<void> => {
  await stage.signIn(0);
  const record = contentOf(stage.recordPath('work'));
  const elsewhere = record.replace(/"directory":"[^"]*"/, '"directory":"/elsewhere"');
  writeFileSync(stage.recordPath('work'), elsewhere.replace(/"anchor":"./, '"anchor":"-'));
};

const tokens = (stage: Stage, more: object = {}) =>
  JSON.stringify({
    ...stage.server.grant(),
    token_endpoint: stage.server.tokenEndpoint,
    client_id: CLIENT_ID,
    client_secret: CLIENT_SECRET,
    ...more,
  });

const accessToken = async (stage: Stage): Promise<string> =>
  String((await stage.signIn()).access_token);

let given = '';
const holding = async (stage: Stage): Promise<void> => {
  given = await accessToken(stage);
};

const CODE = 'Code5-of-an-authorization-7Hq2LmX';
const MACHINE = ['ci', '--client-credentials', '--client-id', CLIENT_ID];
const PERSON = ['work', '--client-id', 'person', '--authorization-endpoint', 'http://127.0.0.1:9/'];

const atStage = ({ server }: Stage) => ['--token-endpoint', server.tokenEndpoint];

/** A file beside the home, where a person may keep a secret. */
const kept = ({ home }: Stage, name: string, content: string): string => {
  const path = join(home, '..', name);
  writeFileSync(path, content);
  return path;
};

/** A browser that comes back with a code at once. */
const browserOf = (stage: Stage): string => {
  const backwards = [...stage.plant(CODE)].reverse().join('');
  const script = kept(
    stage,
    'browser.cjs',
    `const asked = new URL(process.argv[2]).searchParams;
    const url = new URL(asked.get('redirect_uri'));
    url.search = new URLSearchParams({ code: [...'${backwards}'].reverse().join(''), state: asked.get('state') });
    require('http').get(url);`,
  );
  return `${process.execPath} ${script}`;
};

/** The token endpoint grants whatever is asked. */
const granting = async (stage: Stage): Promise<void> => {
  const { refresh_token, access_token } = stage.server.grant();
  const body = { refresh_token, access_token, token_type: 'Bearer', expires_in: 60 };
  stage.server.setFault({ kind: 'status', status: 200, body });
};

const privateKeyFile = (stage: Stage): string => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  stage.plant(String(privateKey.export({ format: 'jwk' }).d));
  return kept(stage, 'key.pem', String(privateKey.export({ format: 'pem', type: 'pkcs8' })));
};

/** By command; each line in --help needs its scenarios here, and so does each option. */
const SCENARIOS: Readonly<Record<string, readonly Scenario[]>> = {
  get: [
    { what: 'a fresh token', args: ['work'], code: 0, before: signedIn(), prints: plain },
    { what: 'a renewed one', args: ['work'], code: 0, before: expired, prints: plain },
    {
      what: 'as JSON',
      args: ['work', '--json', '--force'],
      code: 0,
      before: signedIn(),
      prints: (stdout) => JSON.parse(stdout).access_token,
    },
    {
      what: 'as a header',
      args: ['work', '--header', '--min-ttl', '10d'],
      code: 0,
      before: signedIn(),
      prints: (stdout) => stdout.trim().replace('Authorization: Bearer ', ''),
    },
    {
      what: 'an id token',
      args: ['work', '--id-token'],
      code: 0,
      before: (stage) => stage.signIn(3600, { id_token: stage.plant(idToken(3600)) }),
      prints: plain,
    },
    {
      what: 'an id token that is over',
      args: ['work', '--id-token'],
      code: 6,
      before: (stage) => stage.signIn(3600, { id_token: stage.plant(idToken(-60)) }),
    },
    {
      what: 'after a 401',
      args: ['work', '--rejected', '-'],
      code: 0,
      before: holding,
      input: () => given,
      prints: plain,
    },
    {
      what: 'after a 401 that cannot be helped',
      args: ['work', '--rejected', '-'],
      code: 5,
      before: async (stage) => {
        await holding(stage);
        await stage.server.goOffline();
      },
      input: () => given,
    },
    {
      what: 'a dead token, echoed',
      args: ['work'],
      code: 4,
      before: echoing(400, 'invalid_grant'),
    },
    {
      what: 'a wrong client, echoed',
      args: ['work'],
      code: 6,
      before: echoing(401, 'invalid_client'),
    },
    { what: 'an outage, echoed', args: ['work'], code: 5, before: echoing(503, 'unavailable') },
    {
      what: 'success and echo',
      args: ['work', '--json'],
      code: [4],
      before: echoing(200, 'invalid_grant'),
    },
    {
      what: 'no connection',
      args: ['work', '--timeout', '1s'],
      code: 5,
      before: async (stage) => {
        await stage.signIn(0);
        await stage.server.goOffline();
      },
    },
    { what: 'a web page', args: ['work'], code: 5, before: faulty({ kind: 'html' }) },
    {
      what: 'a redirect',
      args: ['work'],
      code: 5,
      before: faulty({ kind: 'redirect', location: 'http://127.0.0.1:1/' }),
    },
    {
      what: 'half an answer',
      args: ['work', '--timeout', '2s'],
      code: [0, 4, 5],
      before: faulty({ kind: 'reset', after: 'half-answer', times: 2 }),
      prints: plain,
    },
    {
      what: 'a token that breaks lines',
      args: ['work'],
      code: 6,
      before: faulty({
        kind: 'rewrite',
        edit: (json) => ({ ...json, access_token: `${STRAY}\nX` }),
      }),
    },
    {
      what: 'a token of another type',
      args: ['work', '--header'],
      code: 6,
      before: faulty({
        kind: 'rewrite',
        edit: (json) => ({ ...json, token_type: json.access_token }),
      }),
    },
    {
      what: 'an id token of another client',
      args: ['work'],
      code: 0,
      before: faulty({
        kind: 'rewrite',
        edit: (json) => ({ ...json, id_token: `${STRAY}.e30.x` }),
      }),
      prints: plain,
    },
    {
      what: 'bytes that are no HTTP',
      args: ['work', '--timeout', '2s'],
      code: 5,
      before: faulty({ kind: 'raw', body: STRAY, headers: { 'content-length': '9999' } }),
    },
    {
      what: 'renewed with an encrypted refresh token',
      args: ['work'],
      code: 0,
      before: encrypted(0),
      env: passphrase,
      prints: plain,
    },
    {
      what: 'renewed, and the passphrase is wrong',
      args: ['work'],
      code: 6,
      before: encrypted(0),
      env: () => ({ TOKENCTL_KEY_COMMAND: 'echo another' }),
    },
    {
      what: 'another token, for less',
      args: ['work', '--scope', 'read'],
      code: 0,
      before: signedIn(),
      prints: plain,
    },
    {
      what: 'another token, refused and echoed',
      args: ['work', '--resource', 'https://api.example.com/'],
      code: 6,
      before: echoing(400, 'invalid_target'),
    },
    { what: 'a token for --scope', args: ['work', '--scope', `${STRAY}\n`], code: 2 },
    { what: 'a token for --resource', args: ['work', '--resource', STRAY], code: 2 },
    {
      what: 'nobody to sign in',
      args: ['work', '--login'],
      code: 4,
      before: echoing(400, 'invalid_grant'),
    },
    { what: 'nothing renewed', args: ['work', '--no-refresh'], code: 5, before: expired },
    { what: 'no room for a lock', args: ['work'], code: 6, before: unlockable },
    { what: 'a damaged record', args: ['work'], code: 6, before: damaged },
    {
      what: 'an unusable proxy with a password',
      args: ['work'],
      code: 6,
      before: expired,
      env: () => ({
        http_proxy: `socks5://user:${encodeURIComponent('p4ss-of-proxy')}@127.0.0.1:1`,
      }),
    },
    {
      what: 'a proxy that refuses its password',
      args: ['work', '--timeout', '1s'],
      code: 5,
      before: expired,
      env: () => ({ http_proxy: 'http://user:p4ss-of-proxy@127.0.0.1:1' }),
    },
    { what: 'no such login', args: ['nobody'], code: 3 },
    { what: 'a token for a name', args: [STRAY], code: 3 },
    { what: 'a long one', args: [`${STRAY}${STRAY}`], code: 2 },
    { what: 'a token too many', args: ['work', STRAY], code: 2 },
    { what: 'a token for a duration', args: ['work', '--timeout', STRAY], code: 2 },
    { what: 'a token for --rejected', args: ['work', '--rejected', STRAY], code: 2 },
    { what: 'a token for an option', args: ['work', `--token=${STRAY}`], code: 2 },
    { what: 'a token glued to an option', args: ['work', `--json=${STRAY}`, '--json'], code: 2 },
    { what: 'interrupted', args: ['work'], code: [130, null], before: slow, signal: 'SIGINT' },
    { what: 'terminated', args: ['work'], code: [143, null], before: slow, signal: 'SIGTERM' },
    { what: 'killed', args: ['work'], code: [137, null], before: slow, signal: 'SIGKILL' },
    {
      what: 'a report asked for in the middle of it',
      args: ['work'],
      code: 0,
      before: slow,
      signal: 'SIGUSR2',
      leavesReport: true,
      env: ({ temp }) => ({ NODE_OPTIONS: `--report-on-signal --report-directory=${temp}` }),
      prints: plain,
    },
    {
      what: 'an exception that nobody catches in the middle of it',
      args: ['work'],
      code: 1,
      before: slow,
      signal: 'SIGUSR2',
      env: (stage) => ({
        NODE_OPTIONS: `--report-uncaught-exception --report-directory=${stage.temp} --require=${onSignal(stage, 'throw Object.assign(new Error("of a test"), { rawPacket: Buffer.from(refreshToken), refreshToken })')}`,
      }),
    },
    {
      what: 'no memory left in the middle of it',
      args: ['work'],
      code: [134, null],
      before: slow,
      signal: 'SIGUSR2',
      leavesReport: true,
      env: (stage) => ({
        NODE_OPTIONS: `--max-old-space-size=32 --report-on-fatalerror --report-directory=${stage.temp} --require=${onSignal(stage, 'for (const all = [];;) all.push(new Array(9999).fill(all.length))')}`,
      }),
    },
  ],
  login: [
    {
      what: 'as a machine',
      args: [...MACHINE, '--client-secret-stdin', '--host', 'api.example.com', '--json'],
      more: atStage,
      input: () => `${CLIENT_SECRET}\n`,
      code: 0,
    },
    {
      what: 'as a machine whose secret is kept encrypted',
      args: [...MACHINE, '--client-secret-stdin', '--store', 'encrypted'],
      more: atStage,
      input: () => `${CLIENT_SECRET}\n`,
      code: 0,
      env: passphrase,
    },
    {
      what: 'as a machine again, by the secret that is kept encrypted',
      args: ['ci'],
      before: machineEncrypted,
      code: 0,
      env: passphrase,
    },
    {
      what: 'as a machine again, where that cannot be opened',
      args: ['ci', '--timeout', '5s'],
      before: machineEncrypted,
      code: 6,
    },
    {
      what: 'as a machine whose secret is in a file, refused and echoed',
      args: [...MACHINE, '--auth-method', 'client_secret_post', '--timeout', '5s'],
      before: async (stage) =>
        stage.server.setFault({
          kind: 'status',
          status: 401,
          body: { error: 'invalid_client', error_description: `no ${CLIENT_SECRET} here` },
        }),
      more: (stage) => [
        ...atStage(stage),
        ...['--client-secret-file', kept(stage, 'secret', CLIENT_SECRET)],
      ],
      code: 6,
    },
    {
      what: 'in a browser',
      args: [...PERSON, '--param', 'prompt=consent', '--audience', 'api'],
      before: granting,
      more: (stage) => [...atStage(stage), '--browser', browserOf(stage)],
      code: 0,
    },
    {
      what: 'in a browser, where the server repeats all of it',
      args: [...PERSON, '--replace'],
      before: async (stage) =>
        stage.server.setFault({
          kind: 'status',
          status: 400,
          body: { error: 'invalid_grant', error_description: `no ${stage.plant(CODE)} here` },
        }),
      more: (stage) => [...atStage(stage), '--browser', browserOf(stage)],
      code: 6,
    },
    {
      what: 'nobody comes',
      args: [...PERSON, '--no-browser', '--dpop', '--timeout', '1s', '--scope', 'openid'],
      more: (stage) => [
        ...atStage(stage),
        '--revocation-endpoint',
        stage.server.revocationEndpoint,
      ],
      code: 5,
    },
    {
      what: 'by a signed assertion',
      args: ['ci', '--assertion-key-id', 'k1', '--assertion-issuer', 'robot', '--scope', 'read'],
      more: (stage) => [
        ...atStage(stage),
        ...['--assertion-key', privateKeyFile(stage)],
        ...['--assertion-subject', 'alice', '--assertion-audience', 'https://id.example.com'],
      ],
      code: 6,
    },
    {
      what: 'by a key',
      args: [...MACHINE, '--client-key-id', 'k1', '--resource', 'https://api.example.com'],
      more: (stage) => [...atStage(stage), '--client-key', privateKeyFile(stage)],
      code: 6,
    },
    {
      what: 'by a certificate that is none',
      args: [...MACHINE, '--auth-method', 'tls_client_auth'],
      more: (stage) => [
        ...atStage(stage),
        ...['--client-certificate', kept(stage, 'cert', stage.plant('Cert-that-is-none-81726'))],
        ...[
          '--client-certificate-key',
          kept(stage, 'key', stage.plant('Key-that-is-none-5647382')),
        ],
      ],
      code: 6,
    },
    {
      what: 'a device that cannot be asked for',
      args: ['work', '--device', '--client-id', 'x', '--timeout', '5s'],
      more: (stage) => [
        ...atStage(stage),
        ...['--device-authorization-endpoint', 'http://127.0.0.1:1/device'],
      ],
      code: 5,
    },
    {
      what: 'no server there',
      args: ['work', '--issuer', 'http://127.0.0.1:1', '--par', '--var', 'host=x'],
      code: 5,
    },
    {
      what: 'a secret typed in without a terminal',
      args: [...MACHINE, '--client-secret-prompt'],
      code: 2,
    },
    ...[
      ...['--provider', '--issuer', '--param', '--var', '--port', '--auth-method', '--timeout'],
      '--store',
    ].map((option) => ({ what: `a token for ${option}`, args: ['work', option, STRAY], code: 2 })),
    ...['--client-secret-file', '--client-key', '--redirect-uri', '--resource'].map((option) => ({
      what: `a token for ${option}`,
      args: ['work', option, STRAY, '--issuer', 'http://127.0.0.1:1', '--client-id', 'x'],
      code: [2, 5],
    })),
    { what: 'a token for a name', args: [STRAY], code: 2 },
  ],
  import: [
    { what: 'taken over', args: ['work'], code: 0, input: tokens },
    { what: 'as JSON', args: ['work', '--json', '--timeout', '5s'], code: 0, input: tokens },
    {
      what: 'encrypted',
      args: ['work', '--store', 'encrypted'],
      code: 0,
      input: tokens,
      env: passphrase,
    },
    {
      what: 'where there is no keychain',
      args: ['work', '--store', 'keychain'],
      code: 6,
      input: tokens,
    },
    { what: 'a token for a place', args: ['work', '--store', STRAY], code: 2, input: tokens },
    { what: 'no JSON', args: ['work'], code: 2, input: (stage) => `${tokens(stage)}}` },
    { what: 'a token alone', args: ['work'], code: 2, input: () => STRAY },
    { what: 'a list', args: ['work'], code: 2, input: (stage) => `[${tokens(stage)}]` },
    {
      what: 'a token that breaks lines',
      args: ['work'],
      code: 2,
      input: (stage) => tokens(stage, { access_token: `${STRAY}\n` }),
    },
    {
      what: 'a token in each wrong place',
      args: ['work', '--json'],
      code: 2,
      input: (stage) =>
        tokens(stage, {
          token_type: `${STRAY} `,
          expires_in: STRAY,
          scope: [STRAY],
          hosts: [STRAY, ''],
        }),
    },
    {
      what: 'an address with a password',
      args: ['work'],
      code: 2,
      input: (stage) => tokens(stage, { token_endpoint: `https://u:${STRAY}@id.example.com/` }),
    },
    {
      what: 'no secret for the method',
      args: ['work'],
      code: 2,
      input: (stage) => tokens(stage, { token_endpoint_auth_method: 'none' }),
    },
    { what: 'no room for a lock', args: ['work'], code: 6, before: unlockable, input: tokens },
    { what: 'over a damaged record', args: ['work'], code: 6, before: damaged, input: tokens },
    { what: 'a token too many', args: ['work', STRAY], code: 2, input: tokens },
    {
      what: 'out of a file of another program',
      args: [
        ...['work', '--from', 'oauth2-token', '-', '--account', 'b', '--host', 'h', '--json'],
        ...['--token-endpoint', 'https://id.example.com/token', '--client-id', CLIENT_ID],
        ...['--provider', 'gitlab'],
      ],
      code: 0,
      input: (stage) =>
        JSON.stringify({ a: JSON.parse(tokens(stage)), b: JSON.parse(tokens(stage)) }),
    },
    {
      what: 'out of one that has a choice',
      args: ['work', '--from', 'oauth2-token'],
      code: 2,
      input: (stage) =>
        JSON.stringify({ a: JSON.parse(tokens(stage)), b: JSON.parse(tokens(stage)) }),
    },
    ...['gh', 'adc', 'oauth2-token', 'msal', 'aws-sso', 'git-credentials'].map((kind) => ({
      what: `out of garbage (${kind})`,
      args: ['work', '--from', kind, '-'],
      code: 2,
      input: () => `${STRAY}: "${STRAY}\n  - ${STRAY}`,
    })),
    { what: 'a token for a kind', args: ['work', '--from', STRAY], code: 2 },
    { what: 'a token for a file', args: ['work', `./${STRAY}`, '--from', 'gh'], code: 2 },
  ],
  status: [
    { what: 'of all', args: [], code: 0, before: signedIn() },
    { what: 'of one, as JSON', args: ['work', '--json'], code: 0, before: signedIn() },
    { what: 'of a damaged one', args: [], code: 0, before: damaged },
    ...[echoing(400, 'invalid_grant'), echoing(401, 'invalid_client'), echoing(503, 'x')].map(
      (echo, nth) => ({
        what: `after a failure that was echoed (${nth})`,
        args: ['work', '--json'],
        code: 0,
        before: async (stage: Stage) => {
          await echo(stage);
          await stage.run(['get', 'work']);
        },
      }),
    ),
    { what: 'of a token', args: [STRAY, '--json'], code: 3 },
  ],
  invalidate: [
    { what: 'whatever is stored', args: ['work'], code: 0, before: signedIn() },
    {
      what: 'this token',
      args: ['work', '--rejected', '-', '--json', '--timeout', '5s'],
      code: 0,
      before: holding,
      input: () => given,
    },
    { what: 'a token given as an argument', args: ['work', '--rejected', STRAY], code: 2 },
    { what: 'a token for a name', args: [STRAY], code: 3 },
    { what: 'no room for a lock', args: ['work'], code: 6, before: unlockable },
  ],
  remove: [
    { what: 'for good', args: ['work', '--yes', '--timeout', '5s'], code: 0, before: signedIn() },
    { what: 'as JSON', args: ['work', '--yes', '--json'], code: 0, before: damaged },
    { what: 'without a yes', args: ['work'], code: 2, before: signedIn() },
    { what: 'a token for a name', args: [STRAY, '--yes'], code: 3 },
    {
      what: 'what a dead process left',
      args: ['work', '--yes'],
      code: 0,
      before: async (stage) => {
        await slow(stage);
        await observed(stage, { what: '', args: ['get', 'work'], code: 0, signal: 'SIGKILL' });
      },
    },
  ],
  logout: [
    { what: 'for good', args: ['work', '--timeout', '5s'], code: 0, before: revocable },
    { what: 'of all, as JSON', args: ['--all', '--json'], code: 0, before: revocable },
    { what: 'here only', args: ['work', '--local'], code: 0, before: damaged },
    { what: 'where that cannot be', args: ['work', '--json'], code: 6, before: signedIn() },
    {
      what: 'refused, echoed',
      args: ['work'],
      code: 6,
      before: revocationEchoing(401, 'invalid_client'),
    },
    { what: 'an outage, echoed', args: ['work'], code: 5, before: revocationEchoing(503, 'x') },
    {
      what: 'no connection',
      args: ['work'],
      code: 5,
      before: async (stage) => {
        await revocable(stage);
        await stage.server.goOffline();
      },
    },
    { what: 'a damaged one', args: ['work'], code: 6, before: damaged },
    { what: 'no room for a lock', args: ['work'], code: 6, before: unlockable },
    { what: 'a token for a name', args: [STRAY], code: 3 },
  ],
  store: [
    {
      what: 'encrypted',
      args: ['work', '--to', 'encrypted', '--timeout', '5s', '--json'],
      code: 0,
      before: signedIn(),
      env: passphrase,
    },
    {
      what: 'back into the file',
      args: ['work', '--to', 'file'],
      code: 0,
      before: encrypted(3600),
      env: passphrase,
    },
    {
      what: 'with another passphrase',
      args: ['work', '--to', 'file'],
      code: 6,
      before: encrypted(3600),
      env: () => ({ TOKENCTL_KEY_COMMAND: 'echo another' }),
    },
    {
      what: 'where there is no keychain',
      args: ['work', '--to', 'keychain'],
      code: 6,
      before: signedIn(),
    },
    { what: 'a token for a place', args: ['work', '--to', STRAY], code: 2 },
    { what: 'a token for a name', args: [STRAY, '--to', 'file'], code: 3 },
    { what: 'nowhere', args: ['work'], code: 2, before: signedIn() },
    { what: 'a damaged one', args: ['work', '--to', 'file'], code: 6, before: damaged },
  ],
  adopt: [
    { what: 'a copy', args: ['work', '--timeout', '5s'], code: 0, before: copied },
    { what: 'every copy', args: ['--all', '--json'], code: 0, before: copied },
    { what: 'what is at home', args: ['work'], code: 0, before: signedIn() },
    { what: 'a damaged one', args: ['work', '--json'], code: 6, before: damaged },
    { what: 'no room for a lock', args: ['work'], code: 6, before: unlockable },
    { what: 'a token for a name', args: [STRAY], code: 3 },
  ],
  providers: [
    { what: 'all', args: [], code: 0 },
    { what: 'one, as JSON', args: ['github', '--json'], code: 0 },
    { what: 'a token for a name', args: [STRAY], code: 2 },
    {
      what: 'a secret in the wrong place of the configuration',
      args: [],
      code: 6,
      before: (stage) =>
        configured(
          stage,
          `[providers.a]\ntoken_endpoint = "https://x/t"\nclient_secret = "${STRAY}"`,
        ),
    },
    {
      what: 'a secret that breaks the configuration',
      args: ['--json'],
      code: 6,
      before: (stage) => configured(stage, `[providers.a]\nclient_secret = ${STRAY}`),
    },
  ],
  hosts: [
    {
      what: 'added',
      args: ['work', 'add', 'git.example.com', 'alice@git.example.com/acme', '--json'],
      code: 0,
      before: signedIn(),
    },
    { what: 'removed', args: ['work', 'remove', 'git.example.com'], code: 0, before: signedIn() },
    {
      what: 'a token for a host',
      args: ['work', 'add', `${STRAY}\n`, '--timeout', '1s'],
      code: 2,
      before: signedIn(),
    },
    { what: 'a token for what to do', args: ['work', STRAY], code: 2, before: signedIn() },
    { what: 'no room for a lock', args: ['work', 'add', 'a.example'], code: 6, before: unlockable },
  ],
  exec: [
    {
      what: 'a renewed token in a variable',
      args: ['work', '--env', 'TOKEN', '--', 'printenv', 'TOKEN'],
      code: 0,
      before: expired,
      prints: plain,
      handsOver: true,
    },
    {
      what: 'a token in a file',
      args: ['work', '--file', 'F', '--min-ttl', '1m', '--', 'sh', '-c', 'sleep 0.2; cat "$F"'],
      code: 0,
      before: signedIn(),
      prints: plain,
    },
    {
      what: 'a dead login, echoed',
      args: ['work', '--json', '--env', 'TOKEN', '--timeout', '5s', '--', 'true'],
      code: 125,
      before: echoing(400, 'invalid_grant'),
    },
    {
      what: 'a token in the place of the program',
      args: ['work', '--env', 'TOKEN', '--', STRAY],
      code: 127,
      before: signedIn(),
    },
    {
      what: 'a token in the place of the variable',
      args: ['work', '--env', `${STRAY}=TOKEN`, '--', 'true'],
      code: 125,
      before: signedIn(),
    },
  ],
  credential: [
    {
      what: 'for git',
      args: ['git', 'get', '--login', 'work'],
      code: 0,
      before: bound(),
      input: () => GIT_REQUEST,
      prints: (stdout) => /^password=(.*)$/m.exec(stdout)?.[1] ?? '',
    },
    {
      what: 'for docker, renewed',
      args: ['docker', 'get'],
      code: 0,
      before: bound(0),
      input: () => 'git.example.com',
      prints: (stdout) => JSON.parse(stdout).Secret,
    },
    {
      what: 'for docker, a dead login, echoed',
      args: ['docker', 'get'],
      code: 1,
      before: async (stage) => {
        await echoing(400, 'invalid_grant')(stage);
        await stage.run(['hosts', 'work', 'add', 'git.example.com']);
      },
      input: () => 'git.example.com',
    },
    {
      what: 'for kubectl, an id token',
      args: ['kubectl', '--id-token'],
      code: 0,
      before: async (stage) => {
        await stage.signIn(3600, { id_token: stage.plant(idToken(3600)) });
        await stage.run(['hosts', 'work', 'add', 'git.example.com']);
      },
      env: () => ({
        KUBERNETES_EXEC_INFO: JSON.stringify({
          apiVersion: 'client.authentication.k8s.io/v1',
          kind: 'ExecCredential',
          spec: { cluster: { server: 'https://git.example.com' } },
        }),
      }),
      prints: (stdout) => JSON.parse(stdout).status.token,
    },
    {
      what: 'a rejected one',
      args: ['git', 'erase'],
      code: 0,
      before: async (stage) => {
        await holding(stage);
        await stage.run(['hosts', 'work', 'add', 'git.example.com']);
      },
      input: () => `${GIT_REQUEST}password=${given}\n`,
    },
    {
      what: 'one that is not ours to store',
      args: ['git', 'store'],
      code: 0,
      before: bound(),
      input: () => `${GIT_REQUEST}username=a\npassword=${STRAY}\n`,
    },
    {
      what: 'one that is not ours to store, for docker',
      args: ['docker', 'store'],
      code: 1,
      input: () => JSON.stringify({ ServerURL: 'x', Username: 'a', Secret: STRAY }),
    },
    {
      what: 'a token in a request that is none',
      args: ['cargo'],
      code: 0,
      input: () => `${STRAY}\n{"v":1,"kind":"get","registry":{"index-url":"${STRAY}"}}\n`,
    },
    {
      what: 'a token for a line of git',
      args: ['git', 'get'],
      code: 2,
      input: () => `protocol=https\n${STRAY}\n`,
    },
    { what: 'a token for a protocol', args: [STRAY], code: 2 },
    { what: 'a token for an operation', args: ['docker', STRAY], code: 1 },
    {
      what: 'a token for a login',
      args: ['git', 'get', '--login', STRAY],
      code: 3,
      input: () => GIT_REQUEST,
    },
  ],
  curl: [
    {
      what: 'a request, and all that is sent',
      args: ['work'],
      more: (stage) => [
        resourceOf(stage),
        ...['--min-ttl', '1s', '--timeout', '5s', '--', '-sSv', '--http1.1'],
      ],
      code: 0,
      before: atHome(3600),
    },
    {
      what: 'with a body from stdin, renewed',
      args: ['work'],
      more: (stage) => [resourceOf(stage), '--', '-d', '@-', '-D', '-'],
      code: 0,
      before: atHome(0),
      input: () => 'x'.repeat(100_000),
    },
    {
      what: 'rejected, and renewed for it',
      args: ['work'],
      more: (stage) => [resourceOf(stage), '--', '-v'],
      code: 0,
      before: async (stage) => {
        await atHome(3600)(stage);
        stage.server.expireAccessTokens();
      },
    },
    {
      what: 'a dead login, echoed',
      args: ['work'],
      more: (stage) => [resourceOf(stage), '--', '-v'],
      code: 125,
      before: async (stage) => {
        await echoing(400, 'invalid_grant')(stage);
        await stage.run(['hosts', 'work', 'add', new URL(resourceOf(stage)).host]);
      },
    },
    {
      what: 'a token for a host',
      args: ['work', `https://${STRAY}`],
      code: 125,
      before: signedIn(),
    },
    { what: 'a token for an address', args: ['work', STRAY], code: 125, before: signedIn() },
    {
      what: 'a token for an option',
      args: ['work', 'https://a.example/', '--', `--${STRAY}`],
      code: 125,
      before: signedIn(),
    },
    {
      what: 'a token for a header',
      args: ['work', 'https://a.example/', '--', '-H', `Authorization: Bearer ${STRAY}`],
      code: 125,
      before: signedIn(),
    },
  ],
  setup: [
    {
      what: 'git, shown only, beside a secret of another',
      args: ['git', '--dry-run', '--host', 'git.example.com', '--login', 'work'],
      code: 0,
      before: bound(),
      env: personWith('.gitconfig', (secret) => `[http]\n\textraHeader = "X: ${secret}"`),
    },
    {
      what: 'docker, in the place of another helper',
      args: ['docker', '--replace', '--json', '--timeout', '5s'],
      code: 0,
      before: bound(),
      env: personWith(
        '.docker/config.json',
        (secret) =>
          `{"auths":{"git.example.com":{"auth":"${secret}"}},"credHelpers":{"git.example.com":"x"}}`,
      ),
    },
    {
      what: 'docker, where a secret is in the place of a helper',
      args: ['docker', '--replace'],
      code: 6,
      before: bound(),
      env: personWith(
        '.docker/config.json',
        (secret) => `{"credHelpers":{"git.example.com":"${secret}+"}}`,
      ),
    },
    {
      what: 'kubectl, beside the token of another',
      args: ['kubectl', '--host', 'git.example.com', '--user', 'me'],
      code: 0,
      before: bound(),
      env: personWith('.kube/config', (secret) => `users: [{name: a, user: {token: ${secret}}}]`),
    },
    {
      what: 'kubectl, a secret in what is no kubeconfig',
      args: ['kubectl', '--host', 'git.example.com'],
      code: 6,
      before: bound(),
      env: personWith('.kube/config', (secret) => `users: {${secret}: [`),
    },
    {
      what: 'cargo, with a registry that is not there yet',
      args: ['cargo', '--registry', 'acme', '--index', 'sparse+https://git.example.com/i/'],
      code: 0,
      before: bound(),
      env: personWith('.cargo/config.toml', (secret) => `[registries.a]\ntoken = "${secret}"`),
    },
    {
      what: 'cargo, a secret in what is no TOML',
      args: ['cargo'],
      code: 6,
      before: bound(),
      env: personWith('.cargo/config.toml', (secret) => `a = ${secret}`),
    },
    { what: 'undone, where nothing was done', args: ['git', '--undo'], code: 0 },
    { what: 'a token for a tool', args: [STRAY], code: 2 },
    { what: 'a token for a host', args: ['git', '--host', `${STRAY}\n`], code: 2 },
    { what: 'a token for an index', args: ['cargo', '--index', STRAY], code: 2, before: bound() },
    { what: 'a token for a login', args: ['git', '--login', STRAY], code: 3 },
  ],
  // Its own tokens are gathered while it runs; see below.
  demo: [],
  help: [
    { what: 'for a command', args: ['get'], code: 0 },
    { what: 'for a token', args: [STRAY], code: 2 },
  ],
};

async function revocable(stage: Stage): Promise<Record<string, unknown>> {
  return stage.signIn(3600, { revocation_endpoint: stage.server.revocationEndpoint });
}

const GIT_REQUEST = 'protocol=https\nhost=git.example.com\n';

function bound(lifetime?: number) {
  return async (stage: Stage): Promise<void> => {
    await stage.signIn(lifetime);
    await stage.run(['hosts', 'work', 'add', 'git.example.com']);
  };
}

/** A home directory with a file in it that holds a secret; nobody but its owner should see that. */
function personWith(name: string, text: (secret: string) => string) {
  return (stage: Stage): NodeJS.ProcessEnv => {
    const person = join(stage.home, '..', 'person');
    mkdirSync(dirname(join(person, name)), { recursive: true });
    writeFileSync(join(person, name), text(stage.plant(SECRET_OF_ANOTHER)));
    return { HOME: person, KUBECONFIG: '', CARGO_HOME: '', DOCKER_CONFIG: '' };
  };
}

const SECRET_OF_ANOTHER = 'So7-kept-by-another-program-Jd93kLs';

/** The revocation endpoint refuses, and repeats everything it was sent. */
function revocationEchoing(status: number, error: string) {
  return async (stage: Stage): Promise<void> => {
    const { refresh_token, access_token } = await revocable(stage);
    const echo = [refresh_token, access_token, `Basic ${BASIC}`, CLIENT_SECRET, CREDENTIALS];
    const body = { error, error_description: echo.join(' and ') };
    stage.server.setFault({ kind: 'status', status, body }, 'revocation');
  };
}

const resourceOf = ({ server }: Stage): string => server.resource;

function atHome(lifetime: number) {
  return async (stage: Stage): Promise<void> => {
    await stage.signIn(lifetime);
    await stage.run(['hosts', 'work', 'add', new URL(resourceOf(stage)).host]);
  };
}

async function configured({ home }: Stage, toml: string): Promise<void> {
  mkdirSync(home, { recursive: true, mode: 0o700 });
  writeFileSync(join(home, 'config.toml'), toml, { mode: 0o600 });
}

const PASSPHRASE = 'Pp5-of-the-encrypted-ones';

/** In a file, and the file's name in a variable. */
function passphrase(stage: Stage): NodeJS.ProcessEnv {
  const path = join(stage.home, '..', 'passphrase');
  writeFileSync(path, `${stage.plant(PASSPHRASE)}\n`, { mode: 0o600 });
  return { TOKENCTL_PASSPHRASE_FILE: path };
}

function encrypted(lifetime: number) {
  return async (stage: Stage): Promise<void> => {
    await stage.signIn(lifetime);
    const { code } = await stage.run(['store', 'work', '--to', 'encrypted'], {
      env: passphrase(stage),
    });
    expect(code).toBe(0);
  };
}

async function machineEncrypted(stage: Stage): Promise<void> {
  const args = ['login', ...MACHINE, '--client-secret-stdin', '--store', 'encrypted'];
  const { code } = await stage.run([...args, ...atStage(stage)], {
    input: CLIENT_SECRET,
    env: passphrase(stage),
  });
  expect(code).toBe(0);
}

/** The server takes its time, and the refresh token is on its way. */
async function slow(stage: Stage): Promise<void> {
  await stage.signIn(0);
  stage.server.configure({ latencyMs: 500 });
}

/** A file for --require: on SIGUSR2 this code runs, with a refresh token at hand. */
function onSignal({ temp, server }: Stage, code: string): string {
  const path = join(temp, 'preload.cjs');
  // This file must not be what is found.
  const backwards = [...(server.everyIssuedSecret().at(-1) ?? '')].reverse().join('');
  const held = `const refreshToken = [...'${backwards}'].reverse().join('')`;
  writeFileSync(path, `process.on('SIGUSR2', () => setImmediate(() => { ${held}; ${code}; }));`);
  return path;
}

async function createStage(): Promise<Stage> {
  const login = await createSharedLogin({
    clients: [
      { clientId: CLIENT_ID, clientSecret: CLIENT_SECRET, authMethod: 'client_secret_basic' },
    ],
  });
  const temp = mkdtempSync(join(tmpdir(), 'tokenctl-leaks-'));
  onTestFinished(() => rmSync(temp, { recursive: true, force: true }));
  const planted = [CLIENT_SECRET, BASIC, STRAY, 'p4ss-of-proxy'];
  const stage: Stage = {
    ...login,
    temp,
    secrets: () => [...planted, ...login.server.everyIssuedSecret()],
    plant: (secret) => {
      planted.push(secret);
      return secret;
    },
    signIn: async (lifetime, more = {}) => {
      const granted = login.server.grant({ lifetime });
      const input = tokens(stage, { ...granted, ...more });
      const { code, stderr } = await login.run(['import', 'work'], { input });
      expect([code, stderr]).toEqual([0, '']);
      return { ...granted };
    },
  };
  return stage;
}

/** Runs it, and tells all that could be seen of it but what went to stdin. */
async function observed(
  stage: Stage,
  { args, input, env, signal }: Scenario,
  debugMode: NodeJS.ProcessEnv = DEBUG,
  command?: readonly string[],
): Promise<{ result: Result; seen: Seen; looks: number }> {
  const running = stage.start(args, {
    command,
    input: input?.(stage) ?? '',
    env: { ...TALKATIVE, ...debugMode, TMPDIR: stage.temp, ...env?.(stage) },
  });
  const subscription = stage.server.onTokenRequest(() => {
    subscription();
    if (signal !== undefined) {
      running.child.kill(signal);
    }
  });
  const { looks, ...testimony } = await witness(
    running.child.pid,
    [stage.home, stage.temp],
    running.result,
  );
  const result = await running.result;
  return { result, looks, seen: { ...testimony, ...filesOf(stage), stderr: result.stderr } };
}

/** All files but credentials (the records and what is about to become one), and what a person wrote. */
function filesOf({ home, temp }: Stage): Seen {
  const isRecord = (path: string) =>
    /\/credentials\/([^/]+\.json|[^/]+\.lock.*\/next\.json[^/]*)$|\/config\.toml$/.test(path);
  const paths = [...pathsBelow(home), ...pathsBelow(temp)].filter((path) => !isRecord(path));
  return Object.fromEntries(paths.map((path) => [path, contentOf(path)]));
}

// What is in the memory of a process is not looked into: who asks for a heap snapshot or profile
// (--heapsnapshot-signal, --heapsnapshot-near-heap-limit, --heap-prof, --inspect), a core dump
// (ulimit -c) or attaches a debugger sees the tokens, which must be somewhere.
describe('nothing that is secret is to be seen anywhere but in its place', () => {
  // Without debug mode a get or exec goes a shorter way, and with the launcher the shortest.
  const ways = { 'in debug mode': DEBUG, plainly: {}, 'by the launcher': {} } as const;
  const all = Object.entries(SCENARIOS).flatMap(([command, scenarios]) =>
    scenarios.flatMap((scenario) =>
      Object.entries(/^(get|exec)$/.test(command) ? ways : { 'in debug mode': DEBUG }).map(
        ([way, debug]) => [command, scenario.what, way, debug, scenario] as const,
      ),
    ),
  );

  test.for(all)('%s: %s (%s)', async ([command, , way, debug, scenario], context) => {
    need(context, canWitness, 'a /proc that shows other processes');
    const stage = await createStage();
    await scenario.before?.(stage);
    const args = [command, ...scenario.args, ...(scenario.more?.(stage) ?? [])];
    const launched = way === 'by the launcher' ? LAUNCHED : undefined;
    const { result, seen, looks } = await observed(stage, { ...scenario, args }, debug, launched);
    expect({ code: result.code, stderr: result.stderr }).toSatisfy(({ code }) =>
      [scenario.code].flat().includes(code),
    );
    // The launcher may be done before anyone can look; what it starts is seen in test/launcher.
    expect(looks).toBeGreaterThan(launched === undefined ? 0 : -1);
    if (result.code === 0 && command !== 'help') {
      expect(result.stderr.includes('tokenctl: debug: ')).toBe(debug === DEBUG);
    }
    const reports = Object.keys(seen).filter((path) => /\/report\.[^/]*\.json$/.test(path));
    expect(reports).toHaveLength(scenario.leavesReport ? 1 : 0);
    const { stdout } = result;
    const printed = stdout === '' ? null : (scenario.prints?.(stdout) ?? null);
    const withheld = stage.secrets().filter((secret) => secret !== printed);
    // What a person gives as an argument is there for all to see; it must not get any further.
    const { arguments: argv = '', environment = '', ...said } = seen;
    const stray = (secret: string) => secret !== STRAY && secret !== 'p4ss-of-proxy';
    expect(findLeaks({ ...said, stdout }, withheld)).toEqual([]);
    expect(findLeaks(said, stage.secrets())).toEqual([]);
    const handed = scenario.handsOver === true ? printed : null;
    const kept = stage.secrets().filter((secret) => stray(secret) && secret !== handed);
    expect(findLeaks({ argv }, stage.secrets().filter(stray))).toEqual([]);
    expect(findLeaks({ environment }, kept)).toEqual([]);
  });
});

test('the demo shows none of the tokens that it makes', async (context) => {
  need(context, canWitness, 'a /proc that shows other processes');
  const stage = await createStage();
  const demo = stage.start(['demo'], { env: { ...TALKATIVE, ...DEBUG, TMPDIR: stage.temp } });
  const found = new Set<string>();
  const gather = setInterval(() => {
    for (const path of pathsBelow(stage.temp)) {
      const json = contentOf(path);
      for (const [, token] of json.matchAll(/"(?:access|refresh)_token":"([^"]+)"/g)) {
        found.add(token ?? '');
      }
    }
  }, 3);
  const { looks, ...testimony } = await witness(demo.child.pid, [stage.temp], demo.result);
  clearInterval(gather);
  const { code, stdout, stderr } = await demo.result;
  expect(code).toBe(0);
  expect(found.size).toBeGreaterThan(4);
  expect(looks).toBeGreaterThan(10);
  expect(pathsBelow(stage.temp)).toEqual([]);
  expect(findLeaks({ ...testimony, stdout, stderr }, [...found])).toEqual([]);
}, 120_000);

describe('this test', () => {
  const optionsIn = (help: string): string[] =>
    [...help.matchAll(/^ {2}(?:-\w, )?(--[\w-]+)/gm)].map(([, option]) => option ?? '');

  test('has a scenario for every command and every option that --help knows', async () => {
    const stage = await createStage();
    const { run } = stage;
    const { stdout } = await run(['--help']);
    const [, list = ''] = /\nCommands:\n((?: {2}.*\n)+)/.exec(stdout) ?? [];
    const commands = [...list.matchAll(/^ {2}([a-z]+)/gm)].map(([, command]) => command ?? '');
    expect(commands).toContain('get');
    expect(commands.toSorted()).toEqual(Object.keys(SCENARIOS).toSorted());
    for (const command of commands.filter((name) => name !== 'help')) {
      const used = (SCENARIOS[command] ?? []).flatMap(({ args, more }) => [
        ...args,
        ...(more?.(stage) ?? []),
      ]);
      const known = optionsIn((await run(['help', command])).stdout).filter(
        (option) => option !== '--help',
      );
      expect([command, known.filter((option) => !used.includes(option))]).toEqual([command, []]);
    }
  });

  test('finds what a careless program does', async (context) => {
    need(context, canWitness, 'a /proc that shows other processes');
    const directory = mkdtempSync(join(tmpdir(), 'tokenctl-leaks-'));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const secret = 'a1b2c3d4e5f60718293a4b5c6d7e8f9001122334';
    const sleeper = `setTimeout(() => {}, 300); process.env.X = '';`;
    mkdirSync(join(directory, `of ${secret}`));
    // A descendant that is not a child, and an argument that is there for a moment.
    const script = `require('child_process').spawn(process.execPath, ['-e', ${JSON.stringify(sleeper)}, '${secret}'], { env: { T: '${secret}' } })`;
    const child = spawn(process.execPath, [
      '-e',
      `eval(Buffer.from('${Buffer.from(script).toString('hex')}', 'hex').toString())`,
    ]);
    const ended = new Promise((resolve) => child.on('close', resolve));
    const { looks: _, ...testimony } = await witness(child.pid, [directory], ended);
    const seen = {
      ...testimony,
      shortened: `token ${secret.slice(0, 9)}…`,
      header: Buffer.from(`id:${secret}`).toString('base64'),
      dump: Buffer.from(secret).toString('hex'),
      list: `[${[...Buffer.from(secret)]}]`,
    };
    const places = findLeaks(seen, [secret]).map((leak) => leak.split(':')[0]);
    expect([...new Set(places)].toSorted()).toEqual(Object.keys(seen).toSorted());
    const odd = {
      json: JSON.stringify([CLIENT_SECRET]),
      form: CREDENTIALS,
      url: encodeURIComponent(CLIENT_SECRET),
    };
    for (const [where, text] of Object.entries(odd)) {
      expect(findLeaks({ [where]: text }, [CLIENT_SECRET])).not.toEqual([]);
    }
    expect(findLeaks({ hash: `00${secret.slice(0, 10)}`, other: 'a1b2c3d' }, [secret])).toEqual([]);
  });
});
