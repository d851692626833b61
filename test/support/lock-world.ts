import {
  DIRECTORY,
  inLease,
  LOCK,
  type LockStep,
  nameOf,
  parseStored,
  RECORD,
  type Stored,
  textOf,
} from './lock-terms.ts';
import { applyStep, type Disk, type Entry, type Given, type Semantics } from './memory-fs.ts';

/** Everything that processes share: the disk, and an authorization server with single-use refresh tokens. */
export interface World {
  readonly disk: Disk;
  /** Who sent the record's refresh token, in order. Nobody may send any other. */
  readonly senders: readonly number[];
  /** Rotated tokens that were completely written and have never been the record's. */
  readonly unsaved: readonly string[];
}

export type Result = { readonly given: Given } | { readonly errno: string };

export interface Change {
  readonly world: World;
  readonly result: Result;
  readonly violation: string | null;
}

/** What a step does; several outcomes where the server may decide either way. */
export const changesOf = (
  world: World,
  step: Exclude<LockStep, { op: 'judge' }>,
  semantics: Semantics,
): Change[] => {
  if (step.op === 'post') {
    return answersTo(world, step);
  }
  const applied = applyStep(world.disk, step, semantics);
  if ('errno' in applied) {
    return [{ world, result: { errno: applied.errno }, violation: null }];
  }
  const { disk, given } = applied;
  const before = recordOn(world.disk);
  const after = recordOn(disk);
  const written = step.op === 'put' ? tokenIn(disk, world.disk) : null;
  const unsaved = [...new Set([...world.unsaved, ...(written === null ? [] : [written])])]
    .filter((token) => token !== after?.token)
    .sort();
  const senders = before?.token === after?.token ? world.senders : [];
  return [
    {
      world: { disk, unsaved, senders },
      result: { given },
      violation: before === after ? null : badReplacement(before, after),
    },
  ];
};

/**
 * A refresh token is good once. Sent again, it is refused, or given another successor (a
 * provider's grace).
 */
const answersTo = (
  world: World,
  { token, sender }: Extract<LockStep, { op: 'post' }>,
): Change[] => {
  const again = world.senders.length;
  const successor = `t${Number.parseInt(token.slice(1), 10) + 1}${"'".repeat(again)}`;
  const violation =
    token === recordOn(world.disk)?.token ? null : `${token} was sent after it was replaced`;
  return (again === 0 ? [successor] : [successor, null]).map((given) => ({
    world: { ...world, senders: [...world.senders, sender] },
    result: { given },
    violation,
  }));
};

const badReplacement = (before: Stored | null, after: Stored | null): string | null => {
  if (before === null || after === null) {
    return 'the record is torn or gone';
  }
  if (after.generation === before.generation && after.token === before.token) {
    // By its equal: a holder that was told dead saved under a second lease what another one adopted.
    return before.dead && !after.dead ? 'a dead record came to life' : null;
  }
  if (after.generation !== before.generation + 1 || after.parent !== before.token) {
    return `the record of ${before.token} was overwritten by ${after.token}, which is no successor`;
  }
  return null;
};

const parsed = new WeakMap<Entry, { stored: Stored | null }>();

/** The record, the same object for the same file entry. */
export const recordOn = (disk: Disk): Stored | null => {
  const entry = disk.get(RECORD);
  return entry === undefined ? null : storedIn(entry);
};

const storedIn = (entry: Entry): Stored | null => {
  let known = parsed.get(entry);
  if (known === undefined) {
    known = { stored: entry.kind === 'file' ? parseStored(entry.text) : null };
    parsed.set(entry, known);
  }
  return known.stored;
};

/** The token of the next record that the last step completed, if it has a name by which it can be found. */
const tokenIn = (disk: Disk, before: Disk): string | null => {
  for (const [path, entry] of disk) {
    if (before.get(path) !== entry) {
      const stored = storedIn(entry);
      return stored === null || stored.dead ? null : stored.token;
    }
  }
  return null;
};

/** Tokens that were written, are on the disk no longer, and live at best in their process's memory. */
export const tokensAtRisk = ({ disk, unsaved }: World): string[] =>
  unsaved.filter((token) => ![...disk.values()].some((entry) => storedIn(entry)?.token === token));

/** Equal worlds have equal keys. */
export const keyOf = ({ disk, senders, unsaved }: World): string =>
  JSON.stringify([[...disk].sort(([a], [b]) => (a < b ? -1 : 1)), senders, unsaved]);

/** The dead process that some initial states know; no contender has this number. */
export const DEAD = 8;
const T1: Stored = { generation: 1, token: 't1', parent: 't0', dead: false };
const T2: Stored = { generation: 2, token: 't2', parent: 't1', dead: false };

const world = (files: Readonly<Record<string, string | null>>, sent: boolean): World => {
  const entries: [string, Entry][] = [
    [DIRECTORY, { kind: 'directory', mtimeMs: 0 }],
    [RECORD, { kind: 'file', open: null, text: textOf(T1), mtimeMs: 0 }],
  ];
  for (const [path, text] of Object.entries(files)) {
    entries.push([
      path,
      text === null
        ? { kind: 'directory', mtimeMs: 0 }
        : { kind: 'file', open: null, text, mtimeMs: 0 },
    ]);
  }
  return { disk: new Map(entries), senders: sent ? [DEAD] : [], unsaved: [] };
};

const dead = nameOf(DEAD, 1);
const lease = (files: Readonly<Record<string, string>>): Record<string, string | null> => ({
  [LOCK]: null,
  [`${LOCK}/${dead}`]: null,
  [inLease(dead, 'owner.json')]: 'owner',
  ...Object.fromEntries(Object.entries(files).map(([file, text]) => [inLease(dead, file), text])),
});
const SPENT = { 'spent-1-1': '' };

/** Where an exploration may begin: what a predecessor may have left. */
export const INITIAL_WORLDS = {
  'no lock': world({}, false),
  'an empty lock directory': world({ [LOCK]: null }, false),
  "a dead holder's lease, before the gate": world(lease({ 'next.json': 'reserved' }), false),
  'a dead holder past the gate that had not sent yet': world(
    lease({ ...SPENT, 'next.json': 'reserved' }),
    false,
  ),
  'a dead holder past the gate that had sent': world(
    lease({ ...SPENT, 'next.json': 'reserved' }),
    true,
  ),
  'a dead holder with a torn next record': world(
    lease({ ...SPENT, 'next.json': textOf(T2).slice(0, 20) }),
    true,
  ),
  'a dead holder with a complete next record': {
    ...world(lease({ ...SPENT, 'next.json': textOf(T2) }), true),
    unsaved: ['t2'],
  },
} satisfies Readonly<Record<string, World>>;
