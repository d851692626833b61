import { bad, type Members } from './json-members.ts';
import { secretText } from './kept.ts';
import type { Secret } from './secret.ts';

/**
 * What only some clients need: a grant other than the refresh token, keys. A record that has any of it
 * is refused by versions that would spend its tokens without it (`READER`).
 */
export interface ClientExtras {
  readonly grant: Grant;
  /** Sent with each request for an access token where there is no refresh token: `scope`, `resource` … */
  readonly parameters: NameValues;
  /** The key of `private_key_jwt`, as a JWK. */
  readonly clientKey: Secret | null;
  /** RFC 7523 section 2.1. */
  readonly assertion: { readonly key: Secret; readonly claims: NameValues } | null;
  /** RFC 8705, both as PEM. */
  readonly tls: { readonly certificate: string; readonly key: Secret } | null;
  /** RFC 9449: the key that the tokens are bound to, as a JWK. */
  readonly dpopKey: Secret | null;
}

/** `grant_type` values: how a new access token is got. */
export const GRANTS = [
  'refresh_token',
  'client_credentials',
  'urn:ietf:params:oauth:grant-type:jwt-bearer',
] as const;
export type Grant = (typeof GRANTS)[number];

export type NameValues = readonly (readonly [name: string, value: string])[];

export const NO_EXTRAS: ClientExtras = {
  grant: 'refresh_token',
  parameters: [],
  clientKey: null,
  assertion: null,
  tls: null,
  dpopKey: null,
};

/** How a login was signed in to. Nothing in it is needed to renew. */
export interface SignIn {
  readonly flow: 'code' | 'device' | 'machine';
  readonly authorizationEndpoint: string | null;
  readonly deviceAuthorizationEndpoint: string | null;
  /** As asked for; what was granted is the record's `scope`. */
  readonly scope: string | null;
  readonly parameters: NameValues;
  readonly redirectUri: string | null;
}

type Json = [name: string, value: unknown][];

export const extrasToJson = (extras: ClientExtras | undefined): Json =>
  extras === undefined
    ? []
    : [
        ['grant', extras.grant],
        ['grant_parameters', extras.parameters],
        ['client_key', secretText(extras.clientKey)],
        ['assertion_key', secretText(extras.assertion?.key ?? null)],
        ['assertion_claims', extras.assertion?.claims ?? []],
        ['tls_certificate', extras.tls?.certificate ?? null],
        ['tls_key', secretText(extras.tls?.key ?? null)],
        ['dpop_key', secretText(extras.dpopKey)],
      ];

export const signInToJson = (signIn: SignIn | undefined): Json =>
  signIn === undefined
    ? []
    : [
        [
          'sign_in',
          {
            flow: signIn.flow,
            authorization_endpoint: signIn.authorizationEndpoint,
            device_authorization_endpoint: signIn.deviceAuthorizationEndpoint,
            scope: signIn.scope,
            parameters: signIn.parameters,
            redirect_uri: signIn.redirectUri,
          },
        ],
      ];

export const readExtras = (read: Members): { extras?: ClientExtras } => {
  const grant = read.nullable('grant', (name) => read.oneOf(name, GRANTS));
  const extras = {
    grant: grant ?? 'refresh_token',
    parameters: pairs(read, 'grant_parameters'),
    clientKey: read.secret('client_key'),
    assertion: readAssertion(read),
    tls: readTls(read),
    dpopKey: read.secret('dpop_key'),
  } as const;
  return grant === null ? {} : { extras };
};

const readAssertion = (read: Members): ClientExtras['assertion'] => {
  const key = read.secret('assertion_key');
  const claims = pairs(read, 'assertion_claims');
  return key === null ? null : { key, claims };
};

const readTls = (read: Members): ClientExtras['tls'] => {
  const certificate = read.nullable('tls_certificate', (name) => read.string(name));
  const key = read.secret('tls_key');
  return certificate === null || key === null ? null : { certificate, key };
};

export const readSignIn = (record: Members): { signIn?: SignIn } => {
  const read = record.object('sign_in');
  if (read === null) {
    return {};
  }
  const optional = (name: string) => read.nullable(name, () => read.string(name));
  return {
    signIn: {
      flow: read.oneOf('flow', ['code', 'device', 'machine'] as const),
      authorizationEndpoint: read.nullable('authorization_endpoint', (name) => read.url(name)),
      deviceAuthorizationEndpoint: read.nullable('device_authorization_endpoint', (name) =>
        read.url(name),
      ),
      scope: optional('scope'),
      parameters: pairs(read, 'parameters'),
      redirectUri: optional('redirect_uri'),
    },
  };
};

const pairs = (read: Members, name: string): NameValues => {
  const value = read.take(name) ?? [];
  return Array.isArray(value) && value.every(isPair)
    ? value
    : bad(`${name} is not a list of names and values`);
};

const isPair = (value: unknown): value is [string, string] =>
  Array.isArray(value) && value.length === 2 && value.every((item) => typeof item === 'string');
