import type { ServerResponse } from 'node:http';
import type { OAuthErrorCode } from './answer.ts';
import type { Fault } from './fault-modes.ts';

/** What became of a token request. A fault after the rotation leaves `rotated`: it did happen. */
export type Outcome =
  | 'received'
  | 'rotated'
  | 'rotated_in_grace'
  | 'refreshed_without_rotation'
  | 'client_credentials_issued'
  | 'reuse_detected'
  | 'fault'
  | 'aborted'
  | OAuthErrorCode;

/** One token request. Never holds a token: the log is shown, and printed when a test fails. */
export interface RequestLogEntry {
  /** When it arrived, in milliseconds since the epoch. */
  at: number;
  /** Until the answer was handed over or the connection ended; null as long as neither happened. */
  durationMs: number | null;
  grantType: 'refresh_token' | 'client_credentials' | 'other' | null;
  outcome: Outcome;
  /** The client, once authenticated. */
  clientId: string | null;
  familyId: string | null;
  /** The first 12 hex digits of the SHA-256 of the refresh token. */
  refreshTokenFingerprint: string | null;
  fault: Fault['kind'] | null;
  /** Null where no answer was begun. */
  status: number | null;
}

export interface Counters {
  /** Requests to the token endpoint, of any kind. */
  tokenRequests: number;
  /** Refresh tokens replaced by a successor. */
  rotations: number;
  /** Refreshes that issued an access token, with or without a rotation. */
  refreshes: number;
  reuseDetections: number;
  familiesRevoked: number;
  revocationRequests: number;
  resourceRequests: number;
}

export class RequestLog {
  readonly entries: RequestLogEntry[] = [];
  readonly counters: Counters = { ...ZERO };

  open(): RequestLogEntry {
    const entry: RequestLogEntry = {
      at: Date.now(),
      durationMs: null,
      grantType: null,
      outcome: 'received',
      clientId: null,
      familyId: null,
      refreshTokenFingerprint: null,
      fault: null,
      status: null,
    };
    this.entries.push(entry);
    this.counters.tokenRequests += 1;
    return entry;
  }

  clear(): void {
    this.entries.length = 0;
    Object.assign(this.counters, ZERO);
  }
}

/** Notes the end of an exchange. What is sent into a connection that has ended is no answer. */
export const conclude = (entry: RequestLogEntry, response: ServerResponse): void => {
  if (entry.durationMs === null) {
    entry.durationMs = Date.now() - entry.at;
    entry.status = response.headersSent ? response.statusCode : null;
  }
};

const ZERO: Counters = {
  tokenRequests: 0,
  rotations: 0,
  refreshes: 0,
  reuseDetections: 0,
  familiesRevoked: 0,
  revocationRequests: 0,
  resourceRequests: 0,
};
