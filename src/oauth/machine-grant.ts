import type { Client } from '../credential.ts';
import type { NameValues } from '../record-extras.ts';
import { Secret } from '../secret.ts';
import type { Problem } from './endpoint.ts';
import type { RefreshParameters, TokenGrant } from './token-request.ts';

/** How long an assertion may be used: it is sent at once (RFC 7523 section 3). */
const ASSERTION_LIFETIME_S = 300;

/** The grant of a login without a refresh token: RFC 6749 section 4.4, or RFC 7523 section 2.1. */
export const machineGrant = async (
  client: Client,
  { scope, resource }: RefreshParameters,
): Promise<{ grant: TokenGrant; given: readonly Secret[] } | Problem> => {
  const { extras } = client;
  if (extras === undefined) {
    return { problem: 'nothing is known of how to ask for an access token' };
  }
  const wanted = [
    ...extras.parameters.filter(
      ([name]) => !(name === 'scope' && scope) && !(name === 'resource' && resource),
    ),
    ...(scope === undefined ? [] : [['scope', scope] as const]),
    ...[resource ?? []].flat().map((each) => ['resource', each] as const),
  ];
  if (extras.grant === 'client_credentials') {
    return { grant: { type: extras.grant, parameters: wanted }, given: [] };
  }
  if (extras.assertion === null) {
    return { problem: 'no key for an assertion is known' };
  }
  const assertion = await signAssertion(extras.assertion, client, wanted);
  return {
    grant: { type: extras.grant, parameters: [['assertion', assertion.reveal()], ...wanted] },
    given: [assertion],
  };
};

/** A new one for each request: some servers take one only once. */
const signAssertion = async (
  { key, claims }: { key: Secret; claims: NameValues },
  client: Client,
  wanted: NameValues,
): Promise<Secret> => {
  const { SignJWT } = await import('jose/jwt/sign');
  const { importJWK } = await import('jose/key/import');
  const jwk = JSON.parse(key.reveal());
  const scope = wanted.find(([name]) => name === 'scope')?.[1];
  const audience = client.issuer ?? client.tokenEndpoint;
  const now = Math.floor(Date.now() / 1000);
  const jwt = await new SignJWT({
    ...(client.clientId === null ? {} : { iss: client.clientId, sub: client.clientId }),
    ...(audience === null ? {} : { aud: audience }),
    // Some servers read it here and not beside the assertion.
    ...(scope === undefined ? {} : { scope }),
    ...Object.fromEntries(claims),
    jti: crypto.randomUUID(),
    iat: now,
    exp: now + ASSERTION_LIFETIME_S,
  })
    .setProtectedHeader({ alg: jwk.alg, typ: 'JWT', ...(jwk.kid && { kid: jwk.kid }) })
    .sign(await importJWK(jwk, jwk.alg));
  return new Secret(jwt);
};
