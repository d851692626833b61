import {
  type Family,
  familiesOf,
  type Generation,
  generationsOf,
  groupBy,
  savings,
} from './storm-generations.ts';
import type {
  AuditLine,
  Autopsy,
  Fingerprint,
  History,
  ProcessRun,
  TokenRequest,
} from './storm-history.ts';

/** A history, looked up by what its rules ask for. */
export interface Facts {
  readonly history: History;
  readonly generations: readonly Generation[];
  readonly byAccess: ReadonlyMap<Fingerprint, Generation>;
  readonly byRefresh: ReadonlyMap<Fingerprint, Generation>;
  readonly families: ReadonlyMap<string, Family>;
  /** By refresh token: each time it arrived, each attempt with it that was put down, each killed sender. */
  sends(refresh: Fingerprint): readonly TokenRequest[];
  attempts(refresh: Fingerprint): readonly AuditLine[];
  corpses(refresh: Fingerprint): readonly Corpse[];
  /** Those who were killed when they had been answered, too, and not put that down yet. */
  killedHolders(refresh: Fingerprint): readonly Corpse[];
  successor(refresh: Fingerprint): Generation | null;
  /** When this refresh token is first known to be in the store, or complete beside it. */
  savedAt(refresh: Fingerprint): number;
  /** The newest process that had this id at that time; ids come again within minutes. */
  runOf(login: string, pid: number | null, at: number): ProcessRun | null;
  runsOf(login: string): readonly ProcessRun[];
}

export type Corpse = ProcessRun & { readonly autopsy: Autopsy };

export const gatherFacts = (history: History): Facts => {
  const generations = generationsOf(history);
  const byAccess = new Map(generations.map((each) => [each.issued.access, each]));
  const byRefresh = new Map(generations.map((each) => [each.issued.refresh, each]));
  const successors = new Map(
    generations.map((each) => [each.previous?.issued.refresh ?? '', each]),
  );
  const sends = groupBy(history.requests, ({ refresh }) => refresh);
  const attempts = groupBy(history.audit, ({ event, spent }) =>
    event === 'attempt' ? (spent ?? null) : null,
  );
  const corpses = groupBy(history.processes.filter(isCorpse), ({ autopsy }) =>
    sentBy(autopsy, byRefresh),
  );
  const holders = groupBy(history.processes.filter(isCorpse), ({ autopsy: { held, record } }) =>
    held && record.kind === 'record' ? record.refresh : null,
  );
  const runs = groupBy(history.processes, ({ pid }) => pid);
  const runsByLogin = groupBy(history.processes, ({ login }) => login);
  const saved = savings(history, byAccess);
  return {
    ...{ history, generations, byAccess, byRefresh },
    families: familiesOf(history),
    sends: (refresh) => sends.get(refresh) ?? [],
    attempts: (refresh) => attempts.get(refresh) ?? [],
    corpses: (refresh) => corpses.get(refresh) ?? [],
    killedHolders: (refresh) => [
      ...new Set([...(corpses.get(refresh) ?? []), ...(holders.get(refresh) ?? [])]),
    ],
    successor: (refresh) => successors.get(refresh) ?? null,
    savedAt: (refresh) => saved.get(refresh) ?? Number.POSITIVE_INFINITY,
    runOf: (login, pid, at) =>
      runs.get(pid ?? 0)?.findLast((run) => run.login === login && run.startedAt <= at) ?? null,
    runsOf: (login) => runsByLogin.get(login) ?? [],
  };
};

const isCorpse = (run: ProcessRun): run is Corpse => run.autopsy !== null;

/** The refresh token that a dead process may have sent. */
const sentBy = (
  { gate, record }: Autopsy,
  byRefresh: ReadonlyMap<Fingerprint, Generation>,
): Fingerprint | null => {
  if (gate === null || record.kind !== 'record' || record.refresh === null) {
    return null;
  }
  // Died after its commit: what it sent is the predecessor of what is stored.
  return record.generation > gate
    ? (byRefresh.get(record.refresh)?.previous?.issued.refresh ?? null)
    : record.refresh;
};
