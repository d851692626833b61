import { createHash } from 'node:crypto';
import type { Credential } from '../credential.ts';
import { elapsedMs } from '../platform/clock.ts';
import { nodeFileSystem } from '../platform/fs.ts';
import { serialiseRecord } from '../record-format.ts';
import { parseRecord } from '../record-parser.ts';
import { readCredentialFile } from './location.ts';
import type { Store, Stored, StoreLease } from './store.ts';

/** A narrower scope, another resource (RFC 8707). */
export interface ExtraToken {
  readonly scope?: string | undefined;
  readonly resource?: string | undefined;
}

/** Names the file that it is kept in: `github~<hash>.json`. No login has a `~` in its name. */
export const extraTokenName = (login: string, { scope, resource }: ExtraToken): string => {
  const wanted = JSON.stringify([
    scope?.split(/\s+/).filter(Boolean).sort() ?? null,
    resource ?? null,
  ]);
  return `${login}~${createHash('sha256').update(wanted).digest('hex').slice(0, 16)}`;
};

/**
 * A login as it looks to who wants another access token under its refresh token: the record, with
 * that token in the place of its own. All that concerns the refresh token goes to the record, under
 * the login's one lock; the access token goes to a file of its own, and is only as good as the record
 * beside it.
 */
export const withExtraToken = (store: Store, path: string, extra: ExtraToken): Store => {
  const { login } = store;
  return {
    ...store,
    read: async () => combine(await store.read(), await readExtra(path, login), extra),
    tryLease: async (judge) => {
      const turn = await store.tryLease(judge);
      return turn.kind === 'held'
        ? { ...turn, lease: extraLease(turn.lease, path, login, extra) }
        : turn;
    },
  };
};

const readExtra = async (path: string, login: string): Promise<Credential | null> => {
  const found = await readCredentialFile(path, login);
  const parsed = found === null ? null : parseRecord(found.text);
  // What cannot be read is asked for again: there is nothing in it that could be lost.
  return parsed?.kind === 'record' ? parsed.record : null;
};

const combine = (
  stored: Stored | null,
  kept: Credential | null,
  { scope }: ExtraToken,
): Stored | null => {
  if (stored === null) {
    return null;
  }
  const { record } = stored;
  const mine = isOf(record, kept) ? kept : null;
  return {
    ...stored,
    record: {
      ...record,
      ...tokenIn(mine ?? { ...record, ...NO_TOKEN, scope: scope ?? record.scope }),
      // A logout that has begun is one for all of them.
      rejected: mine?.rejected === true || (record.rejected && record.state.kind === 'dead'),
      lastAttempt: later(record.lastAttempt, mine?.lastAttempt ?? null),
    },
  };
};

/** Of the same grant; and where each refresh ends what was issued before, of its last one. */
const isOf = (record: Credential, kept: Credential | null): kept is Credential =>
  kept?.recordId === record.recordId &&
  (kept.generation === record.generation ||
    !record.client.quirks.includes('refresh-revokes-access-token'));

const NO_TOKEN = { accessToken: null, lifetime: null, rejected: false } as const;

const tokenIn = (record: Credential) => {
  const { accessToken, tokenType, issued, lifetime, obtained, rejected, scope } = record;
  return { accessToken, tokenType, issued, lifetime, obtained, rejected, scope };
};

const later = (
  one: Credential['lastAttempt'],
  other: Credential['lastAttempt'],
): Credential['lastAttempt'] =>
  one === null || (other !== null && elapsedMs(one.ended, other.ended) > 0) ? other : one;

const extraLease = (
  lease: StoreLease,
  path: string,
  login: string,
  extra: ExtraToken,
): StoreLease => {
  let own: Credential | null = null;
  let written: Credential | null = null;
  const read = async (): Promise<Stored | null> => {
    const stored = await lease.read();
    own = stored?.record ?? null;
    return combine(stored, await readExtra(path, login), extra);
  };
  /** The record's own part of it. Read first: what it holds of its own access token must be at hand. */
  const split = async (next: Credential): Promise<Credential> => {
    own ??= (await lease.read())?.record ?? null;
    const record = own ?? next;
    const rotated = next.generation !== record.generation;
    const { lastAttempt } = next;
    // A scope that is not granted is no reason to keep the login itself from being renewed.
    const concernsAll =
      rotated || lastAttempt?.verdict === 'unavailable' || lastAttempt?.verdict === 'dead';
    return {
      ...next,
      ...tokenIn(record),
      rejected:
        record.rejected ||
        (rotated && record.client.quirks.includes('refresh-revokes-access-token')),
      lastAttempt: concernsAll ? lastAttempt : record.lastAttempt,
    };
  };
  return {
    ...lease,
    read,
    write: async (next, previous) => {
      written = next;
      return lease.write(await split(next), previous);
    },
    commit: async () => {
      const step = await lease.commit();
      if (step !== 'lost' && written !== null) {
        await keepExtra(path, written);
      }
      return step;
    },
    launchLifeboat: async (next, previous) => lease.launchLifeboat(await split(next), previous),
  };
};

/** After the record: what is lost here is asked for again. Nobody else writes it, for the lease is ours. */
const keepExtra = async (path: string, { refreshToken: _, ...next }: Credential): Promise<void> => {
  const beside = `${path}.new`;
  const client = { ...next.client, clientSecret: null, extras: undefined };
  // Nor an encrypted copy of them, which no move and no new passphrase would ever reach.
  const bare = { ...next, client, refreshToken: null, signIn: undefined, kept: null };
  const text = serialiseRecord(bare, 'none');
  try {
    await nodeFileSystem.unlink(beside).catch(() => {});
    await nodeFileSystem.createDurable(beside, text);
    await nodeFileSystem.rename(beside, path);
  } catch {
    await nodeFileSystem.unlink(beside).catch(() => {});
  }
};

/** What was issued beside a record's own access token, for the same grant. */
export const otherTokens = async (
  directory: string,
  name: string,
  record: Credential,
): Promise<readonly Credential[]> => {
  const others: Credential[] = [];
  for (const entry of await extraFiles(directory, name)) {
    const other = await readExtra(`${directory}/${entry}`, name).catch(() => null);
    if (other?.recordId === record.recordId) {
      others.push({ ...record, ...tokenIn(other), refreshToken: null });
    }
  }
  return others;
};

/** With a login go the access tokens that were issued beside its own. */
export const forgetExtraTokens = async (directory: string, name: string): Promise<void> => {
  for (const entry of await extraFiles(directory, name)) {
    await nodeFileSystem.unlink(`${directory}/${entry}`).catch(() => {});
  }
};

const extraFiles = async (directory: string, name: string): Promise<string[]> => {
  const extra = new RegExp(`^${name.replace(/[.]/g, '\\.')}~[0-9a-f]{16}\\.json(\\.new)?$`);
  return (await nodeFileSystem.list(directory)).filter((entry) => extra.test(entry));
};
