import * as oauth from 'oauth4webapi';
import type { Client, TokenResponse } from '../credential.ts';
import type { Judgement } from '../refresh-outcome.ts';
import type { Secret } from '../secret.ts';
import type { ExtractedTokens } from './granted-tokens.ts';
import { readIdToken } from './id-token.ts';
import { type Redact, redactor } from './redact.ts';

/** How far this machine's clock and the issuer's may differ, in seconds. */
const CLOCK_TOLERANCE_S = 300;

/**
 * What else a successful answer says, asked once its tokens are durable (invariant 2). Never
 * throws, and nothing of the library's errors but their first line gets out: their `cause` holds
 * the whole answer.
 */
export const judge = async (
  { tokens, accessTokenUsable, problems }: ExtractedTokens,
  client: Client,
  sent: readonly Secret[],
): Promise<Judgement> => {
  const redact = redactor([...sent, ...secretsOf(tokens)]);
  const found = [...problems];
  const noting = (problem: string | null): boolean => {
    if (problem !== null) {
      found.push(problem);
    }
    return problem === null;
  };
  return {
    accessTokenUsable:
      accessTokenUsable && noting(await accessTokenProblem(tokens, client, redact)),
    idTokenUsable:
      tokens.idToken === undefined || noting(await idTokenProblem(tokens.idToken, client, redact)),
    problems: found,
  };
};

const accessTokenProblem = async (
  { accessToken, tokenType, lifetime, scope }: TokenResponse,
  client: Client,
  redact: Redact,
): Promise<string | null> => {
  const problem = await libraryProblem(client, redact, {
    access_token: accessToken?.reveal(),
    token_type: tokenType,
    expires_in: lifetime ?? undefined,
    scope,
  });
  return problem === null ? null : `the answer is not a valid token response: ${problem}`;
};

/**
 * OpenID Connect Core 3.1.3.7. The signature need not be checked on a token that came straight
 * from the token endpoint over TLS (rule 6).
 */
const idTokenProblem = async (
  idToken: Secret,
  client: Client,
  redact: Redact,
): Promise<string | null> => {
  if (!client.issuer) {
    return idTokenProblemWithoutIssuer(idToken, client);
  }
  const problem = await libraryProblem(client, redact, {
    // Judged on its own, so that no other member can be taken for a fault of the id token.
    access_token: 'none',
    token_type: 'bearer',
    id_token: idToken.reveal(),
  });
  return problem === null ? null : `the id token is not usable: ${problem}`;
};

const idTokenProblemWithoutIssuer = async (
  idToken: Secret,
  { clientId }: Client,
): Promise<string | null> => {
  const claims = await readIdToken(idToken);
  if (claims === null) {
    return 'the id token is not usable: it cannot be read';
  }
  return claims.audience.includes(clientId)
    ? null
    : 'the id token is not usable: it is for another client';
};

/** Runs oauth4webapi's checks on these members; the first thing it does not like, null if there is none. */
const libraryProblem = async (
  client: Client,
  redact: Redact,
  members: Readonly<Record<string, unknown>>,
): Promise<string | null> => {
  try {
    await oauth.processRefreshTokenResponse(
      {
        // Only compared with an id token's, which is not given to the library if none is known.
        issuer: client.issuer || 'unknown',
        // Without it only RS256 passes, and nothing stored says what the server signs with.
        id_token_signing_alg_values_supported: SIGNING_ALGORITHMS,
      },
      { client_id: client.clientId ?? '', [oauth.clockTolerance]: CLOCK_TOLERANCE_S },
      new Response(JSON.stringify(members), { headers: { 'content-type': 'application/json' } }),
    );
    return null;
  } catch (error) {
    return redact(error instanceof Error ? error.message : 'unknown error');
  }
};

/** The algorithms of RFC 7518 section 3.1 and RFC 8037; all but `none`. */
const SIGNING_ALGORITHMS = ['RS', 'PS', 'ES', 'HS']
  .flatMap((family) => ['256', '384', '512'].map((size) => family + size))
  .concat('EdDSA', 'Ed25519');

const secretsOf = ({ accessToken, refreshToken, idToken }: TokenResponse): Secret[] =>
  [accessToken, refreshToken, idToken].filter((token) => token != null);
