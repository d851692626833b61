import { setMaxListeners } from 'node:events';
import { type RegisteredClient, registerClients } from './client-authentication.ts';
import { type Endpoints, serve, type TokenRequestCallback } from './endpoints.ts';
import type { Fault } from './fault-modes.ts';
import { FaultPlan } from './fault-plan.ts';
import { listenOnLoopback } from './loopback-listener.ts';
import { type Counters, RequestLog, type RequestLogEntry } from './request-log.ts';
import { type ServerSettings, withDefaults } from './settings.ts';
import type { ServerState } from './token-endpoint.ts';
import { TokenFamilies, type TokenResponse } from './token-families.ts';

export type AuthorizationServerOptions = {
  readonly [Name in keyof ServerSettings]?: ServerSettings[Name] | undefined;
} & {
  readonly clients?: readonly RegisteredClient[] | undefined;
  /** 0, the default, takes any that is free. */
  readonly port?: number | undefined;
};

export interface GrantOptions {
  /** The first registered client unless said otherwise. */
  readonly clientId?: string | undefined;
  /** Of the first access token, in seconds; what a refresh issues has the server's lifetime. */
  readonly lifetime?: number | null | undefined;
  readonly subject?: string | undefined;
  readonly scope?: string | undefined;
}

export type GrantedTokens = TokenResponse & { refresh_token: string };

export interface AuthorizationServer extends Readonly<Counters> {
  readonly url: string;
  readonly tokenEndpoint: string;
  readonly revocationEndpoint: string;
  /** The protected resource: 200 with a live access token, else 401. */
  readonly resource: string;
  /** The first registered client. */
  readonly clientId: string;
  /** Token requests in order of arrival. */
  readonly requests: readonly RequestLogEntry[];
  /** As if someone had just signed in: the first tokens of a new family. */
  grant(options?: GrantOptions): GrantedTokens;
  /** Forgets the requests and sets all counters to zero. Tokens are not touched. */
  clearLog(): void;
  configure(changes: Partial<ServerSettings>): void;
  revokeFamily(refreshOrAccessToken: string): void;
  /** The resource answers 401 for this access token from now on; its family lives. */
  rejectAccessToken(accessToken: string): void;
  /** Every access token issued so far has expired, as far as the resource is concerned. */
  expireAccessTokens(): void;
  /** All token values ever issued: none may turn up where it does not belong. */
  everyIssuedSecret(): string[];
  setFault(fault: Fault | null, endpoint?: 'token' | 'revocation'): void;
  /** Called, and waited for, when a token request has arrived. The result ends the subscription. */
  onTokenRequest(callback: TokenRequestCallback): () => void;
  /** Called, and waited for, when a refresh has happened and is not answered yet. */
  onRotated(callback: TokenRequestCallback): () => void;
  /** An outage: connections are refused and broken off, the state is kept. */
  goOffline(): Promise<void>;
  /** The end of the outage, at the same address. */
  goOnline(): Promise<void>;
  /** Ends everything, open connections included. */
  close(): Promise<void>;
}

/** A small, strict authorization server with one protected resource, on this machine only. */
export const startAuthorizationServer = async (
  options: AuthorizationServerOptions = {},
): Promise<AuthorizationServer> => {
  const clients = registerClients(options.clients ?? [DEMO_CLIENT]);
  const closing = new AbortController();
  // One listener for each request that waits, which may be hundreds.
  setMaxListeners(0, closing.signal);
  const settings = withDefaults(options);
  const log = new RequestLog();
  const families = new TokenFamilies(settings, log.counters);
  const endpoints: Endpoints = {
    settings,
    clients,
    families,
    counters: log.counters,
    log,
    faults: { token: new FaultPlan(), revocation: new FaultPlan() },
    whenArrived: new Set(),
    whenRefreshed: new Set(),
    signal: closing.signal,
  };
  const { counters, entries } = log;
  const listener = await listenOnLoopback(serve(endpoints), options.port ?? 0);
  const { url } = listener;
  const [firstClientId = ''] = clients.keys();
  return {
    url,
    tokenEndpoint: `${url}/token`,
    revocationEndpoint: `${url}/revoke`,
    resource: `${url}/me`,
    clientId: firstClientId,
    requests: entries,
    get tokenRequests() {
      return counters.tokenRequests;
    },
    get rotations() {
      return counters.rotations;
    },
    get refreshes() {
      return counters.refreshes;
    },
    get reuseDetections() {
      return counters.reuseDetections;
    },
    get familiesRevoked() {
      return counters.familiesRevoked;
    },
    get revocationRequests() {
      return counters.revocationRequests;
    },
    get resourceRequests() {
      return counters.resourceRequests;
    },
    grant: (terms = {}) =>
      grant(endpoints, { ...terms, clientId: terms.clientId ?? firstClientId }),
    clearLog: () => log.clear(),
    configure: (changes) => {
      Object.assign(settings, changes);
    },
    revokeFamily: (token) => families.revoke(known(families.findFamily(token))),
    rejectAccessToken: (token) => {
      known(families.findAccessToken(token)).rejected = true;
    },
    expireAccessTokens: () => families.expireAccessTokens(),
    everyIssuedSecret: () => families.everyIssuedValue(),
    setFault: (fault, endpoint = 'token') => endpoints.faults[endpoint].set(fault),
    onTokenRequest: (callback) => subscribe(endpoints.whenArrived, callback),
    onRotated: (callback) => subscribe(endpoints.whenRefreshed, callback),
    goOffline: () => listener.stop(),
    goOnline: () => listener.resume(),
    close: () => {
      closing.abort();
      return listener.stop();
    },
  };
};

const DEMO_CLIENT: RegisteredClient = { clientId: 'demo-client', authMethod: 'none' };

const grant = (
  { clients, families, settings }: ServerState,
  {
    clientId,
    subject = 'demo-user',
    scope = settings.scope,
    lifetime,
  }: GrantOptions & { clientId: string },
): GrantedTokens => {
  known(clients.get(clientId));
  const tokens = families.start({ clientId, subject, scope, lifetime, refreshable: true });
  return { ...tokens, refresh_token: known(tokens.refresh_token) };
};

/** A caller's slip must not pass for a result. The message cannot name it: it may be a token. */
const known = <Found>(found: Found | undefined): Found => {
  if (found === undefined) {
    throw new TypeError('this server has never issued or registered that');
  }
  return found;
};

const subscribe = (
  callbacks: Set<TokenRequestCallback>,
  callback: TokenRequestCallback,
): (() => void) => {
  // Wrapped, so that the same callback can be subscribed twice and each ended alone.
  const subscription: TokenRequestCallback = (entry) => callback(entry);
  callbacks.add(subscription);
  return () => {
    callbacks.delete(subscription);
  };
};
