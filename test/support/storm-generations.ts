import type {
  Fingerprint,
  Grant,
  History,
  Issued,
  ProcessRun,
  TokenRequest,
} from './storm-history.ts';

/** An access token and the refresh token that came with it. */
export interface Generation {
  readonly login: string;
  readonly family: string;
  /** 1 is what the person signed in for. */
  readonly number: number;
  readonly issued: Issued;
  /** The request that brought it; null for the first. */
  readonly by: TokenRequest | null;
  readonly previous: Generation | null;
}

/** A sign-in, and the import of its tokens. */
export interface Family {
  readonly grant: Grant;
  /** Null if it never came to be started. */
  readonly imported: ProcessRun | null;
  /** Since when its refresh tokens are worthless, by the server's account. */
  readonly deadAt: number;
}

export const generationsOf = ({ grants, requests }: History): Generation[] => {
  const generations: Generation[] = grants.map(({ login, family, issued }) => ({
    ...{ login, family, issued },
    ...{ number: 1, by: null, previous: null },
  }));
  const newest = new Map(generations.map((first) => [first.family, first]));
  const rotations = requests.flatMap((by) =>
    by.issued === null ? [] : [{ by, issued: by.issued }],
  );
  for (const { by, issued } of rotations.sort((a, b) => a.issued.at - b.issued.at)) {
    const previous = newest.get(by.family ?? '');
    if (previous !== undefined) {
      const { login, family, number } = previous;
      const next = { login, family, number: number + 1, issued, by, previous };
      newest.set(family, next);
      generations.push(next);
    }
  }
  return generations;
};

export const familiesOf = ({
  grants,
  requests,
  revocations,
  processes,
}: History): Map<string, Family> => {
  const imports = new Map(
    processes.flatMap((run) =>
      run.command.kind === 'import' ? [[run.command.family, run] as const] : [],
    ),
  );
  const ends = groupBy(
    [...revocations, ...requests.filter(({ outcome }) => outcome === 'reuse_detected')],
    ({ family }) => family,
  );
  return new Map(
    grants.map((grant) => [
      grant.family,
      {
        grant,
        imported: imports.get(grant.family) ?? null,
        deadAt: Math.min(...(ends.get(grant.family) ?? []).map(({ at }) => at)),
      },
    ]),
  );
};

/** Each sign of a refresh token in the store, the earliest of each. What is printed must be there, too. */
export const savings = (
  { audit, processes, requests }: History,
  byAccess: ReadonlyMap<Fingerprint, Generation>,
): Map<Fingerprint, number> => {
  const saved = new Map<Fingerprint, number>();
  const note = (refresh: Fingerprint | null | undefined, at: number): void => {
    if (refresh) {
      saved.set(refresh, Math.min(at, saved.get(refresh) ?? at));
    }
  };
  for (const { event, issued, token, at } of audit) {
    note(issued, at);
    note(event === 'import' ? token : null, at);
  }
  for (const { refresh, at } of requests) {
    note(refresh, at);
  }
  for (const { printed, atPrint, autopsy, endedAt } of processes) {
    note(byAccess.get(printed ?? '')?.issued.refresh, endedAt);
    for (const [sight, at] of [
      [atPrint, endedAt],
      [autopsy?.record, autopsy?.at ?? 0],
      [autopsy?.next, autopsy?.at ?? 0],
    ] as const) {
      note(sight?.kind === 'record' ? sight.refresh : null, at);
    }
  }
  return saved;
};

export const groupBy = <Key, Value>(
  values: readonly Value[],
  keyOf: (value: Value) => Key | null,
): Map<Key, Value[]> => {
  const groups = new Map<Key, Value[]>();
  for (const value of values) {
    const key = keyOf(value);
    if (key !== null) {
      const group = groups.get(key) ?? [];
      group.push(value);
      groups.set(key, group);
    }
  }
  return groups;
};
