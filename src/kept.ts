import type { Credential } from './credential.ts';
import type { ClientExtras } from './record-extras.ts';
import type { Secret } from './secret.ts';

/** Where the secrets that {@link KEPT_APART} lists can be: in the record's own file, or apart from it. */
export const PLACES = ['file', 'keychain', 'encrypted'] as const;
export type Place = (typeof PLACES)[number];

/** What a record says of its secrets when it does not simply hold them. */
export interface Kept {
  readonly place: Place;
  /** The name of their slot in the keychain. */
  readonly slot: string | null;
  /** The secrets themselves, encrypted (a JWE, RFC 7516). */
  readonly sealed: string | null;
  /** They are there and not in the file. False: they are in the file until they can be put there. */
  readonly stowed: boolean;
  /** Slots that may still hold secrets of this login, and are to be emptied. */
  readonly leftovers: readonly string[];
}

/** All that it names in the keychain. */
export const slotsOf = (kept: Kept | null): string[] =>
  kept === null ? [] : [...(kept.slot === null ? [] : [kept.slot]), ...kept.leftovers];

/** The secrets of a record by the name of their member. */
export type Secrets = ReadonlyMap<string, Secret>;

/** What can be kept apart: all that is of use to whoever finds it for longer than an access token is. */
const KEPT_APART: readonly {
  readonly name: string;
  readonly of: (record: Credential) => Secret | null;
  readonly on: (record: Credential, secret: Secret | null) => Credential;
}[] = [
  {
    name: 'refresh_token',
    of: ({ refreshToken }) => refreshToken,
    on: (record, refreshToken) => ({ ...record, refreshToken }),
  },
  {
    name: 'client_secret',
    of: ({ client }) => client.clientSecret,
    on: (record, clientSecret) => ({ ...record, client: { ...record.client, clientSecret } }),
  },
  {
    name: 'client_key',
    of: ({ client }) => client.extras?.clientKey ?? null,
    on: (record, clientKey) => withExtras(record, () => ({ clientKey })),
  },
  {
    name: 'assertion_key',
    of: ({ client }) => client.extras?.assertion?.key ?? null,
    on: (record, key) =>
      withExtras(record, ({ assertion }) => ({
        assertion: key === null || assertion === null ? null : { ...assertion, key },
      })),
  },
  {
    name: 'tls_key',
    of: ({ client }) => client.extras?.tls?.key ?? null,
    on: (record, key) =>
      withExtras(record, ({ tls }) => ({
        tls: key === null || tls === null ? null : { ...tls, key },
      })),
  },
  {
    name: 'dpop_key',
    of: ({ client }) => client.extras?.dpopKey ?? null,
    on: (record, dpopKey) => withExtras(record, () => ({ dpopKey })),
  },
];

const withExtras = (
  record: Credential,
  change: (extras: ClientExtras) => Partial<ClientExtras>,
): Credential => {
  const { extras } = record.client;
  return extras === undefined
    ? record
    : { ...record, client: { ...record.client, extras: { ...extras, ...change(extras) } } };
};

export const secretsOf = (record: Credential): Secrets =>
  new Map(
    KEPT_APART.flatMap(({ name, of }) => {
      const secret = of(record);
      return secret === null ? [] : [[name, secret] as const];
    }),
  );

/** The record with these secrets, and none of those that are not among them. */
export const withSecrets = (record: Credential, secrets: Secrets): Credential =>
  KEPT_APART.reduce((changed, { name, on }) => on(changed, secrets.get(name) ?? null), record);

/** What of a secret is written in its member: nothing, if its value is not here. */
export const secretText = (secret: Secret | null): string | null =>
  secret === null || secret.isElsewhere ? null : secret.reveal();

/** The values are here. Otherwise only their fingerprints are known. */
export const isOpen = (record: Credential): boolean =>
  [...secretsOf(record).values()].every((secret) => !secret.isElsewhere);

/** What identifies them, without giving any of them away. */
export const fingerprintsOf = (secrets: Secrets): Record<string, string> =>
  Object.fromEntries([...secrets].map(([name, secret]) => [name, secret.fingerprint()]));

export const isSameSecrets = (one: Secrets, other: Secrets): boolean =>
  one.size === other.size &&
  [...one].every(([name, secret]) => secret.equals(other.get(name) ?? null));

/** The names that may be kept apart; any other in a record is of a later version. */
export const SECRET_NAMES: readonly string[] = KEPT_APART.map(({ name }) => name);
