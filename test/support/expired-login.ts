import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { importTokens } from '../../src/import-tokens.ts';
import { type ParsedRecord, parseRecord, withoutRemainder } from '../../src/record-parser.ts';
import { loginStore } from '../../src/store/file.ts';
import type { SharedLogin } from './login.ts';

/** A new home with a login whose access token has expired: its record is of generation 1. */
export const takeOver = async ({ home, server }: SharedLogin): Promise<void> => {
  rmSync(home, { recursive: true, force: true });
  await importTokens(loginStore('work', { TOKENCTL_HOME: home }), {
    ...server.grant({ lifetime: 0 }),
    token_endpoint: server.tokenEndpoint,
    client_id: server.clientId,
  });
  server.clearLog();
};

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
