import type { RequestListener } from 'node:http';
import { OIDC_CLIENTS, REDIRECT_URI } from './oidc-clients.ts';

export interface ProviderSetup {
  /** Besides those of {@link OIDC_CLIENTS}. */
  readonly clients?: readonly object[] | undefined;
  readonly features?: object | undefined;
  readonly scopes?: readonly string[] | undefined;
  /** Everything else. */
  readonly more?: object | undefined;
}

export const createProvider = (
  issuer: string,
  accessTokenLifetime: number,
  { clients = [], features = {}, scopes = [], more = {} }: ProviderSetup = {},
): Promise<Provider> =>
  quietly(async () => {
    // @ts-expect-error the package ships no types
    const { default: OidcProvider } = await import('oidc-provider');
    return new OidcProvider(issuer, {
      clients: [
        ...Object.entries(OIDC_CLIENTS).map(([method, { clientId, clientSecret }]) => ({
          client_id: clientId,
          ...(clientSecret !== undefined && { client_secret: clientSecret }),
          token_endpoint_auth_method: method,
          application_type: 'native',
          redirect_uris: [REDIRECT_URI],
          grant_types: ['authorization_code', 'refresh_token'],
          response_types: ['code'],
        })),
        ...clients,
      ],
      scopes: ['openid', 'offline_access', ...scopes],
      findAccount: (_: unknown, id: string) => ({
        accountId: id,
        claims: () => ({ sub: id }),
      }),
      rotateRefreshToken: true,
      issueRefreshToken: () => true,
      pkce: { required: () => true },
      features: {
        devInteractions: { enabled: true },
        revocation: { enabled: true, allowedPolicy: ofTheClient },
        ...features,
      },
      renderError: (context: { body: unknown }, answer: object) => {
        context.body = JSON.stringify(answer);
      },
      cookies: { keys: ['only for tests'] },
      ttl: {
        AccessToken: accessTokenLifetime,
        AuthorizationCode: 60,
        Grant: 3600,
        IdToken: 3600,
        Interaction: 60,
        RefreshToken: 3600,
        Session: 3600,
        DeviceCode: 60,
        ClientCredentials: accessTokenLifetime,
      },
      ...more,
    });
  });

/** RFC 7009 section 2.1. */
const ofTheClient = (
  _: unknown,
  client: { clientId: string },
  token: { clientId: string },
): boolean => client.clientId === token.clientId;

/** Its advice on production use (in-memory state, development keys, Node.js version) is no use here. */
const quietly = async <Result>(run: () => Promise<Result>): Promise<Result> => {
  const { warn, info } = console;
  console.warn = () => {};
  console.info = () => {};
  try {
    return await run();
  } finally {
    Object.assign(console, { warn, info });
  }
};

/** The part of oidc-provider that is used here; the package ships no types. */
export interface Provider {
  use(middleware: (context: KoaContext, next: () => Promise<void>) => Promise<void>): void;
  callback(): RequestListener;
  readonly RefreshToken: TokenModel;
  readonly AccessToken: TokenModel;
  readonly Grant: { find(id: string): Promise<{ destroy(): Promise<void> } | undefined> };
}

interface TokenModel {
  find(
    value: string,
    options: { ignoreExpiration: boolean },
  ): Promise<{ grantId: string } | undefined>;
  revokeByGrantId(grantId: string): Promise<void>;
}

export interface KoaContext {
  readonly path: string;
  readonly method: string;
  readonly status: number;
  readonly body: unknown;
  readonly oidc?: {
    readonly body?: Readonly<Record<string, string>>;
    readonly client?: { readonly clientId: string };
  };
}
