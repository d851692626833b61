import { Secret, shortFingerprint } from '../secret.ts';
import { Refusal } from './answer.ts';
import { authenticateClient, type RegisteredClient } from './client-authentication.ts';
import type { Form } from './form.ts';
import type { Counters, RequestLogEntry } from './request-log.ts';
import type { ServerSettings } from './settings.ts';
import type { TokenFamilies, TokenResponse } from './token-families.ts';

/** What the endpoints share. */
export interface ServerState {
  readonly settings: ServerSettings;
  readonly clients: ReadonlyMap<string, RegisteredClient>;
  readonly families: TokenFamilies;
  readonly counters: Counters;
}

/**
 * The token endpoint (RFC 6749 section 3.2): tokens, or a {@link Refusal} thrown. Synchronous from
 * the first check to the last change, so that of two requests one is wholly before the other.
 */
export const grantTokens = (
  state: ServerState,
  authorization: string | undefined,
  form: Form,
  entry: RequestLogEntry,
): TokenResponse => {
  const client = authenticateClient(state.clients, authorization, form);
  entry.clientId = client.clientId;
  switch (form.get('grant_type')) {
    case 'refresh_token':
      return refresh(state, client, form, entry);
    case 'client_credentials':
      return issueToClient(state, client, form, entry);
    case undefined:
      throw new Refusal('invalid_request', 'grant_type is missing');
    default:
      throw new Refusal('unsupported_grant_type', 'this grant type is not supported');
  }
};

/** RFC 6749 section 6. */
const refresh = (
  { settings, families, counters }: ServerState,
  client: RegisteredClient,
  form: Form,
  entry: RequestLogEntry,
): TokenResponse => {
  const value = form.get('refresh_token');
  if (value === undefined) {
    throw new Refusal('invalid_request', 'refresh_token is missing');
  }
  const token = families.findRefreshToken(value);
  // Another client's token is refused before anything else, so that it cannot revoke a family.
  if (token === undefined || token.family.clientId !== client.clientId) {
    throw new Refusal('invalid_grant', 'this refresh token was not issued to this client');
  }
  if (token.family.revoked) {
    throw new Refusal('invalid_grant', 'the grant has been revoked');
  }
  const standing = families.standing(token);
  if (standing === 'spent') {
    if (settings.detectReuse) {
      entry.outcome = 'reuse_detected';
      counters.reuseDetections += 1;
      families.revoke(token.family);
    }
    throw new Refusal('invalid_grant', 'the refresh token has already been used');
  }
  // Checked last of all that can be refused: a bad scope must not cost the refresh token.
  const scope = narrowedScope(token.family.scope, form.get('scope'));
  const tokens = families.refresh(token, scope);
  counters.refreshes += 1;
  counters.rotations += settings.rotate ? 1 : 0;
  const rotated = standing === 'live' ? 'rotated' : 'rotated_in_grace';
  entry.outcome = settings.rotate ? rotated : 'refreshed_without_rotation';
  return tokens;
};

/** RFC 6749 section 4.4: only for clients that can prove who they are, and without a refresh token. */
const issueToClient = (
  { settings, families }: ServerState,
  client: RegisteredClient,
  form: Form,
  entry: RequestLogEntry,
): TokenResponse => {
  if (client.authMethod === 'none') {
    throw new Refusal('unauthorized_client', 'a public client cannot use its own credentials');
  }
  const scope = narrowedScope(settings.scope, form.get('scope'));
  const { clientId } = client;
  const tokens = families.start({ clientId, subject: clientId, scope, refreshable: false });
  entry.familyId = families.findFamily(tokens.access_token)?.id ?? null;
  entry.outcome = 'client_credentials_issued';
  return tokens;
};

/** RFC 6749 section 3.3: a request may ask for less than was granted, never for more. */
const narrowedScope = (granted: string, requested: string | undefined): string => {
  if (requested === undefined) {
    return granted;
  }
  const available = new Set(granted.split(' '));
  if (!requested.split(' ').every((token) => available.has(token))) {
    throw new Refusal('invalid_scope', 'the scope is malformed or exceeds what was granted');
  }
  return requested;
};

/** Fills in what the log says of a request before it is processed: a fault may keep it from being. */
export const describe = (families: TokenFamilies, form: Form, entry: RequestLogEntry): void => {
  const grantType = form.get('grant_type');
  const refreshToken = form.get('refresh_token');
  entry.grantType =
    grantType === undefined || grantType === 'refresh_token' || grantType === 'client_credentials'
      ? (grantType ?? null)
      : 'other';
  if (refreshToken !== undefined) {
    entry.refreshTokenFingerprint = shortFingerprint(new Secret(refreshToken));
    entry.familyId = families.findRefreshToken(refreshToken)?.family.id ?? null;
  }
};
