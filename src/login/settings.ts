import type { Client, Credential } from '../credential.ts';
import type { Place } from '../kept.ts';
import type { Provider } from '../providers/providers.ts';
import type { NameValues, SignIn } from '../record-extras.ts';
import type { LoopbackRedirect } from './loopback.ts';

/** What a person wants, as the command line or a program says it. null: nothing is said. */
export interface LoginRequest {
  /** The providers that may be named; the presets if absent. */
  readonly known?: Readonly<Record<string, Provider>> | undefined;
  /** Where to keep what can be kept apart; absent: where that of the login before is. */
  readonly place?: Place | undefined;
  readonly provider?: string | undefined;
  /** Of the provider's endpoints: `{host}`, `{tenant}` … */
  readonly variables?: Readonly<Record<string, string>> | undefined;
  readonly issuer?: string | undefined;
  readonly authorizationEndpoint?: string | undefined;
  readonly tokenEndpoint?: string | undefined;
  readonly deviceAuthorizationEndpoint?: string | undefined;
  readonly revocationEndpoint?: string | undefined;
  readonly clientId?: string | undefined;
  readonly client: ClientSecrets;
  readonly scope?: string | undefined;
  readonly resources: readonly string[];
  readonly audience?: string | undefined;
  readonly parameters: NameValues;
  readonly hosts?: readonly string[] | undefined;
  /** Absent: whichever fits where we are. */
  readonly flow?: SignIn['flow'] | undefined;
  /** Of the machine flow; client credentials if there is none. */
  readonly assertion?: NonNullable<NonNullable<Client['extras']>['assertion']> | undefined;
  readonly redirectUri?: string | undefined;
  readonly port?: number | undefined;
  /** A command; null: none shall be started. Absent: the system's own. */
  readonly browser?: string | null | undefined;
  readonly par: boolean;
  readonly dpop: boolean;
  /** What is held under this name may be another account's. */
  readonly replace: boolean;
  /** For a person, and for everything that is asked meanwhile. */
  readonly timeoutMs: number;
}

/** How the client authenticates, as far as it was said. */
export type ClientSecrets = Partial<
  Pick<Client, 'clientSecret' | 'authMethod'> &
    Pick<NonNullable<Client['extras']>, 'clientKey' | 'tls'>
>;

/** All that signing in needs to know, from the request, the preset, what is stored, and the server. */
export interface LoginSettings {
  readonly login: string;
  readonly provider: string | null;
  readonly flow: SignIn['flow'];
  readonly server: ServerFacts;
  readonly client: Client;
  readonly scope: string | null;
  /** Of the authorization request, besides those that each has. */
  readonly parameters: NameValues;
  readonly redirect: LoopbackRedirect | { readonly uri: string };
  /** Stored, so that the next login is like this one. */
  readonly fixedRedirectUri: string | null;
  readonly pkce: boolean;
  readonly hosts: readonly string[];
  /** No client id is known, and the server registers clients. */
  readonly register: boolean;
}

export interface ServerFacts {
  readonly issuer: string | null;
  readonly authorizationEndpoint: string | null;
  readonly deviceAuthorizationEndpoint: string | null;
  readonly registrationEndpoint: string | null;
  /** RFC 9126; null: it is not used. */
  readonly pushEndpoint: string | null;
  /** RFC 9207: each response must have an `iss`. */
  readonly saysIssuer: boolean;
}

/** What is stored of a login that was signed in to before. */
export type Before = Pick<Credential, 'client' | 'provider' | 'signIn' | 'hosts' | 'scope'>;
