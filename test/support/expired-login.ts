import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { changeRecord } from '../../src/change-record.ts';
import { importTokens } from '../../src/import-tokens.ts';
import { type ParsedRecord, parseRecord, withoutRemainder } from '../../src/record-parser.ts';
import { loginStore } from '../../src/store/file.ts';
import type { Store } from '../../src/store/store.ts';
import type { SharedLogin } from './login.ts';

/** A new home with a login whose access token has expired: its record is of generation 1. */
export const takeOver = async (login: SharedLogin, lifetime = 0): Promise<void> => {
  const { home, server } = login;
  rmSync(home, { recursive: true, force: true });
  await importTokens(storeOf(login), {
    ...server.grant({ lifetime }),
    token_endpoint: server.tokenEndpoint,
    client_id: server.clientId,
  });
  server.clearLog();
};

/** The same, and the access token is due for renewal, but works for an hour yet. */
export const takeOverDue = async (login: SharedLogin): Promise<void> => {
  await takeOver(login, 3_600);
  await changeRecord(storeOf(login), 1_000, (record) => record && { ...record, refreshAt: 1e-9 });
};

const storeOf = ({ home }: SharedLogin): Store => loginStore('work', { TOKENCTL_HOME: home });

export const storedRecord = (login: SharedLogin): ParsedRecord =>
  parseRecord(readFileSync(login.recordPath('work'), 'utf8'));

export const generationOf = (parsed: ParsedRecord): number | null =>
  parsed.kind === 'record' ? parsed.record.generation : null;

/** Complete next records that a holder left. */
export const savedBeside = (home: string): string[] =>
  filesBelow(home).flatMap(({ path, text }) => {
    const parsed = path.endsWith('/next.json') ? parseRecord(withoutRemainder(text)) : null;
    const complete = parsed?.kind === 'record' && parsed.complete;
    return complete && parsed.record.generation === 2 ? [path] : [];
  });

export const filesBelow = (directory: string): { path: string; text: string }[] =>
  readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => ({ path: relative(directory, path), text: readFileSync(path, 'utf8') }));

export const isLive = async ({ server }: SharedLogin, token: string): Promise<boolean> => {
  const answer = await fetch(server.resource, { headers: { authorization: `Bearer ${token}` } });
  await answer.body?.cancel();
  return answer.status === 200;
};
