/** Nobody listens there: the code is taken from the redirect. */
export const REDIRECT_URI = 'http://127.0.0.1/callback';

/** One client for each method. The secret has characters that the encodings treat differently. */
export const OIDC_CLIENTS = {
  none: { clientId: 'test-public', clientSecret: undefined },
  client_secret_basic: { clientId: 'test-basic', clientSecret: 'basic: s+cr%t & more' },
  client_secret_post: { clientId: 'test-post', clientSecret: 'post: s+cr%t & more' },
} as const;

export type OidcClientId = (typeof OIDC_CLIENTS)[keyof typeof OIDC_CLIENTS]['clientId'];
