import { type Credential, expiresAtMs, proactiveMs } from './credential.ts';
import type { Secret } from './secret.ts';

/** An access token that may be used now. */
export interface Token {
  readonly login: string;
  /** Prints as `[redacted]`; `accessToken.reveal()` gives the value. */
  readonly accessToken: Secret;
  /** RFC 6749 section 7.1: how to present it; usually `Bearer`. */
  readonly tokenType: string;
  /** When the request that brought it was sent. */
  readonly issuedAt: Date;
  /** null if the authorization server stated no lifetime. */
  readonly expiresAt: Date | null;
  /** When it is due for renewal, by the wall clock; null if never. */
  readonly dueAt: Date | null;
  readonly scope: string | null;
  /** Where the API of this account is, if the provider is one that says so with its tokens. */
  readonly instanceUrl?: string | undefined;
  readonly idToken: Secret | null;
  /** null if it does not say, or there is none. */
  readonly idTokenExpiresAt: Date | null;
  /** What a person should know, one line each, safe to print. */
  readonly warnings: readonly string[];
  /** False: the new tokens could not be saved in their place. */
  readonly saved: boolean;
  /** The file they were saved in instead, from where the next renewal takes them; null if there is none. */
  readonly lifeboat: string | null;
  /** This very call renewed it. */
  readonly refreshed: boolean;
}

/** Only for a record whose access token may be handed out. */
export const tokenOf = (
  login: string,
  record: Credential,
  {
    warnings = [],
    saved = true,
    lifeboat = null,
    refreshed = false,
  }: Partial<Pick<Token, 'warnings' | 'saved' | 'lifeboat' | 'refreshed'>>,
): Token => {
  const { accessToken, tokenType, scope, idToken, instanceUrl } = record;
  if (accessToken === null) {
    throw new Error('a record without an access token was to be served');
  }
  const expiresAt = expiresAtMs(record);
  return {
    login,
    accessToken,
    tokenType,
    issuedAt: new Date(record.issued.epochMs),
    expiresAt: expiresAt === null ? null : new Date(expiresAt),
    dueAt: expiresAt === null ? null : new Date(record.issued.epochMs + proactiveMs(record)),
    scope,
    ...(instanceUrl !== undefined && { instanceUrl }),
    idToken,
    idTokenExpiresAt:
      record.idTokenExpiresAt === null ? null : new Date(record.idTokenExpiresAt * 1000),
    warnings,
    saved,
    lifeboat,
    refreshed,
  };
};
