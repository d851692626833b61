import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HeldLogin } from '../bound-logins.ts';
import { TokenctlError } from '../errors.ts';
import { findPaths } from '../paths.ts';
import { monotonicMs } from '../platform/clock.ts';
import {
  about,
  commitChange,
  type FileChange,
  type PreparedChange,
  prepareChange,
  readText,
} from './change-file.ts';
import { ambiguousHosts, hostsToWire } from './hosts.ts';
import { withSetupLock } from './lock.ts';
import { readSetupRecord, recovered, type SetupRecord, writeSetupRecord } from './record.ts';
import { lockFileOf } from './target-file.ts';
import type { Asked, AskedHost, Surroundings, Tool, Wiring } from './tool.ts';
import { tools } from './tools.ts';
import type { Entry, Hunk } from './wire.ts';

export interface SetupRequest {
  readonly tool: string;
  readonly hosts: readonly string[];
  readonly login: string | undefined;
  readonly replace: boolean;
  readonly user: string | undefined;
  readonly registry: string | undefined;
  readonly index: string | undefined;
  readonly dryRun: boolean;
  readonly timeoutMs: number;
  /** All of them. */
  readonly logins: readonly HeldLogin[];
  readonly env: NodeJS.ProcessEnv;
  /** Where an installed command is, for those that are not on PATH. */
  readonly program: (name: string) => string;
}

export interface ChangedFile {
  readonly path: string;
  readonly change: 'made' | 'changed' | 'removed';
  readonly hunks: readonly Hunk[];
}

export type SetupOutcome =
  | {
      readonly kind: 'done';
      readonly hosts: readonly string[];
      /** Those that had to be changed: none where all was as it is to be. */
      readonly files: readonly ChangedFile[];
      readonly notes: readonly string[];
      /** Left in these files: it is not in the form any more in which it was written. */
      readonly stuck: readonly { readonly path: string; readonly lines: readonly string[] }[];
    }
  | { readonly kind: 'by-hand'; readonly file: string; readonly lines: string };

/** Wires a tool to tokenctl: what is there stays, what is missing is written, and that is written down. */
export const setUp = async (request: SetupRequest): Promise<SetupOutcome> => {
  const { login, replace, user, registry, index } = request;
  const { takesLogin } = toolOf(request.tool);
  const logins = request.logins.filter((one) => login === undefined || one.login === login);
  const hosts = hostsToWire(request.hosts, logins, login);
  const isNamed = request.hosts.length > 0;
  const asked: Asked = { hosts, isNamed, login, replace, user, registry, index };
  const ambiguous = ambiguousHosts(hosts, takesLogin ? logins : request.logins);
  const unclear = ambiguous.map(
    (host) =>
      `several logins are bound to ${host}, and none answers for it${takesLogin ? '; choose one: --login NAME' : ''}`,
  );
  if (login !== undefined && ambiguous.length > 0) {
    throw new TokenctlError(
      'refused',
      `${request.tool} cannot be told which login is meant, and ${unclear[0]}`,
      {
        hint: `tokenctl hosts OTHER remove ${ambiguous[0]}`,
      },
    );
  }
  return changing(request, (tool, record) => {
    const plan = tool.plan(asked, surroundingsOf(request, tool));
    const wired = new Set(plan.wirings.flatMap((wiring) => wiring.hosts));
    return {
      hosts: [...wired],
      notes: [...unclear, ...plan.notes],
      prepare: eachFile(plan.wirings, (file, wirings, before) =>
        wireFile(file, wirings, tool, request.tool, before),
      )(record),
    };
  });
};

/** Takes out what setup wrote: all of it, or what it wrote for these hosts. */
export const undoSetup = (
  request: SetupRequest,
  hosts: readonly AskedHost[] | null,
): Promise<SetupOutcome> =>
  changing(request, (tool, record) => {
    const gone = hosts?.map(({ host }) => host);
    const concerned = record.entries.filter(
      (entry) =>
        entry.tool === request.tool &&
        (gone === undefined || entry.hosts.some((host) => gone.includes(host))),
    );
    return {
      hosts: [...new Set(concerned.flatMap((entry) => entry.hosts))].filter(
        (host) => gone?.includes(host) ?? true,
      ),
      notes: [],
      prepare: eachFile(concerned, (file, _, before) => unwireFile(file, gone, tool, before))(
        record,
      ),
    };
  });

interface Work {
  readonly hosts: readonly string[];
  readonly notes: readonly string[];
  readonly prepare: readonly PreparedChange[];
}

/** All is prepared before anything is written; and all over again if a file is changed meanwhile. */
const changing = async (
  { tool: name, dryRun, timeoutMs, env }: SetupRequest,
  plan: (tool: Tool, record: SetupRecord) => Work,
): Promise<SetupOutcome> => {
  const tool = toolOf(name);
  const { setup } = findPaths(env);
  if (dryRun) {
    return outcomeOf(plan(tool, readSetupRecord(setup)));
  }
  return withSetupLock(setup, timeoutMs, async () => {
    const end = monotonicMs() + timeoutMs;
    for (;;) {
      const held = readSetupRecord(setup);
      const record = recovered(held);
      if (held.pending !== null) {
        writeSetupRecord(setup, record);
      }
      const work = plan(tool, record);
      const outcome = outcomeOf(work);
      const step = outcome.kind === 'by-hand' ? 'done' : commitAll(setup, record, work);
      if (step === 'done') {
        return outcome;
      }
      if (monotonicMs() >= end) {
        throw blocked(step);
      }
      await sleep(PAUSE_MS);
    }
  });
};

const PAUSE_MS = 50;

const commitAll = (
  recordPath: string,
  before: SetupRecord,
  { prepare }: Work,
): 'done' | FileChange => {
  let record = before;
  for (const prepared of prepare) {
    if (prepared.kind === 'prepared') {
      if (commitChange(recordPath, record, prepared.change) !== 'done') {
        return prepared.change;
      }
      record = prepared.change.record;
    }
  }
  return 'done';
};

const blocked = ({ target: { path } }: FileChange): TokenctlError =>
  new TokenctlError('unavailable', `${path} is being changed by another program`, {
    hint: `try again; if none is running: rm '${lockFileOf(path)}'`,
  });

const outcomeOf = ({ hosts, notes, prepare }: Work): SetupOutcome => {
  const refused = prepare.find((one) => one.kind === 'by-hand');
  if (refused?.kind === 'by-hand') {
    return refused;
  }
  const changes = prepare.flatMap((one) => (one.kind === 'prepared' ? [one.change] : []));
  return {
    ...{ kind: 'done', hosts, notes },
    files: changes
      .filter(({ isChanged }) => isChanged)
      .map(({ file, target, bytes, hunks }) => ({
        path: file,
        change: bytes === null ? 'removed' : target.bytes === null ? 'made' : 'changed',
        hunks,
      })),
    stuck: changes
      .filter(({ stuck }) => stuck.length > 0)
      .map(({ file, stuck }) => ({ path: file, lines: stuck })),
  };
};

/** Each file's change is prepared on the record that the one before leaves. */
const eachFile =
  <T extends { readonly file: string }>(
    all: readonly T[],
    prepare: (file: string, of: readonly T[], record: SetupRecord) => PreparedChange,
  ) =>
  (before: SetupRecord): PreparedChange[] => {
    let record = before;
    return [...new Set(all.map(({ file }) => file))].map((file) => {
      const of = all.filter((one) => one.file === file);
      const prepared = prepare(file, of, record);
      record = prepared.kind === 'prepared' ? prepared.change.record : record;
      return prepared;
    });
  };

const wireFile = (
  named: string,
  wirings: readonly Wiring[],
  tool: Tool,
  toolName: string,
  record: SetupRecord,
): PreparedChange => {
  const file = resolve(named);
  const { target, text } = readText(file, tool);
  if (target.missing.includes(homedir())) {
    throw new TokenctlError('refused', `there is no home directory ${homedir()}`, {
      hint: 'set HOME',
    });
  }
  const data = about(file, () => tool.format.parse(text));
  const dropped: Entry[] = [];
  const added: Omit<Entry, 'edit'>[] = [];
  let entries = record.entries.filter((entry) => entry.file === file);
  for (const { want, hosts } of wirings) {
    const before = entries.find((entry) => entry.want.slot === want.slot);
    const all = [...new Set([...(before?.hosts ?? []), ...hosts])];
    if (tool.format.isDone(data, want)) {
      // By us, or by hand: then it is not ours to take out again.
      entries = entries.map((entry) => (entry === before ? { ...entry, hosts: all } : entry));
    } else {
      dropped.push(...(before === undefined ? [] : [before]));
      added.push({ tool: toolName, file, hosts: all, want });
    }
  }
  return prepareChange(file, target, text, tool, record, { entries, dropped, added });
};

const unwireFile = (
  file: string,
  gone: readonly string[] | undefined,
  tool: Tool,
  record: SetupRecord,
): PreparedChange => {
  const { target, text } = readText(file, tool);
  const entries = record.entries
    .filter((entry) => entry.file === file)
    .map((entry) => ({
      ...entry,
      hosts: gone === undefined ? [] : entry.hosts.filter((host) => !gone.includes(host)),
    }));
  const dropped = entries.filter(({ hosts }) => hosts.length === 0);
  return prepareChange(file, target, text, tool, record, { entries, dropped, added: [] });
};

const toolOf = (name: string): Tool => {
  const tool = Object.hasOwn(tools, name) ? tools[name] : undefined;
  if (tool === undefined) {
    throw new TokenctlError('usage', `setup knows ${Object.keys(tools).join(', ')}`, {
      hint: 'tokenctl setup --help',
    });
  }
  return tool;
};

const surroundingsOf = ({ env, program }: SetupRequest, tool: Tool): Surroundings => ({
  env,
  home: homedir(),
  program,
  read: (path) => {
    const { text } = readText(resolve(path), tool);
    return about(path, () => tool.format.parse(text));
  },
});
