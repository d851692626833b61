import * as oauth from 'oauth4webapi';
import type { Client } from '../credential.ts';
import type { Problem } from './endpoint.ts';
import { signingKey } from './keys.ts';

/** How this client authenticates at the token endpoint and its like, as oauth4webapi takes it. */
export const clientAuthentication = async (client: Client): Promise<oauth.ClientAuth | Problem> => {
  const { authMethod, clientSecret, extras } = client;
  switch (authMethod) {
    case 'none':
      return oauth.None();
    case 'private_key_jwt': {
      const key = extras?.clientKey ?? null;
      return key === null
        ? { problem: 'no private key is known, and private_key_jwt needs one' }
        : oauth.PrivateKeyJwt(await signingKey(key));
    }
    case 'tls_client_auth':
    case 'self_signed_tls_client_auth':
      return extras?.tls == null
        ? { problem: `no certificate is known, and ${authMethod} needs one` }
        : oauth.TlsClientAuth();
    case 'client_secret_basic':
    case 'client_secret_post': {
      const secret = clientSecret?.reveal();
      if (secret === undefined || secret === '') {
        return { problem: `no client secret is known, and ${authMethod} needs one` };
      }
      return authMethod === 'client_secret_post' ? oauth.ClientSecretPost(secret) : basic(secret);
    }
  }
};

/**
 * RFC 6749 section 2.3.1. `oauth.ClientSecretBasic` also escapes `-`, `_` and `.`, which breaks
 * ordinary client ids (UUIDs, `*.apps.googleusercontent.com`) at the many servers that do not decode
 * them (https://github.com/panva/oauth4webapi/issues/148, /199). The form encoding of `URLSearchParams`
 * leaves these alone and decodes to the same.
 */
const basic =
  (secret: string): oauth.ClientAuth =>
  (_server, { client_id }, _body, headers) => {
    const credentials = `${formEncode(client_id)}:${formEncode(secret)}`;
    headers.set('authorization', `Basic ${Buffer.from(credentials).toString('base64')}`);
  };

const formEncode = (value: string): string => new URLSearchParams({ v: value }).toString().slice(2);
