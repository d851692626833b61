import { randomBytes } from 'node:crypto';
import type { Counters } from './request-log.ts';
import type { ServerSettings } from './settings.ts';

/** A grant and all tokens that came of it. They are revoked together (RFC 9700 section 4.14.2). */
export interface Family {
  readonly id: string;
  readonly clientId: string;
  readonly subject: string;
  readonly scope: string;
  revoked: boolean;
  /** The one refresh token that may be spent next; null where none was granted. */
  live: RefreshToken | null;
  readonly accessTokens: AccessToken[];
}

export interface RefreshToken {
  readonly family: Family;
  /** 1 for the first of a family, one more for each successor. */
  readonly generation: number;
  spentAt: number | null;
}

export interface AccessToken {
  readonly family: Family;
  expiresAt: number;
  revoked: boolean;
  /** Turned away by the resource although nothing is wrong with it. */
  rejected: boolean;
}

/** RFC 6749 section 5.1. */
export interface TokenResponse {
  access_token: string;
  token_type: 'Bearer';
  expires_in?: number;
  refresh_token?: string;
  scope: string;
}

export interface FamilyTerms {
  readonly clientId: string;
  readonly subject: string;
  readonly scope: string;
  readonly refreshable: boolean;
  readonly lifetime?: number | null | undefined;
}

/** `in_grace`: spent, but only just, and its successor has not been used. */
export type Standing = 'live' | 'in_grace' | 'spent';

/** Issues, rotates and revokes. Every step is synchronous, so no two requests can interleave. */
export class TokenFamilies {
  readonly #settings: Readonly<ServerSettings>;
  readonly #counters: Counters;
  readonly #accessTokens = new Map<string, AccessToken>();
  readonly #refreshTokens = new Map<string, RefreshToken>();
  #families = 0;

  constructor(settings: Readonly<ServerSettings>, counters: Counters) {
    this.#settings = settings;
    this.#counters = counters;
  }

  start({ refreshable, lifetime, ...terms }: FamilyTerms): TokenResponse {
    this.#families += 1;
    const id = `family-${this.#families}`;
    const family: Family = { id, ...terms, revoked: false, live: null, accessTokens: [] };
    const access = this.#issueAccessToken(family, family.scope, lifetime);
    return refreshable ? { ...access, refresh_token: this.#succeed(family, 1) } : access;
  }

  /** The caller has checked the token's standing. */
  refresh(token: RefreshToken, scope: string): TokenResponse {
    const { family } = token;
    if (this.#settings.refreshRevokesAccessToken) {
      for (const earlier of family.accessTokens) {
        earlier.revoked = true;
      }
    }
    const access = this.#issueAccessToken(family, scope);
    if (!this.#settings.rotate) {
      return access;
    }
    return { ...access, refresh_token: this.#succeed(family, token.generation + 1) };
  }

  standing(token: RefreshToken): Standing {
    if (token.spentAt === null) {
      return 'live';
    }
    const isPrevious = token.generation + 1 === token.family.live?.generation;
    const isRecent = Date.now() - token.spentAt < this.#settings.graceMs;
    return isPrevious && isRecent ? 'in_grace' : 'spent';
  }

  findRefreshToken(value: string): RefreshToken | undefined {
    return this.#refreshTokens.get(value);
  }

  findAccessToken(value: string): AccessToken | undefined {
    return this.#accessTokens.get(value);
  }

  findFamily(value: string): Family | undefined {
    return (this.#refreshTokens.get(value) ?? this.#accessTokens.get(value))?.family;
  }

  revoke(family: Family): void {
    this.#counters.familiesRevoked += family.revoked ? 0 : 1;
    family.revoked = true;
  }

  expireAccessTokens(): void {
    const now = Date.now();
    for (const token of this.#accessTokens.values()) {
      token.expiresAt = Math.min(token.expiresAt, now);
    }
  }

  everyIssuedValue(): string[] {
    return [...this.#accessTokens.keys(), ...this.#refreshTokens.keys()];
  }

  #issueAccessToken(
    family: Family,
    scope: string,
    lifetime: number | null = this.#settings.accessTokenLifetime,
  ): TokenResponse {
    const value = randomBytes(this.#settings.accessTokenBytes).toString('hex');
    const expiresAt = lifetime === null ? Number.POSITIVE_INFINITY : Date.now() + lifetime * 1000;
    const token: AccessToken = { family, expiresAt, revoked: false, rejected: false };
    this.#accessTokens.set(value, token);
    family.accessTokens.push(token);
    const expiresIn = lifetime === null ? {} : { expires_in: lifetime };
    return { access_token: value, token_type: 'Bearer', ...expiresIn, scope };
  }

  /**
   * Makes a new refresh token the live one. A family never has two: a repetition within the grace
   * period spends the successor, which nobody may have received, and not the token that was
   * repeated, so that repeating does not prolong the grace.
   */
  #succeed(family: Family, generation: number): string {
    if (family.live !== null) {
      family.live.spentAt = Date.now();
    }
    const value = randomBytes(32).toString('hex');
    const token: RefreshToken = { family, generation, spentAt: null };
    this.#refreshTokens.set(value, token);
    family.live = token;
    return value;
  }
}

export const isLive = (token: AccessToken): boolean =>
  !token.revoked && !token.rejected && !token.family.revoked && Date.now() < token.expiresAt;
