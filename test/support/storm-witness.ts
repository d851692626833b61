import type { AuthorizationServer, GrantedTokens } from '../../src/demo/authorization-server.ts';
import type { RequestLogEntry } from '../../src/demo/request-log.ts';
import type { Grant, History, Issued, TokenRequest } from './storm-history.ts';
import { fingerprint, seeHolder } from './storm-sight.ts';

/** What the server's side saw, completed by what its log leaves out: who sent it, and what was issued. */
export interface Witness {
  readonly grants: readonly Grant[];
  readonly revocations: History['revocations'];
  /** The tokens of a new family, put down before anybody has them. */
  grant(login: string, lifetime: number): GrantedTokens & { family: string };
  loginOf(entry: RequestLogEntry): string | null;
  /** Ends the login's newest family at the provider. */
  revoke(login: string): void;
  requests(): TokenRequest[];
}

export const watch = (
  server: AuthorizationServer,
  home: string,
  currentLifetime: () => number,
): Witness => {
  const grants: Grant[] = [];
  const revocations: { family: string; at: number }[] = [];
  const logins = new Map<string, string>();
  const newest = new Map<string, GrantedTokens & { family: string }>();
  const holders = new Map<RequestLogEntry, number | null>();
  const issues = new Map<RequestLogEntry, Issued>();
  const known = new Set<string>();
  const news = (): string[] => {
    const found = server.everyIssuedSecret().filter((secret) => !known.has(secret));
    for (const secret of found) {
      known.add(secret);
    }
    return found;
  };
  const issuedNow = (access: string, refresh: string, lifetime: number): Issued => ({
    access: fingerprint(access),
    refresh: fingerprint(refresh),
    at: Date.now(),
    lifetimeMs: lifetime * 1000,
  });
  const loginOf = ({ familyId }: RequestLogEntry): string | null =>
    logins.get(familyId ?? '') ?? null;

  server.onTokenRequest((entry) => {
    const login = loginOf(entry);
    holders.set(entry, login === null ? null : seeHolder(home, login));
  });
  server.onRotated((entry) => {
    // Issued in the same turn of the event loop, the access token first.
    const [access = '', refresh = ''] = news();
    issues.set(entry, issuedNow(access, refresh, currentLifetime()));
  });
  return {
    grants,
    revocations,
    loginOf,
    revoke: (login) => {
      const grant = newest.get(login);
      if (grant !== undefined) {
        revocations.push({ family: grant.family, at: Date.now() });
        server.revokeFamily(grant.access_token);
      }
    },
    grant: (login, lifetime) => {
      const tokens = server.grant({ lifetime });
      news();
      // The server numbers them from 1.
      const family = `family-${grants.length + 1}`;
      const issued = issuedNow(tokens.access_token, tokens.refresh_token, lifetime);
      grants.push({ login, family, issued });
      logins.set(family, login);
      newest.set(login, { ...tokens, family });
      return { ...tokens, family };
    },
    requests: () =>
      server.requests.map((entry) => ({
        at: entry.at,
        endedAt: entry.durationMs === null ? null : entry.at + entry.durationMs,
        refresh: entry.refreshTokenFingerprint,
        family: entry.familyId,
        outcome: entry.outcome,
        fault: entry.fault,
        status: entry.status,
        holder: holders.get(entry) ?? null,
        issued: issues.get(entry) ?? null,
      })),
  };
};
