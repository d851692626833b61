import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Credential } from '../../src/credential.ts';
import { parseRecord } from '../../src/record-parser.ts';
import { getErrand } from './storm-errands.ts';
import type { AuditLine, History, Phase } from './storm-history.ts';
import { findLeaks, textsBelow } from './storm-leaks.ts';
import type { Person } from './storm-person.ts';
import { LOGINS } from './storm-plan.ts';
import { recordPath } from './storm-sight.ts';
import type { Stage } from './storm-stage.ts';

/** A rejected token is refreshed again when it is a quarter of its life old: a storm's live 15 s at most. */
const YOUNG_MS = 5_000;
const LONG_LIFETIME = 3_600;

/** After the storm: whoever was stopped goes on, each login is asked once more, and all is gathered. */
export const calmDown = async (stage: Stage, person: Person): Promise<History> => {
  const { sky, marksman, processes, witness, home } = stage;
  await sky.clear(LONG_LIFETIME);
  await person.leave();
  while (processes.inFlight() > 0) {
    // Somebody may have been stopped just now.
    marksman.release();
    await sleep(100);
  }
  await sleep(YOUNG_MS);
  for (const login of LOGINS) {
    await passBackoff(home, login);
    await askLogin(stage, person, login);
  }
  const audit = readAudit(home);
  const reads = await processes.finish();
  const texts = [
    ...textsBelow(home),
    ...processes.runs.map(
      ({ pid, command, stderr }) => [`stderr of ${command.kind} ${pid}`, stderr] as const,
    ),
  ];
  return {
    audit,
    reads,
    processes: processes.runs,
    grants: witness.grants,
    requests: witness.requests(),
    outages: sky.outages,
    revocations: witness.revocations,
    leaks: findLeaks(texts, stage.server.everyIssuedSecret()),
    strayFiles: strayFiles(home),
  };
};

/** A failure is shared for up to a minute; nobody need ask before. */
const passBackoff = async (home: string, login: string): Promise<void> => {
  const attempt = readRecord(home, login)?.lastAttempt;
  if (attempt?.verdict === 'unavailable') {
    await sleep(Math.max(0, attempt.ended.epochMs + attempt.backoffMs - Date.now()) + 100);
  }
};

const readRecord = (home: string, login: string): Credential | null => {
  try {
    const parsed = parseRecord(readFileSync(recordPath(home, login), 'utf8'));
    return parsed.kind === 'record' ? parsed.record : null;
  } catch {
    return null;
  }
};

/** One plain get; one that really refreshes; and if that login was lost, both for a new one. */
const askLogin = async ({ processes }: Stage, person: Person, login: string): Promise<void> => {
  const ask = async (phase: Phase, force: boolean) => {
    const [run] = await Promise.all(processes.start([getErrand(login, { phase, force })]));
    return run?.code === 0;
  };
  await ask('end-plain', false);
  if (!(await ask('end-force', true))) {
    await person.signIn(login, LONG_LIFETIME);
    await ask('mended', false);
    await ask('mended', true);
  }
};

const readAudit = (home: string): AuditLine[] =>
  ['audit.jsonl.1', 'audit.jsonl'].flatMap((name) => {
    try {
      return readFileSync(join(home, name), 'utf8').split('\n').filter(Boolean).map(parseLine);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
        return [];
      }
      throw error;
    }
  });

const parseLine = (line: string): AuditLine => {
  const { at, ...rest } = JSON.parse(line) as Omit<AuditLine, 'at'> & { at: string };
  return { ...rest, at: Date.parse(at) };
};

/** Records, the directory's anchor, what was seen of the records, and the audit; see docs/architecture.md. */
const strayFiles = (home: string): string[] => {
  const expected = new Set([
    ...['credentials', 'credentials/tokenctl-anchor', 'seen', 'audit.jsonl', 'audit.jsonl.1'],
    ...LOGINS.flatMap((login) => [`credentials/${login}.json`, `credentials/${login}.herd`]),
    ...LOGINS.map((login) => `seen/${seenName(home, login)}`),
  ]);
  return readdirSync(home, { recursive: true, encoding: 'utf8' }).filter(
    (name) => !expected.has(name),
  );
};

/** See src/store/seen.ts. */
const seenName = (home: string, login: string): string =>
  createHash('sha256')
    .update(readRecord(home, login)?.recordId ?? '')
    .digest('hex')
    .slice(0, 32);
