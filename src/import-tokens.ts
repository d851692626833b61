import { underLease } from './change-record.ts';
import { DEFAULT_TIMEOUT_MS } from './create-token-manager.ts';
import type { Credential } from './credential.ts';
import { TokenctlError } from './errors.ts';
import { credentialFromImport, type Providers } from './import-credential.ts';
import { saveIn } from './keep-apart.ts';
import { type Place, secretsOf } from './kept.ts';
import { readIdToken } from './oauth/id-token.ts';
import { systemClock } from './platform/clock.ts';
import { type Secret, shortFingerprint } from './secret.ts';
import type { Store } from './store/store.ts';

/**
 * Takes over tokens that were issued elsewhere (see {@link credentialFromImport} for the members),
 * under the login's lock, and reads them back before it calls it done.
 *
 * @throws {TokenctlError} `usage` for what is wrong with the tokens; `unavailable`, `refused`
 */
export const importTokens = async (
  store: Store,
  tokens: unknown,
  timeoutMs = DEFAULT_TIMEOUT_MS,
  { known, place, usualPlace }: ImportOptions = {},
): Promise<Credential> => {
  const checked = credentialFromImport(tokens, systemClock(), known);
  const imported = { ...checked, idTokenExpiresAt: await expiryOf(checked.idToken) };
  const saved = await underLease(store, timeoutMs, async (lease) => {
    await lease.inherit(new Set());
    const current = (await lease.read())?.record ?? null;
    // Never back, also over a new login: an older generation is how a restored copy is recognised.
    const next = { ...imported, generation: (current?.generation ?? 0) + 1 };
    const apart = place ?? current?.kept?.place ?? (current === null ? usualPlace : null) ?? 'file';
    const where = secretsOf(next).size === 0 ? 'file' : apart;
    const before = current === null ? [] : await lease.ownSlots(current);
    const result = await saveIn(lease, store.login, current, next, where, before);
    return result === 'lost' ? 'lost' : { result: result.record };
  });
  const readBack = await store.read();
  if (readBack?.record.recordId !== saved.recordId) {
    throw new TokenctlError(
      'refused',
      'the credential was saved, but something else was read back',
      {
        login: store.login,
      },
    );
  }
  await store.audit?.({
    event: 'import',
    login: store.login,
    generation: saved.generation,
    token: shortFingerprint(saved.refreshToken ?? saved.accessToken),
  });
  return readBack.record;
};

/** What an import may be told besides the tokens. */
export interface ImportOptions {
  /** The providers that `provider` may name; the presets if absent. */
  readonly known?: Providers | undefined;
  /** Where to keep what can be kept apart; absent: where that of the login before is. */
  readonly place?: Place | undefined;
  /** … and where there was none: in the file if absent. */
  readonly usualPlace?: Place | undefined;
}

/** Without it, an id token that has expired since it was issued would be handed out. */
const expiryOf = async (idToken: Secret | null): Promise<number | null> =>
  idToken === null ? null : ((await readIdToken(idToken))?.expiresAt ?? null);
