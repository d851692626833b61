import { readFile } from 'node:fs/promises';
import { AUTH_METHODS, type AuthMethod, KEY_AUTH_METHODS } from '../credential.ts';
import { errnoOf, TokenctlError } from '../errors.ts';
import { requireHostBinding } from '../hosts/binding.ts';
import type { ClientSecrets, LoginRequest } from '../login/settings.ts';
import { Secret } from '../secret.ts';
import { askHidden } from './ask-hidden.ts';
import { parseDuration } from './duration.ts';
import { readStdin } from './io.ts';
import { parsePlace } from './place.ts';

/** The options of `login`, as commander gives them. */
export interface LoginArguments {
  provider?: string;
  var?: string[];
  issuer?: string;
  authorizationEndpoint?: string;
  tokenEndpoint?: string;
  deviceAuthorizationEndpoint?: string;
  revocationEndpoint?: string;
  clientId?: string;
  clientSecretStdin?: true;
  clientSecretFile?: string;
  clientSecretPrompt?: true;
  authMethod?: string;
  clientKey?: string;
  clientKeyId?: string;
  clientCertificate?: string;
  clientCertificateKey?: string;
  scope?: string;
  resource?: string[];
  audience?: string;
  param?: string[];
  host?: string[];
  device?: true;
  clientCredentials?: true;
  assertionKey?: string;
  assertionKeyId?: string;
  assertionIssuer?: string;
  assertionSubject?: string;
  assertionAudience?: string;
  redirectUri?: string;
  port?: string;
  browser?: string | boolean;
  par?: true;
  dpop?: true;
  replace?: true;
  store?: string;
  json?: true;
  timeout: string;
}

/** What was said, with what was in the files and on stdin. @throws {TokenctlError} `usage`, `refused` */
export const loginRequest = async (options: LoginArguments): Promise<LoginRequest> => {
  const place = options.store === undefined ? undefined : parsePlace(options.store, '--store');
  const { issuer, provider, clientId, scope, audience, redirectUri } = options;
  const machine = options.clientCredentials || options.assertionKey !== undefined;
  requireOneWay(options);
  return {
    provider,
    place,
    variables: Object.fromEntries(options.var?.map((each) => pairOf('--var', each)) ?? []),
    issuer,
    authorizationEndpoint: options.authorizationEndpoint,
    tokenEndpoint: options.tokenEndpoint,
    deviceAuthorizationEndpoint: options.deviceAuthorizationEndpoint,
    revocationEndpoint: options.revocationEndpoint,
    clientId,
    client: await clientSecrets(options),
    scope,
    resources: options.resource?.map((each) => requireResource(each)) ?? [],
    audience,
    parameters: options.param?.map((each) => pairOf('--param', each)) ?? [],
    hosts: options.host?.map(requireHostBinding),
    flow: machine
      ? 'machine'
      : options.device
        ? 'device'
        : wantsBrowser(options)
          ? 'code'
          : undefined,
    assertion: await assertionOf(options),
    redirectUri,
    port: options.port === undefined ? undefined : portOf(options.port),
    browser:
      options.browser === false
        ? null
        : typeof options.browser === 'string'
          ? options.browser
          : undefined,
    par: options.par ?? false,
    dpop: options.dpop ?? false,
    replace: options.replace ?? false,
    timeoutMs: parseDuration(options.timeout, '--timeout'),
  };
};

const wantsBrowser = ({ browser, redirectUri, port }: LoginArguments): boolean =>
  browser !== undefined || redirectUri !== undefined || port !== undefined;

const requireOneWay = (options: LoginArguments): void => {
  const { device, clientCredentials, assertionKey } = options;
  const ways = [
    device && '--device',
    clientCredentials && '--client-credentials',
    assertionKey !== undefined && '--assertion-key',
    wantsBrowser(options) && '--browser, --no-browser, --port, --redirect-uri',
  ].filter((way) => typeof way === 'string');
  if (ways.length > 1) {
    throw new TokenctlError('usage', `${ways.join(' and ')} exclude each other`);
  }
};

const clientSecrets = async (options: LoginArguments): Promise<ClientSecrets> => {
  const secret = await clientSecret(options);
  const key = await keyIn('--client-key', options.clientKey, options.clientKeyId);
  const tls = await tlsOf(options);
  return {
    ...(secret === null ? {} : { clientSecret: secret }),
    ...(key === null ? {} : { clientKey: key }),
    ...(tls === null ? {} : { tls }),
    ...(options.authMethod === undefined ? {} : { authMethod: methodOf(options.authMethod) }),
  };
};

/** Never an argument: everybody on the machine can read those. */
const clientSecret = async (options: LoginArguments): Promise<Secret | null> => {
  const { clientSecretStdin, clientSecretFile, clientSecretPrompt } = options;
  if ([clientSecretStdin, clientSecretFile, clientSecretPrompt].filter(Boolean).length > 1) {
    throw new TokenctlError('usage', 'the client secret can come from one place only');
  }
  const text = clientSecretStdin
    ? await readStdin('Paste the client secret')
    : clientSecretFile !== undefined
      ? await textOf('--client-secret-file', clientSecretFile)
      : clientSecretPrompt
        ? await promptForSecret()
        : null;
  const secret = text?.replace(/\r?\n$/, '') ?? null;
  if (secret === null) {
    return null;
  }
  if (secret === '' || /[\u0000-\u001f\u007f]/.test(secret)) {
    throw new TokenctlError('usage', 'the client secret is empty or has more than one line');
  }
  return new Secret(secret);
};

const promptForSecret = async (): Promise<string> => {
  if (!process.stdin.isTTY) {
    throw new TokenctlError('usage', '--client-secret-prompt needs a terminal', {
      hint: 'use --client-secret-stdin or --client-secret-file FILE',
    });
  }
  try {
    return await askHidden('Client secret (it is not shown): ');
  } catch {
    throw new TokenctlError('usage', 'no client secret was typed');
  }
};

const tlsOf = async ({
  clientCertificate,
  clientCertificateKey,
}: LoginArguments): Promise<{ certificate: string; key: Secret } | null> => {
  if (clientCertificate === undefined && clientCertificateKey === undefined) {
    return null;
  }
  if (clientCertificate === undefined || clientCertificateKey === undefined) {
    throw new TokenctlError(
      'usage',
      '--client-certificate and --client-certificate-key belong together',
    );
  }
  return {
    certificate: await textOf('--client-certificate', clientCertificate),
    key: new Secret(await textOf('--client-certificate-key', clientCertificateKey)),
  };
};

const methodOf = (text: string): AuthMethod => {
  const known = [...AUTH_METHODS, ...KEY_AUTH_METHODS];
  const method = known.find((each) => each === text);
  if (method === undefined) {
    throw new TokenctlError('usage', `--auth-method must be one of ${known.join(', ')}`);
  }
  return method;
};

const assertionOf = async (options: LoginArguments): Promise<LoginRequest['assertion']> => {
  const key = await keyIn('--assertion-key', options.assertionKey, options.assertionKeyId);
  const claims = (
    [
      ['iss', options.assertionIssuer],
      ['sub', options.assertionSubject],
      ['aud', options.assertionAudience],
    ] as const
  ).filter((claim): claim is readonly ['iss' | 'sub' | 'aud', string] => claim[1] !== undefined);
  if (key === null && claims.length > 0) {
    throw new TokenctlError('usage', 'the claims of an assertion need --assertion-key');
  }
  return key === null ? undefined : { key, claims };
};

const keyIn = async (
  option: string,
  path: string | undefined,
  keyId: string | undefined,
): Promise<Secret | null> => {
  if (path === undefined) {
    return null;
  }
  const { readPrivateKey } = await import('../oauth/keys.ts');
  const key = readPrivateKey(await textOf(option, path), keyId ?? null);
  if ('problem' in key) {
    throw new TokenctlError('usage', `${option} is ${key.problem}`);
  }
  return key;
};

const textOf = async (option: string, path: string): Promise<string> => {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new TokenctlError('usage', `the file of ${option} cannot be read (${errnoOf(error)})`);
  }
};

const pairOf = (option: string, text: string): [string, string] => {
  const [, name, value] = /^([A-Za-z0-9._-]+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw new TokenctlError('usage', `${option} takes NAME=VALUE`);
  }
  return [name, value];
};

/** RFC 8707 section 2. */
const requireResource = (text: string): string => {
  if (!URL.canParse(text) || new URL(text).hash !== '') {
    throw new TokenctlError('usage', '--resource takes an absolute URI without a fragment');
  }
  return text;
};

const portOf = (text: string): number => {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65_535) {
    throw new TokenctlError('usage', '--port takes a number from 1 to 65535');
  }
  return port;
};
